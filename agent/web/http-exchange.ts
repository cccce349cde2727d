/** One HTTP request to the app: its body goes in as the app takes it, and the answer comes out as the client takes it. Nothing is assembled. */
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { RelayWebFrame, WebOpen } from '../../protocol/web/web-frames.ts'
import { RECEIPT_AFTER_MS, WEB_OUTBOX_PAUSE_BYTES } from '../limits.ts'
import type { WebApp } from '../server/web-app.ts'
import { type ExchangePort, failedWith, sendableHead, type WebExchange, WebIntake } from './web-exchange.ts'
import { WebOutbox } from './web-outbox.ts'

export class HttpExchange implements WebExchange {
  readonly outbox: WebOutbox
  readonly #x: string
  readonly #app: WebApp
  readonly #port: ExchangePort
  readonly #intake: WebIntake
  readonly #receiptTimer: NodeJS.Timeout
  #request: ClientRequest | undefined
  #response: IncomingMessage | undefined
  #isOver = false

  constructor(open: WebOpen, app: WebApp, port: ExchangePort) {
    this.#x = open.x
    this.#app = app
    this.#port = port
    this.outbox = new WebOutbox(open.x)
    this.#intake = new WebIntake(open.x, port)
    // So that the relay does not take an agent whose app is slow for one that is gone.
    this.#receiptTimer = setTimeout(() => this.#intake.grant(), RECEIPT_AFTER_MS)
    try {
      this.#request = app.request(open)
    } catch (error) {
      this.#end('APP_REQUEST_REFUSED', error)
      return
    }
    this.#request.on('response', (response) => this.#answered(response))
    this.#request.on('error', (error) => this.#broken(error))
    // A switch of protocols that nobody has asked for.
    this.#request.on('upgrade', (_, socket) => {
      socket.destroy()
      this.#end('APP_BROKEN')
    })
    if (open.hasBody !== true) this.#request.end()
  }

  receive(frame: RelayWebFrame, body: Uint8Array): void {
    if (frame.type === 'web_data') this.#send(body)
    else if (frame.type === 'web_end') this.#request?.end()
  }

  drained(): void {
    if (this.outbox.bytes < WEB_OUTBOX_PAUSE_BYTES) this.#response?.resume()
  }

  cancel(): void {
    this.#isOver = true
    clearTimeout(this.#receiptTimer)
    this.outbox.clear()
    this.#response?.destroy()
    this.#request?.destroy()
  }

  #send(body: Uint8Array): void {
    if (!this.#intake.received(body.length)) {
      this.#request?.destroy()
      this.#end('APP_REQUEST_REFUSED')
      return
    }
    const request = this.#request
    // What an app does not want to read is not waited for.
    if (request === undefined || request.destroyed || request.writableEnded) this.#intake.taken(body.length)
    else request.write(body, () => this.#intake.taken(body.length))
  }

  #answered(response: IncomingMessage): void {
    if (this.#isOver) return
    clearTimeout(this.#receiptTimer)
    this.#response = response
    const { statusCode = 0, rawHeaders } = response
    const headers = this.#app.answered(rawHeaders)
    const head = sendableHead({ type: 'web_head', x: this.#x, status: statusCode, headers })
    this.outbox.pushFrame(head)
    if (head.type !== 'web_head') {
      this.#isOver = true
      response.destroy()
      this.#port.ready()
      return
    }
    response.on('data', (chunk: Buffer) => {
      this.outbox.push('body', chunk)
      if (this.outbox.bytes >= WEB_OUTBOX_PAUSE_BYTES) response.pause()
      this.#port.ready()
    })
    response.on('end', () => {
      if (this.#isOver) return
      this.#isOver = true
      this.outbox.pushFrame({ type: 'web_end', x: this.#x })
      this.#port.ready()
    })
    response.on('error', (error) => this.#broken(error))
    this.#port.ready()
  }

  #broken(error: unknown): void {
    // An app may answer, and then close without having read all of the request.
    this.#end(this.#response === undefined && !wasConnected(error) ? 'APP_UNREACHABLE' : 'APP_BROKEN', error)
  }

  #end(code: 'APP_UNREACHABLE' | 'APP_BROKEN' | 'APP_REQUEST_REFUSED', error?: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#receiptTimer)
    this.outbox.pushFrame(failedWith(this.#x, code, error))
    this.#port.ready()
  }
}

/** Errors of dialling: nothing has reached the app. */
const DIALLING: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'])

function wasConnected(error: unknown): boolean {
  return !(typeof error === 'object' && error !== null && 'code' in error && DIALLING.has(error.code))
}
