/** A WebSocket between a client and the web app: messages both ways whole and in order, closes with their codes. Pings are the runtime's to answer. */
import { concat } from '../../protocol/splice.ts'
import type { WebMessage } from '../../protocol/web/web-frames.ts'
import { MAX_WEB_MESSAGE_BYTES } from '../../protocol/web/web-limits.ts'
import { MAX_WEB_BACKLOG_BYTES, WEB_BACKLOG_MESSAGE_BYTES } from '../web-limits.ts'
import type { WebExchange } from './web-exchange.ts'

export interface SocketBridge {
  /** Gives the client its end, when the app has agreed. */
  response(protocol: string | undefined, cookies: readonly string[]): Response
  message(frame: WebMessage, bytes: Uint8Array): void
  /** The app has closed. */
  close(code: number, reason: string): void
  /** There is no way to the app any more. */
  broken(): void
}

const NO_CODE = 1005
const NO_FRAME = 1006
const GOING_AWAY = 1001
const TOO_BIG = 1009
const INTERNAL_ERROR = 1011

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** `over`: both sides have closed. */
export function bridgeSocket(exchange: WebExchange, over: () => void): SocketBridge {
  return new Bridge(exchange, over)
}

class Bridge implements SocketBridge {
  readonly #exchange: WebExchange
  readonly #over: () => void
  #client: WebSocket | undefined
  #parts: Uint8Array[] = []
  #partBytes = 0
  /** What the client has sent, in its order, and how much of it waits. */
  #sending: Promise<unknown> = Promise.resolve()
  #backlog = 0

  constructor(exchange: WebExchange, over: () => void) {
    this.#exchange = exchange
    this.#over = over
  }

  response(protocol: string | undefined, cookies: readonly string[]): Response {
    const [theirs, ours] = Object.values(new WebSocketPair())
    if (theirs === undefined || ours === undefined) throw new Error('no socket pair')
    ours.binaryType = 'arraybuffer'
    ours.addEventListener('message', ({ data }) => this.#fromClient(data as string | ArrayBuffer))
    ours.addEventListener('close', ({ code, reason }) => this.#clientClosed(code, reason))
    ours.addEventListener('error', () => this.#clientClosed(NO_FRAME, ''))
    ours.accept()
    this.#client = ours
    return new Response(null, {
      status: 101,
      webSocket: theirs,
      headers: [
        ...cookies.map((value): [string, string] => ['set-cookie', value]),
        ...(protocol === undefined ? [] : [['sec-websocket-protocol', protocol] as [string, string]]),
      ],
    })
  }

  message({ kind, more }: WebMessage, bytes: Uint8Array): void {
    this.#partBytes += bytes.length
    if (this.#partBytes > MAX_WEB_MESSAGE_BYTES) return this.#end(TOO_BIG, 'the message is too big')
    // Parts lie in the buffers of their frames.
    this.#parts.push(bytes)
    this.#exchange.taken(bytes.length, true)
    if (more === true) return
    const message = this.#parts.length === 1 ? bytes : concat(this.#parts)
    this.#parts = []
    this.#partBytes = 0
    try {
      this.#client?.send(kind === 'text' ? decoder.decode(message) : message)
    } catch {
      // It is closing, which its close event tells.
    }
  }

  close(code: number, reason: string): void {
    this.#end(code, reason)
  }

  broken(): void {
    this.#end(INTERNAL_ERROR, 'the web app cannot be reached any more')
  }

  #fromClient(data: string | ArrayBuffer): void {
    const bytes = typeof data === 'string' ? encoder.encode(data) : new Uint8Array(data)
    const held = bytes.length + WEB_BACKLOG_MESSAGE_BYTES
    this.#backlog += held
    if (bytes.length > MAX_WEB_MESSAGE_BYTES || this.#backlog > MAX_WEB_BACKLOG_BYTES) {
      this.#exchange.end({ type: 'web_close', code: TOO_BIG, reason: 'the message is too big' })
      return this.#end(TOO_BIG, 'the message is too big, or too many wait')
    }
    const kind = typeof data === 'string' ? 'text' : 'binary'
    this.#sending = this.#sending.then(() => this.#exchange.message(kind, bytes)).then(() => (this.#backlog -= held))
  }

  #clientClosed(code: number, reason: string): void {
    const client = this.#client
    this.#client = undefined
    if (client === undefined) return
    closeSocket(client, code, '')
    void this.#sending.then(() => {
      this.#exchange.end({ type: 'web_close', code: code === NO_FRAME ? GOING_AWAY : code, reason })
      this.#over()
    })
  }

  #end(code: number, reason: string): void {
    const client = this.#client
    this.#client = undefined
    this.#parts = []
    if (client !== undefined) closeSocket(client, code, reason)
    this.#over()
  }
}

/** Closes with a code that may be sent: one that stands for no frame becomes that of a failure (RFC 6455 §7.4.1). */
function closeSocket(socket: WebSocket, code: number, reason: string): void {
  try {
    if (code === NO_CODE) socket.close()
    else socket.close(code === NO_FRAME ? INTERNAL_ERROR : code, reason)
  } catch {
    try {
      socket.close(INTERNAL_ERROR)
    } catch {
      // Closed already.
    }
  }
}
