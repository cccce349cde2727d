/** What one exchange has to send, in its order and within the relay's credit, a frame at a time. No I/O, no clock. */
import type { AgentWebFrame } from '../../protocol/web/web-frames.ts'
import { WEB_CHUNK_BYTES, WEB_FIRST_BYTES } from '../../protocol/web/web-limits.ts'
import { WEB_MESSAGE_BYTES } from '../web-limits.ts'

/** What the bytes are of: a body, or a message of a WebSocket. */
export type WebBytesKind = 'body' | 'text' | 'binary'

type Entry =
  | { readonly kind: WebBytesKind; readonly bytes: Uint8Array; sent: number }
  | { readonly kind: 'frame'; readonly frame: AgentWebFrame }

export interface FrameOut {
  readonly frame: AgentWebFrame
  readonly body?: Uint8Array
}

export class WebOutbox {
  readonly #x: string
  readonly #entries: Entry[] = []
  #bytes = 0
  /** Messages of a WebSocket that wait. */
  #messages = 0
  #at = 0
  #upto = WEB_FIRST_BYTES

  constructor(x: string) {
    this.#x = x
  }

  /** Bytes that wait, and what the messages cost that have them: an empty one takes memory too. */
  get bytes(): number {
    return this.#bytes + this.#messages * WEB_MESSAGE_BYTES
  }

  /** The running total of what was sent. */
  get at(): number {
    return this.#at
  }

  push(kind: WebBytesKind, bytes: Uint8Array): void {
    if (bytes.length === 0 && kind === 'body') return
    this.#entries.push({ kind, bytes, sent: 0 })
    if (kind !== 'body') this.#messages++
    this.#bytes += bytes.length
  }

  /** A frame without bytes of its own, which goes out behind all that waits. */
  pushFrame(frame: AgentWebFrame): void {
    this.#entries.push({ kind: 'frame', frame })
  }

  /** The relay takes bytes up to this total. Never decreases. */
  credit(upto: number): void {
    this.#upto = Math.max(this.#upto, upto)
  }

  /** Drops what waits. */
  clear(): void {
    this.#entries.length = 0
    this.#bytes = 0
    this.#messages = 0
  }

  /** Takes out the next frame; undefined when there is none, or no credit for it. */
  take(): FrameOut | undefined {
    const [first] = this.#entries
    if (first === undefined) return undefined
    if (first.kind === 'frame') {
      this.#entries.shift()
      return { frame: first.frame }
    }
    const left = first.bytes.length - first.sent
    const size = Math.min(left, this.#upto - this.#at, WEB_CHUNK_BYTES)
    // An empty message is one, too.
    if (size <= 0 && left > 0) return undefined
    const body = first.bytes.subarray(first.sent, first.sent + size)
    first.sent += size
    this.#at += size
    this.#bytes -= size
    const isWhole = first.sent === first.bytes.length
    if (isWhole) this.#entries.shift()
    if (first.kind === 'body') return { frame: { type: 'web_data', x: this.#x, at: this.#at }, body }
    if (isWhole) this.#messages--
    const more = isWhole ? {} : ({ more: true } as const)
    return { frame: { type: 'web_message', x: this.#x, at: this.#at, kind: first.kind, ...more }, body }
  }
}
