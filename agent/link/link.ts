/** One link to the relay, from dialling to its end: sends the hello, passes frames to the channels and back, notices when it is dead. Never dials again. */
import { WebSocket, type RawData } from 'ws'
import { Bundle } from '../../protocol/bundle.ts'
import type { AgentFrame, RelayFrame } from '../../protocol/frame.ts'
import { decodeRelayFrame, encodeFrame, type DecodedFrame } from '../../protocol/frame-codec.ts'
import { CLOSE, LINK_SUBPROTOCOL, PING, PONG, type Hello, type Welcome } from '../../protocol/handshake.ts'
import { CHUNK_BYTES, HELLO_MS, MAX_HEADER_BYTES } from '../../protocol/limits.ts'
import type { LinkPort } from '../channel/channel-context.ts'
import type { Channels } from '../channel/channels.ts'
import type { WebExchanges, WebLinkPort } from '../web/web-exchanges.ts'
import type { ProtocolFault } from '../channel/intake.ts'
import type { TlsFiles } from '../config/transport-options.ts'
import type { LinkSocket } from './link-socket.ts'
import { throughProxy } from './proxy.ts'
import { readRefusal, type Refusal } from './refusal.ts'
import { unreachableReason } from './unreachable.ts'
import { WebPacing } from './web-pacing.ts'
import { CLOSE_MS, PASS_MS, SOCKET_PAUSE_BYTES, SOCKET_RESUME_BYTES } from '../limits.ts'
import { WEB_SOCKET_PAUSE_BYTES } from '../web-limits.ts'

/** How an attempt or a link ended. */
export type LinkEnd =
  /** There was no link: the upgrade was refused with an HTTP status, by the relay or by something else, or nobody was reached. */
  | ({ readonly kind: 'refused' } & Refusal)
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** There was a link. `livedMs` counts from the welcome. */
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string; readonly livedMs: number }

export interface LinkHandlers {
  /** The relay let us in. */
  readonly welcomed: (link: Link, welcome: Welcome) => void
  /** So much of what the server offers is held back from clients. */
  readonly unaccepted: (count: number) => void
  /** The relay asks for the server's resource metadata, under this key. */
  readonly metadataAsked: (key: string) => void
  /** The relay is about to go. */
  readonly draining: () => void
}

export interface LinkOptions {
  readonly url: URL
  readonly token: string
  /** The proxy to go through, and certificates. */
  readonly proxy?: URL | undefined
  readonly tls?: TlsFiles | undefined
  /** Compression: pays over a network, costs on one machine. */
  readonly compress: boolean
  /** How long dialling may take, from the lookup to the upgrade. */
  readonly dialMs: number
  readonly keepaliveMs: number
  readonly userAgent: string
  readonly hello: () => Hello
  /** Get the frames of the relay, and are told when the socket takes more again. */
  readonly channels: Pick<Channels, 'receive' | 'flush'>
  /** The same for exchanges with a web app. */
  readonly web: Pick<WebExchanges, 'receive' | 'flush' | 'size'>
  /** The hello waits for this; the dialling does not. Never rejects. */
  readonly ready: Promise<unknown>
  /** Ends the attempt or the link in good order. */
  readonly signal: AbortSignal
}

/** The largest frame of the protocol. */
const MAX_FRAME_BYTES = MAX_HEADER_BYTES + 1 + CHUNK_BYTES
const COMPRESS_FROM_BYTES = 1024

/** Dials once, by a WebSocket. Resolves, never rejects, when there is no link or none any more. */
export async function connectOnce(options: LinkOptions, handlers: LinkHandlers): Promise<LinkEnd> {
  if (options.signal.aborted) return { kind: 'unreachable', reason: 'stopped' }
  const socket = newSocket(options)
  const cancel = (): void => socket.terminate()
  options.signal.addEventListener('abort', cancel, { once: true })
  try {
    return (await dial(socket)) ?? (await serveLink(socket, options, handlers))
  } finally {
    options.signal.removeEventListener('abort', cancel)
  }
}

/** Serves over a socket that is open, until its end. */
export async function serveLink(socket: LinkSocket, options: LinkOptions, handlers: LinkHandlers): Promise<LinkEnd> {
  await options.ready
  if (socket.readyState !== WebSocket.OPEN) return { kind: 'unreachable', reason: 'closed before the hello' }
  return new Link(socket, options, handlers).ended
}

/** Whether a WebSocket gets through to the relay, both ways. Never rejects. */
export async function webSocketPasses(options: LinkOptions, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false
  const socket = newSocket(options)
  const cancel = (): void => socket.terminate()
  signal.addEventListener('abort', cancel, { once: true })
  const timer = setTimeout(cancel, PASS_MS)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  socket.once('message', (data, isBinary) => resolve(!isBinary && asBytes(data).toString('utf8') === PONG))
  socket.once('close', () => resolve(false))
  try {
    if ((await dial(socket)) !== undefined) return false
    socket.send(PING)
    return await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', cancel)
    socket.close()
  }
}

function newSocket({ url, proxy, tls = {}, token, userAgent, compress, dialMs }: LinkOptions): WebSocket {
  const tunnel = proxy === undefined ? {} : { createConnection: throughProxy(proxy, url.protocol === 'wss:', tls) as never }
  return new WebSocket(url, [LINK_SUBPROTOCOL], {
    ...tls,
    ...tunnel,
    headers: { authorization: `Bearer ${token}`, 'user-agent': userAgent },
    perMessageDeflate: compress && { threshold: COMPRESS_FROM_BYTES },
    maxPayload: MAX_FRAME_BYTES,
    handshakeTimeout: dialMs,
    followRedirects: false,
  })
}

/** Resolves with undefined when the socket is open. */
function dial(socket: WebSocket): Promise<LinkEnd | undefined> {
  const { promise, resolve } = Promise.withResolvers<LinkEnd | undefined>()
  socket.once('open', () => resolve(undefined))
  socket.once('unexpected-response', (request, response) => {
    void readRefusal(response).then((refusal) => {
      resolve({ kind: 'refused', ...refusal })
      request.destroy()
    })
  })
  // Also after the link is up: an error is always followed by a close, which is what we wait for.
  socket.on('error', (error) => resolve({ kind: 'unreachable', reason: unreachableReason(error) }))
  return promise
}

export class Link implements LinkPort, WebLinkPort {
  readonly ended: Promise<LinkEnd>
  readonly #socket: LinkSocket
  readonly #handlers: LinkHandlers
  readonly #channels: LinkOptions['channels']
  readonly #web: LinkOptions['web']
  readonly #keepaliveMs: number
  readonly #helloTimer: NodeJS.Timeout
  #keepaliveTimer: NodeJS.Timeout | undefined
  #welcomedMs: number | undefined
  #heardMs = performance.now()
  #pinged = false
  #full = false
  readonly #bundle = new Bundle()
  readonly #pacing: WebPacing

  constructor(socket: LinkSocket, { keepaliveMs, hello, channels, web }: LinkOptions, handlers: LinkHandlers) {
    this.#socket = socket
    this.#handlers = handlers
    this.#channels = channels
    this.#web = web
    this.#keepaliveMs = keepaliveMs
    this.#pacing = new WebPacing(socket, { flush: () => this.#flush(), resume: () => this.#resumeWeb() })
    const ended = Promise.withResolvers<LinkEnd>()
    this.ended = ended.promise
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    socket.on('close', (code, reason) => {
      clearTimeout(this.#helloTimer)
      clearTimeout(this.#keepaliveTimer)
      this.#pacing.stop()
      ended.resolve({
        kind: 'closed',
        code,
        reason: reason.toString('utf8'),
        livedMs: this.#welcomedMs === undefined ? 0 : performance.now() - this.#welcomedMs,
      })
    })
    socket.send(encodeFrame(hello()))
    this.#helloTimer = setTimeout(() => this.#welcomedMs === undefined && socket.terminate(), HELLO_MS)
  }

  /** False while too much waits in the socket. */
  get writable(): boolean {
    return this.#welcomedMs !== undefined && !this.#full && this.#socket.readyState === WebSocket.OPEN
  }

  get hasRoomForWeb(): boolean {
    return this.writable && this.#socket.bufferedAmount < WEB_SOCKET_PAUSE_BYTES && this.#pacing.hasRoom()
  }

  sendWeb(frame: AgentFrame, body?: Uint8Array): void {
    this.#pacing.send(body?.length ?? 0, () => this.send(frame, body))
  }

  send(frame: AgentFrame, body?: Uint8Array): void {
    if (this.#welcomedMs === undefined || this.#socket.readyState !== WebSocket.OPEN) return
    const bytes = encodeFrame(frame, body)
    if (!this.#bundle.hasRoomFor(bytes)) this.#flush()
    // What is sent in one turn, such as answers that came in one chunk of a child's output, goes out in one message.
    if (this.#bundle.isEmpty) queueMicrotask(() => this.#flush())
    this.#bundle.add(bytes)
  }

  /** Sends what is buffered, then closes; cuts the socket when the relay does not answer in time. */
  async close(code: number, reason: string): Promise<void> {
    this.#flush()
    this.#socket.close(code, reason)
    const cut = setTimeout(() => this.#socket.terminate(), CLOSE_MS)
    await this.ended
    clearTimeout(cut)
  }

  #flush(): void {
    if (this.#bundle.isEmpty) return
    const message = this.#bundle.take()
    if (this.#socket.readyState !== WebSocket.OPEN) return
    this.#socket.send(message, () => this.#drained())
    if (this.#socket.bufferedAmount > SOCKET_PAUSE_BYTES) this.#full = true
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#heardMs = performance.now()
    this.#pinged = false
    if (!isBinary) return this.#receiveText(data)
    const frame = decodeRelayFrame(asBytes(data))
    const fault = frame.ok ? this.#take(frame.value) : frame.error
    if (fault !== undefined) void this.close(CLOSE.PROTOCOL_ERROR, fault)
  }

  #receiveText(data: RawData): void {
    if (asBytes(data).toString('utf8') !== PONG) void this.close(CLOSE.PROTOCOL_ERROR, 'a text message that is no pong')
  }

  #take({ header, body }: DecodedFrame<RelayFrame>): ProtocolFault | undefined {
    // What comes after we closed does not count.
    if (this.#socket.readyState !== WebSocket.OPEN) return undefined
    if (header.type === 'welcome') return this.#welcome(header)
    if (this.#welcomedMs === undefined) return 'no welcome first'
    if (header.type === 'call') this.#pacing.called(this.#heardMs)
    if ('x' in header) this.#web.receive(header, body)
    else if (header.type === 'drain') this.#handlers.draining()
    else if (header.type === 'unaccepted') this.#handlers.unaccepted(header.count)
    else if (header.type === 'metadata_ask') this.#handlers.metadataAsked(header.key)
    else return this.#channels.receive(header, body)
    return undefined
  }

  #welcome(welcome: Welcome): ProtocolFault | undefined {
    if (this.#welcomedMs !== undefined) return 'a second welcome'
    this.#welcomedMs = performance.now()
    this.#keepaliveTimer = setTimeout(() => this.#watch(), this.#keepaliveMs)
    this.#handlers.welcomed(this, welcome)
    return undefined
  }

  /** Pings after silence; silence after a ping means that the link is dead, though the socket looks open. */
  #watch(): void {
    const silentMs = performance.now() - this.#heardMs
    let waitMs = this.#keepaliveMs
    // Timers may come a little early.
    if (silentMs < this.#keepaliveMs - 1) waitMs -= silentMs
    else if (this.#pinged) return this.#socket.terminate()
    else {
      this.#pinged = true
      this.#socket.send(PING)
    }
    this.#keepaliveTimer = setTimeout(() => this.#watch(), waitMs)
  }

  #resumeWeb(): void {
    if (this.#web.size > 0 && this.hasRoomForWeb) this.#web.flush()
  }

  #drained(): void {
    this.#resumeWeb()
    if (!this.#full || this.#socket.bufferedAmount > SOCKET_RESUME_BYTES) return
    this.#full = false
    if (this.writable) this.#channels.flush()
  }
}

function asBytes(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
}
