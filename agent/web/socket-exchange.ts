/** One WebSocket to the app: messages of both sides go on whole, in their order, with their type. Pings are answered here, on this hop. */
import type { IncomingMessage } from 'node:http'
import type { RawData, WebSocket } from 'ws'
import type { RelayWebFrame, WebMessage, WebOpen } from '../../protocol/web/web-frames.ts'
import { MAX_CLOSE_REASON_CHARS, MAX_WEB_MESSAGE_BYTES } from '../../protocol/web/web-limits.ts'
import { RECEIPT_AFTER_MS, WEB_OUTBOX_PAUSE_BYTES } from '../limits.ts'
import type { WebApp } from '../server/web-app.ts'
import { type ExchangePort, failedWith, sendableHead, type WebExchange, WebIntake } from './web-exchange.ts'
import { WebOutbox } from './web-outbox.ts'

/** Stands for a close without a code, and for one without a frame (RFC 6455 §7.1.5). */
const NO_CODE = 1005
const NO_FRAME = 1006
const TOO_BIG = 1009

export class SocketExchange implements WebExchange {
  readonly outbox: WebOutbox
  readonly #x: string
  readonly #app: WebApp
  readonly #port: ExchangePort
  readonly #intake: WebIntake
  readonly #receiptTimer: NodeJS.Timeout
  #socket: WebSocket | undefined
  /** What the app has answered instead of a WebSocket. */
  #refusal: IncomingMessage | undefined
  #chosen: string | undefined
  #upgraded: IncomingMessage | undefined
  #parts: Uint8Array[] = []
  #partBytes = 0
  #isUp = false
  #isOver = false

  constructor(open: WebOpen, app: WebApp, port: ExchangePort) {
    this.#x = open.x
    this.#app = app
    this.#port = port
    this.outbox = new WebOutbox(open.x)
    this.#intake = new WebIntake(open.x, port)
    // As with a request: an app may leave an upgrade without any answer.
    this.#receiptTimer = setTimeout(() => this.#intake.grant(), RECEIPT_AFTER_MS)
    try {
      this.#socket = app.socket(open)
    } catch (error) {
      this.#fail('APP_REQUEST_REFUSED', error)
      return
    }
    this.#listen(this.#socket, open.protocols ?? [])
  }

  receive(frame: RelayWebFrame, body: Uint8Array): void {
    if (frame.type === 'web_message') this.#message(frame, body)
    else if (frame.type === 'web_close') this.#close(frame.code, frame.reason)
  }

  drained(): void {
    if (this.outbox.bytes >= WEB_OUTBOX_PAUSE_BYTES) return
    if (this.#socket?.isPaused === true) this.#socket.resume()
    this.#refusal?.resume()
  }

  cancel(): void {
    this.#isOver = true
    clearTimeout(this.#receiptTimer)
    this.outbox.clear()
    this.#parts = []
    this.#refusal?.destroy()
    if (this.#isUp) this.#close(1001, '')
    else this.#socket?.terminate()
  }

  #listen(socket: WebSocket, asked: readonly string[]): void {
    socket.on('upgrade', (response) => {
      this.#chosen = response.headers['sec-websocket-protocol']
      // A server need not choose one (RFC 6455 §4.2.2), and browsers take that: `ws` alone would not.
      if (this.#chosen === undefined && asked[0] !== undefined) response.headers['sec-websocket-protocol'] = asked[0]
      this.#upgraded = response
    })
    socket.on('open', () => {
      this.#isUp = true
      if (this.#upgraded !== undefined) this.#head(this.#upgraded)
      this.#upgraded = undefined
      this.#port.ready()
    })
    socket.on('unexpected-response', (_, response) => this.#refused(response))
    socket.on('message', (data, isBinary) => {
      this.outbox.push(isBinary ? 'binary' : 'text', asBytes(data))
      if (this.outbox.bytes >= WEB_OUTBOX_PAUSE_BYTES) socket.pause()
      this.#port.ready()
    })
    socket.on('error', (error) => {
      if (!this.#isUp) this.#fail('APP_UNREACHABLE', error)
    })
    socket.on('close', (code, reason) => this.#closed(code, reason.toString('utf8')))
  }

  #head(response: IncomingMessage): void {
    clearTimeout(this.#receiptTimer)
    const { statusCode = 0, rawHeaders } = response
    const headers = this.#app.answered(rawHeaders).filter(([name]) => !/^sec-websocket-/i.test(name))
    const protocol = this.#chosen === undefined ? {} : { protocol: this.#chosen }
    this.outbox.pushFrame(sendableHead({ type: 'web_head', x: this.#x, status: statusCode, headers, ...protocol }))
  }

  #refused(response: IncomingMessage): void {
    this.#refusal = response
    this.#head(response)
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
    response.on('error', (error) => this.#fail('APP_BROKEN', error))
    this.#port.ready()
  }

  #message({ kind, more }: WebMessage, body: Uint8Array): void {
    this.#partBytes += body.length
    if (!this.#intake.received(body.length) || this.#partBytes > MAX_WEB_MESSAGE_BYTES) {
      this.#close(TOO_BIG, 'the message is too big')
      return
    }
    this.#parts.push(body)
    if (more === true) {
      this.#intake.taken(body.length)
      return
    }
    const message = this.#parts.length === 1 ? body : Buffer.concat(this.#parts)
    this.#parts = []
    this.#partBytes = 0
    this.#socket?.send(message, { binary: kind === 'binary' }, () => this.#intake.taken(body.length))
  }

  #close(code: number, reason: string): void {
    const socket = this.#socket
    if (socket === undefined) return
    try {
      if (code === NO_CODE) socket.close()
      else if (code === NO_FRAME) socket.terminate()
      else socket.close(code, reason)
    } catch {
      // A code that may not be sent.
      socket.close(1000)
    }
    // Paused, it would never see the other side's close.
    socket.resume()
  }

  #closed(code: number, reason: string): void {
    if (this.#isOver || this.#refusal !== undefined) return
    this.#isOver = true
    this.outbox.pushFrame({ type: 'web_close', x: this.#x, code, reason: reason.slice(0, MAX_CLOSE_REASON_CHARS) })
    this.#port.ready()
  }

  #fail(code: 'APP_UNREACHABLE' | 'APP_BROKEN' | 'APP_REQUEST_REFUSED', error?: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#receiptTimer)
    this.outbox.pushFrame(failedWith(this.#x, code, error))
    this.#port.ready()
  }
}

function asBytes(data: RawData): Uint8Array {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : new Uint8Array(data)
}
