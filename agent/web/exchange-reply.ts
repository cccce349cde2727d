/** What goes back of one exchange with the app: a head, a body as it is taken, and one end, whichever comes first; until the head, signs that the agent is there. */
import type { IncomingMessage } from 'node:http'
import type { AgentWebFrame, WebFailureCode, WebOpen } from '../../protocol/web/web-frames.ts'
import { RECEIPT_AFTER_MS } from '../limits.ts'
import { WEB_OUTBOX_PAUSE_BYTES } from '../web-limits.ts'
import type { WebApp } from '../server/web-app.ts'
import { type ExchangePort, failedWith, sendableHead, WebIntake } from './web-exchange.ts'
import { WebOutbox } from './web-outbox.ts'

export class ExchangeReply {
  readonly outbox: WebOutbox
  readonly intake: WebIntake
  readonly #x: string
  readonly #app: WebApp
  readonly #port: ExchangePort
  readonly #receiptTimer: NodeJS.Timeout
  #source: IncomingMessage | undefined
  #status: number | undefined
  #isOver = false

  constructor({ x }: Pick<WebOpen, 'x'>, app: WebApp, port: ExchangePort) {
    this.#x = x
    this.#app = app
    this.#port = port
    this.outbox = new WebOutbox(x)
    this.intake = new WebIntake(x, port)
    // So that the relay does not take an agent whose app is slow, or leaves an upgrade without any answer, for one that is gone.
    this.#receiptTimer = setTimeout(() => this.intake.grant(), RECEIPT_AFTER_MS)
  }

  /** Nothing more goes back. */
  get isOver(): boolean {
    return this.#isOver
  }

  get hasHead(): boolean {
    return this.#status !== undefined
  }

  /** Sends a head; false for one that cannot be sent, which ends the exchange. `protocol`: of a WebSocket, whose handshake is this agent's own. */
  head({ statusCode = 0, rawHeaders }: IncomingMessage, socket?: { readonly protocol: string | undefined }): boolean {
    clearTimeout(this.#receiptTimer)
    this.#status = statusCode
    const all = this.#app.answered(rawHeaders)
    const headers = socket === undefined ? all : all.filter(([name]) => !/^sec-websocket-/i.test(name))
    const protocol = socket?.protocol === undefined ? {} : { protocol: socket.protocol }
    const head = sendableHead({ type: 'web_head', x: this.#x, status: statusCode, headers, ...protocol })
    if (head.type === 'web_failed') {
      this.#end(head, head.code)
      return false
    }
    this.outbox.pushFrame(head)
    return true
  }

  /** Sends the rest of a response whose head was sent, as it is taken. `broken`: told of what goes wrong with it. */
  body(response: IncomingMessage, broken: (error: unknown) => void): void {
    this.#source = response
    response.on('data', (chunk: Buffer) => {
      this.outbox.push('body', chunk)
      if (this.outbox.bytes >= WEB_OUTBOX_PAUSE_BYTES) response.pause()
      this.#port.ready()
    })
    response.on('end', () => this.end({ type: 'web_end', x: this.#x }))
    response.on('error', broken)
    this.#port.ready()
  }

  /** The outbox has got emptier. */
  drained(): void {
    if (this.outbox.bytes < WEB_OUTBOX_PAUSE_BYTES) this.#source?.resume()
  }

  /** The last frame, behind all that waits. */
  end(frame: AgentWebFrame): void {
    this.#end(frame, 'ok')
  }

  /** Ends it with what the client is told of a failure. */
  fail(code: WebFailureCode, error?: unknown): void {
    this.#end(failedWith(this.#x, code, error), code)
  }

  /** Nobody waits for it any more. */
  cancel(): void {
    if (!this.#isOver) this.#over('left')
    this.outbox.clear()
    this.#source?.destroy()
  }

  #end(frame: AgentWebFrame, outcome: string): void {
    if (this.#isOver) return
    this.#over(outcome)
    this.outbox.pushFrame(frame)
    this.#port.ready()
  }

  #over(outcome: string): void {
    this.#isOver = true
    clearTimeout(this.#receiptTimer)
    this.#port.ended(outcome, this.#status)
  }
}
