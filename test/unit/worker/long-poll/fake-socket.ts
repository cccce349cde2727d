/** The Share's end of a link that polls, as far as tests say something by it. */

export class FakeSocket extends EventTarget {
  readonly sent: (string | Uint8Array)[] = []
  readonly closes: string[] = []

  accept(): void {}

  send(data: string | Uint8Array): void {
    this.sent.push(data)
  }

  close(code: number, reason: string): void {
    this.closes.push(`${code} ${reason}`)
  }

  /** The Share says this. */
  says(data: string | ArrayBuffer): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }))
  }

  asWebSocket(): WebSocket {
    return this as unknown as WebSocket
  }
}
