/** One WebSocket to the app: messages of both sides go on whole, in their order, with their type. Pings are answered here, on this hop. */
import type { IncomingMessage } from 'node:http'
import type { RawData, WebSocket } from 'ws'
import type { RelayWebFrame, WebMessage, WebOpen } from '../../protocol/web/web-frames.ts'
import { MAX_CLOSE_REASON_CHARS, MAX_WEB_MESSAGE_BYTES } from '../../protocol/web/web-limits.ts'
import { WEB_OUTBOX_PAUSE_BYTES } from '../web-limits.ts'
import type { WebApp } from '../server/web-app.ts'
import { ExchangeReply } from './exchange-reply.ts'
import type { ExchangePort, WebExchange } from './web-exchange.ts'
import type { WebOutbox } from './web-outbox.ts'

/** Stands for a close without a code, and for one without a frame (RFC 6455 §7.1.5). */
const NO_CODE = 1005
const NO_FRAME = 1006
const TOO_BIG = 1009

export class SocketExchange implements WebExchange {
  readonly #x: string
  readonly #port: ExchangePort
  readonly #reply: ExchangeReply
  #socket: WebSocket | undefined
  /** What the app has answered instead of a WebSocket. */
  #refusal: IncomingMessage | undefined
  #chosen: string | undefined
  #upgraded: IncomingMessage | undefined
  #parts: Uint8Array[] = []
  #partBytes = 0
  #isUp = false

  constructor(open: WebOpen, app: WebApp, port: ExchangePort) {
    this.#x = open.x
    this.#port = port
    this.#reply = new ExchangeReply(open, app, port)
    try {
      this.#socket = app.socket(open)
    } catch (error) {
      this.#reply.fail('APP_REQUEST_REFUSED', error)
      return
    }
    this.#listen(this.#socket, open.protocols ?? [])
  }

  get outbox(): WebOutbox {
    return this.#reply.outbox
  }

  receive(frame: RelayWebFrame, body: Uint8Array): void {
    if (frame.type === 'web_message') this.#message(frame, body)
    else if (frame.type === 'web_close') this.#close(frame.code, frame.reason)
  }

  drained(): void {
    this.#reply.drained()
    if (this.outbox.bytes < WEB_OUTBOX_PAUSE_BYTES && this.#socket?.isPaused === true) this.#socket.resume()
  }

  cancel(): void {
    this.#reply.cancel()
    this.#parts = []
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
      if (this.#upgraded !== undefined) this.#reply.head(this.#upgraded, { protocol: this.#chosen })
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
      if (!this.#isUp) this.#reply.fail('APP_UNREACHABLE', error)
    })
    socket.on('close', (code, reason) => this.#closed(code, reason.toString('utf8')))
  }

  #refused(response: IncomingMessage): void {
    this.#refusal = response
    if (this.#reply.head(response, { protocol: undefined })) this.#reply.body(response, (error) => this.#reply.fail('APP_BROKEN', error))
    else response.destroy()
  }

  #message({ kind, more }: WebMessage, body: Uint8Array): void {
    this.#partBytes += body.length
    if (!this.#reply.intake.received(body.length) || this.#partBytes > MAX_WEB_MESSAGE_BYTES) {
      this.#close(TOO_BIG, 'the message is too big')
      return
    }
    this.#parts.push(body)
    if (more === true) {
      this.#reply.intake.taken(body.length)
      return
    }
    const message = this.#parts.length === 1 ? body : Buffer.concat(this.#parts)
    this.#parts = []
    this.#partBytes = 0
    this.#socket?.send(message, { binary: kind === 'binary' }, () => this.#reply.intake.taken(body.length))
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
    if (this.#refusal === undefined)
      this.#reply.end({ type: 'web_close', x: this.#x, code, reason: reason.slice(0, MAX_CLOSE_REASON_CHARS) })
  }
}

function asBytes(data: RawData): Uint8Array {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : new Uint8Array(data)
}
