/** One exchange with a web app, as its Worker sees it: a socket to the Share, on which the frames of the link come and go, within credit. */
import { decodeAgentFrame, decodeRelayFrame, encodeFrame } from '../../protocol/frame-codec.ts'
import type { AgentWebFrame, RelayWebFrame, WebOpen } from '../../protocol/web/web-frames.ts'
import { WEB_CHUNK_BYTES, WEB_FIRST_BYTES } from '../../protocol/web/web-limits.ts'
import type { WebControl } from '../contract/streams.ts'
import type { GrantFacts } from '../contract/trust/trust-rpc.ts'

/** What becomes of an exchange. */
export interface WebReader {
  readonly onFrame: (frame: AgentWebFrame, body: Uint8Array) => void
  readonly onGrant: (facts: GrantFacts) => void
  /** The Share has closed the socket, or is gone. Not called after `close`. */
  readonly onLost: (code: number) => void
}

/** Taken bytes are told when they are so many, or so many and nothing more is there. */
const TELL_BYTES = 128 * 1024
const TELL_SOON_BYTES = WEB_FIRST_BYTES / 2

export class WebExchange {
  readonly #x: string
  readonly #socket: WebSocket
  #reader: WebReader | undefined
  /** What came before there was a reader. */
  readonly #early: (() => void)[] = []
  #at = 0
  #upto = WEB_FIRST_BYTES
  #wake: (() => void) | undefined
  #taken = 0
  #told = 0
  #isOver = false

  constructor(x: string, socket: WebSocket) {
    this.#x = x
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => this.#receive(data as string | ArrayBuffer))
    socket.addEventListener('close', ({ code }) => this.#lost(code))
    // A peer that fails may be told of by this alone.
    socket.addEventListener('error', () => this.#lost(1006))
    socket.accept()
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** False for what cannot be sent as it is: more fields, or longer ones, than a frame holds. */
  begin(open: Omit<WebOpen, 'type' | 'x'>, reader: WebReader): boolean {
    const frame = encodeFrame({ type: 'web_open', x: this.#x, ...open })
    if (!decodeRelayFrame(frame).ok) return false
    this.#reader = reader
    this.#socket.send(frame)
    for (const hear of this.#early.splice(0)) hear()
    return true
  }

  /** Sends bytes of a body as far as there is credit, and waits for more; false when nobody wants them any more. */
  async upload(bytes: Uint8Array): Promise<boolean> {
    for (let from = 0; from < bytes.length;) {
      const size = await this.#room(bytes.length - from)
      if (size === 0) return false
      this.#at += size
      this.#send({ type: 'web_data', x: this.#x, at: this.#at }, bytes.subarray(from, from + size))
      from += size
    }
    return !this.#isOver
  }

  /** The same of a WebSocket message, which may be empty. */
  async message(kind: 'text' | 'binary', bytes: Uint8Array): Promise<boolean> {
    let from = 0
    do {
      const size = bytes.length === 0 ? 0 : await this.#room(bytes.length - from)
      if (this.#isOver || (size === 0 && bytes.length > 0)) return false
      this.#at += size
      from += size
      const more = from < bytes.length ? ({ more: true } as const) : {}
      this.#send({ type: 'web_message', x: this.#x, at: this.#at, kind, ...more }, bytes.subarray(from - size, from))
    } while (from < bytes.length)
    return true
  }

  /** Ends what this side sends. */
  end(how: { readonly type: 'web_end' } | { readonly type: 'web_close'; readonly code: number; readonly reason: string }): void {
    this.#send({ x: this.#x, ...how })
  }

  /** The client has taken bytes. `isIdle`: nothing more waits for it here. */
  taken(bytes: number, isIdle: boolean): void {
    this.#taken += bytes
    const untold = this.#taken - this.#told
    if (this.#isOver || (untold < TELL_BYTES && !(isIdle && untold >= TELL_SOON_BYTES))) return
    this.#told = this.#taken
    this.#socket.send(JSON.stringify({ type: 'web_taken', total: this.#taken } satisfies WebControl))
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#wake?.()
    this.#socket.close(1000)
  }

  /** How many bytes may be sent now, of so many; 0 when the exchange is over. */
  async #room(wanted: number): Promise<number> {
    while (!this.#isOver && this.#at >= this.#upto) await new Promise<void>((resolve) => (this.#wake = resolve))
    return this.#isOver ? 0 : Math.min(wanted, this.#upto - this.#at, WEB_CHUNK_BYTES)
  }

  #receive(data: string | ArrayBuffer): void {
    if (this.#reader === undefined) {
      this.#early.push(() => this.#receive(data))
      return
    }
    if (typeof data === 'string') {
      const control = JSON.parse(data) as WebControl
      if (control.type === 'grant') this.#reader.onGrant(control.facts)
      return
    }
    const frame = decodeAgentFrame(new Uint8Array(data))
    if (this.#isOver || !frame.ok || !('x' in frame.value.header)) return
    const { header, body } = frame.value
    if (header.type === 'web_credit') {
      this.#upto = Math.max(this.#upto, header.upto)
      this.#wake?.()
    } else this.#reader.onFrame(header, body)
  }

  #lost(code: number): void {
    if (this.#isOver) return
    if (this.#reader === undefined) {
      this.#early.push(() => this.#lost(code))
      return
    }
    this.#isOver = true
    this.#wake?.()
    this.#reader.onLost(code)
  }

  #send(frame: RelayWebFrame, body?: Uint8Array): void {
    if (!this.#isOver) this.#socket.send(encodeFrame(frame, body))
  }
}
