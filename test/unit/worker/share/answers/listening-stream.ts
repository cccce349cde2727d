/** A socket as the platform gives it to the Share, for the GET stream of a client that may leave unseen. */

/** The Share's end of a stream, and what is on its way to the client. */
export class ListeningStream {
  readyState: number = WebSocket.OPEN
  tags: readonly string[] = []
  readonly session: string
  readonly onItsWay: number[] = []
  /** Of a client that has left what is written goes nowhere. */
  hasClient = true
  /** What the Worker has passed on: nothing twice. */
  readonly passed = new Set<number>()
  #attachment: unknown

  constructor(session: string) {
    this.session = session
  }

  serializeAttachment(value: unknown): void {
    this.#attachment = structuredClone(value)
  }

  deserializeAttachment(): unknown {
    return this.#attachment
  }

  write(n: number): void {
    if (this.hasClient) this.onItsWay.push(n)
  }

  close(): void {
    this.readyState = WebSocket.CLOSING
  }

  leave(): void {
    this.hasClient = false
    this.onItsWay.length = 0
  }

  get socket(): WebSocket {
    return this as unknown as WebSocket
  }
}
