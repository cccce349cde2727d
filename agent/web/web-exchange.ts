/** What the exchanges of both kinds, requests and WebSockets, have in common: what they are told, and the credit that they give. */
import { decodeAgentFrame, encodeFrame } from '../../protocol/frame-codec.ts'
import type { AgentWebFrame, RelayWebFrame, WebFailureCode, WebHead } from '../../protocol/web/web-frames.ts'
import { WEB_FIRST_BYTES } from '../../protocol/web/web-limits.ts'
import type { WebOutbox } from './web-outbox.ts'

/** What of the link an exchange is given. */
export interface ExchangePort {
  /** Its outbox has something. */
  readonly ready: () => void
  /** Sends a frame beside the outbox, at once. */
  readonly send: (frame: AgentWebFrame) => void
  /** Bytes that may be on their way to it. */
  readonly window: () => number
  /** It is over. `outcome`: `ok`, `left` by its client, or the code of a failure; `status`: what the app has answered. */
  readonly ended: (outcome: string, status: number | undefined) => void
}

export interface WebExchange {
  readonly outbox: WebOutbox
  /** What comes of the relay for it, but `web_open`, `web_credit` and `web_gone`. */
  receive(frame: RelayWebFrame, body: Uint8Array): void
  /** The outbox has got emptier. */
  drained(): void
  /** Nobody waits for it any more: what it holds is let go. */
  cancel(): void
}

/** Counts what came of the relay for one exchange, and says how far that may go on. */
export class WebIntake {
  readonly #x: string
  readonly #port: ExchangePort
  #received = 0
  #taken = 0
  #upto = WEB_FIRST_BYTES

  constructor(x: string, port: ExchangePort) {
    this.#x = x
    this.#port = port
  }

  /** Bytes have come; false when they are more than was granted. */
  received(bytes: number): boolean {
    this.#received += bytes
    return this.#received <= this.#upto
  }

  /** The app has taken bytes. The relay is told when it is worth a frame. */
  taken(bytes: number): void {
    this.#taken += bytes
    const window = this.#port.window()
    if (this.#taken + window - this.#upto >= window / 4) this.grant()
  }

  /** Tells the relay how far it may go on; to one that waits for an answer it is also a sign of life. */
  grant(): void {
    this.#upto = Math.max(this.#upto, this.#taken + this.#port.window())
    this.#port.send({ type: 'web_credit', x: this.#x, upto: this.#upto })
  }
}

/** A head as the relay takes it, or a failure: an app must not be able to end the link for others by what it answers. */
export function sendableHead(head: WebHead): AgentWebFrame {
  return decodeAgentFrame(encodeFrame(head)).ok ? head : failedWith(head.x, 'APP_BROKEN')
}

/** What the client is told of a failure: the app's own words stay on this machine. */
export function failedWith(x: string, code: WebFailureCode, error?: unknown): AgentWebFrame {
  const reason = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined
  return { type: 'web_failed', x, code, ...(reason !== undefined && /^[A-Z_0-9]{1,40}$/.test(reason) ? { detail: `${reason}.` } : {}) }
}
