/** A relay on a real WebSocket that does only what a test tells it, and keeps every frame of the agent. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import { splitBundle } from '../../../protocol/bundle.ts'
import type { AgentFrame, RelayFrame } from '../../../protocol/frame.ts'
import { decodeAgentFrame, encodeFrame } from '../../../protocol/frame-codec.ts'
import { LINK_SUBPROTOCOL, PING, PONG, type Hello } from '../../../protocol/handshake.ts'

export const SHARE = 'abcdefghijklmnopqrstuvwxyz234567'

export interface Got<F extends AgentFrame = AgentFrame> {
  readonly header: F
  readonly body: Buffer
  text(): string
}

type FrameOf<T extends AgentFrame['type']> = Extract<AgentFrame, { type: T }>

/** One link as the relay sees it. */
export class RelayLink {
  readonly socket: WebSocket
  readonly request: IncomingMessage
  readonly got: Got[] = []
  /** How many frames each message held. */
  readonly sizes: number[] = []
  readonly closed: Promise<{ code: number; reason: string }>
  pings = 0
  readonly #waiting = new Set<() => void>()
  readonly #taken = new Set<Got>()

  constructor(socket: WebSocket, request: IncomingMessage, answersPings: boolean) {
    this.socket = socket
    this.request = request
    this.closed = once(socket, 'close').then(([code, reason]) => ({ code: Number(code), reason: String(reason) }))
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) {
        if (data.toString() === PING) this.pings++
        if (answersPings) socket.send(PONG)
      } else this.#take(data)
      for (const look of this.#waiting) look()
    })
  }

  send(frame: RelayFrame, body?: string | Uint8Array): void {
    this.socket.send(encodeFrame(frame, typeof body === 'string' ? Buffer.from(body) : body))
  }

  /** The next frame of this type that fits and was not returned before. */
  async next<T extends AgentFrame['type']>(type: T, fits: (header: FrameOf<T>) => boolean = () => true): Promise<Got<FrameOf<T>>> {
    for (;;) {
      const found = this.got.find(
        (got): got is Got<FrameOf<T>> => got.header.type === type && !this.#taken.has(got) && fits(got.header as FrameOf<T>),
      )
      if (found !== undefined) {
        this.#taken.add(found)
        return found
      }
      await this.changed()
    }
  }

  /** Resolves with the next message of the agent. */
  async changed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.add(resolve)
    await promise
    this.#waiting.delete(resolve)
  }

  /** Sends a call whose id and token are found in the body, with its key and tag made from `label`. */
  call(ch: string, label: number, body: string, extra: { gate?: true; ra?: string } = {}): string {
    const key = keyOf(label)
    const bytes = Buffer.from(body)
    const id = spanAfter(bytes, '"id":')
    const token = body.includes('"progressToken":') ? { token: spanAfter(bytes, '"progressToken":') } : {}
    const method = /"method":"([^"]+)"/.exec(body)?.[1] ?? ''
    this.send({ type: 'call', ch, key, method, id, ...token, tag: `t${label}`, ra: `ra${label}`, size: bytes.length, ...extra }, bytes)
    return key
  }

  async welcome(unwanted: string[] = [], lanes?: number, replaced?: string[]): Promise<Hello> {
    const { header } = await this.next('hello')
    this.send({ type: 'welcome', share: SHARE, unwanted, ...(lanes && { lanes }), ...(replaced && { replaced }) })
    return header
  }

  #take(message: Buffer): void {
    const frames = splitBundle(message)
    if (!frames.ok) throw new Error(`the agent sent a message that is no bundle: ${frames.error}`)
    this.sizes.push(frames.value.length)
    for (const bytes of frames.value) {
      const frame = decodeAgentFrame(bytes)
      if (!frame.ok) throw new Error(`the agent sent a bad frame: ${frame.error}`)
      const body = Buffer.from(frame.value.body)
      this.got.push({ header: frame.value.header, body, text: () => body.toString('utf8') })
    }
  }
}

export class ScriptedRelay implements AsyncDisposable {
  readonly server: Server
  readonly #sockets: WebSocketServer
  readonly #links: RelayLink[] = []
  readonly #waiting = new Set<() => void>()
  /** Set to refuse the next upgrades. */
  refuse: { status: number; body?: string; headers?: Readonly<Record<string, string>> } | undefined
  answersPings = true
  attempts = 0

  constructor(server: Server) {
    this.server = server
    this.#sockets = new WebSocketServer({
      noServer: true,
      handleProtocols: (offered) => (offered.has(LINK_SUBPROTOCOL) ? LINK_SUBPROTOCOL : false),
    })
    server.on('upgrade', (request, socket, head) => {
      this.attempts++
      if (this.refuse !== undefined) {
        // An agent that is stopped does not wait for the rest.
        socket.on('error', () => {})
        const { status, body = '', headers = {} } = this.refuse
        const named = { 'content-length': Buffer.byteLength(body), connection: 'close', ...headers }
        const lines = Object.entries(named).map(([name, value]) => `${name}: ${value}\r\n`)
        socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.join('')}\r\n${body}`)
        for (const look of this.#waiting) look()
        return
      }
      this.#sockets.handleUpgrade(request, socket, head, (client) => {
        this.#links.push(new RelayLink(client, request, this.answersPings))
        for (const look of this.#waiting) look()
      })
    })
  }

  static async start(): Promise<ScriptedRelay> {
    const server = createServer((_, response) => response.writeHead(404).end())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new ScriptedRelay(server)
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** An agent token as the relay would issue it; nobody here checks the signature. */
  token(claims: Record<string, unknown> = {}): string {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    return `${part({ alg: 'HS256' })}.${part({ iss: this.origin, aud: 'mcp-edge/agent', sub: 'agent:1', share: SHARE, ...claims })}.c2lnbmF0dXJl`
  }

  /** The link with this index, as soon as it is there. */
  async link(index: number): Promise<RelayLink> {
    for (;;) {
      const link = this.#links[index]
      if (link !== undefined) return link
      await this.#changed()
    }
  }

  async attempted(count: number): Promise<void> {
    while (this.attempts < count) await this.#changed()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate()
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }

  async #changed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.add(resolve)
    await promise
    this.#waiting.delete(resolve)
  }
}

export function keyOf(label: number): string {
  return label.toString(16).padStart(32, '0')
}

/** Span of the scalar behind the first `marker`. */
export function spanAfter(bytes: Buffer, marker: string): [number, number] {
  const from = bytes.indexOf(marker) + marker.length
  const [value = ''] = /^("(?:[^"\\]|\\.)*"|[^,}\s]+)/.exec(bytes.subarray(from).toString('latin1')) ?? []
  return [from, from + value.length]
}

/** A welcomed link with one channel. */
export async function opened(relay: ScriptedRelay, ids: 'keep' | 'assign' = 'keep'): Promise<RelayLink> {
  const link = await relay.link(0)
  await link.welcome()
  link.send({ type: 'open', ch: 'c1', ids, asks: 'pass' })
  return link
}

/** Process id of the child of channel `c1`. */
export async function pidOf(link: RelayLink): Promise<number> {
  link.call('c1', 999, '{"jsonrpc":"2.0","id":999,"method":"pid"}')
  const answer = await link.next('answer', ({ key }) => key === keyOf(999))
  return (JSON.parse(answer.text()) as { result: number }).result
}
