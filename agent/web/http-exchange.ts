/** One HTTP request to the app: its body goes in as the app takes it, and the answer comes out as the client takes it. Nothing is assembled. */
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { RelayWebFrame, WebOpen } from '../../protocol/web/web-frames.ts'
import type { WebApp } from '../server/web-app.ts'
import { ExchangeReply } from './exchange-reply.ts'
import type { ExchangePort, WebExchange } from './web-exchange.ts'
import type { WebOutbox } from './web-outbox.ts'

export class HttpExchange implements WebExchange {
  readonly #reply: ExchangeReply
  #request: ClientRequest | undefined

  constructor(open: WebOpen, app: WebApp, port: ExchangePort) {
    this.#reply = new ExchangeReply(open, app, port)
    try {
      this.#request = app.request(open)
    } catch (error) {
      this.#reply.fail('APP_REQUEST_REFUSED', error)
      return
    }
    this.#request.on('response', (response) => this.#answered(response))
    this.#request.on('error', (error) => this.#broken(error))
    // A switch of protocols that nobody has asked for.
    this.#request.on('upgrade', (_, socket) => {
      socket.destroy()
      this.#reply.fail('APP_BROKEN')
    })
    if (open.hasBody !== true) this.#request.end()
  }

  get outbox(): WebOutbox {
    return this.#reply.outbox
  }

  receive(frame: RelayWebFrame, body: Uint8Array): void {
    if (frame.type === 'web_data') this.#send(body)
    else if (frame.type === 'web_end') this.#request?.end()
  }

  drained(): void {
    this.#reply.drained()
  }

  cancel(): void {
    this.#reply.cancel()
    this.#request?.destroy()
  }

  #send(body: Uint8Array): void {
    const { intake } = this.#reply
    if (!intake.received(body.length)) {
      this.#request?.destroy()
      this.#reply.fail('APP_REQUEST_REFUSED')
      return
    }
    const request = this.#request
    // What an app does not want to read is not waited for.
    if (request === undefined || request.destroyed || request.writableEnded) intake.taken(body.length)
    else request.write(body, () => intake.taken(body.length))
  }

  #answered(response: IncomingMessage): void {
    if (this.#reply.isOver) return
    if (this.#reply.head(response)) this.#reply.body(response, (error) => this.#broken(error))
    else response.destroy()
  }

  #broken(error: unknown): void {
    // An app may answer, and then close without having read all of the request.
    this.#reply.fail(!this.#reply.hasHead && !wasConnected(error) ? 'APP_UNREACHABLE' : 'APP_BROKEN', error)
  }
}

/** Errors of dialling: nothing has reached the app. */
const DIALLING: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'])

function wasConnected(error: unknown): boolean {
  return !(typeof error === 'object' && error !== null && 'code' in error && DIALLING.has(error.code))
}
