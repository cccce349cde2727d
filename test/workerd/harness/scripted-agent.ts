/** An agent that does only what a test tells it: a real link to the relay without processes behind it. */
import { Bundle } from '../../../protocol/bundle.ts'
import type { ErrorCode, Executed } from '../../../protocol/errors.ts'
import type { AgentFrame, Call, Notification, RelayFrame } from '../../../protocol/frame.ts'
import { decodeRelayFrame, encodeFrame, type DecodedFrame } from '../../../protocol/frame-codec.ts'
import { LINK_SUBPROTOCOL, type Hello } from '../../../protocol/handshake.ts'
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import { CHANNEL_WINDOW_BYTES, CHUNK_BYTES } from '../../../protocol/limits.ts'
import { createShare, fetchRelay, TestClient, type TestShare } from './relay.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class ScriptedAgent {
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  readonly #socket: WebSocket
  readonly #frames: DecodedFrame<RelayFrame>[] = []
  /** Return addresses for which a replay was asked: from then on all that is said for them says so. */
  readonly #followed = new Map<string, string>()
  #followedStream: { readonly ch: string; readonly to: string | undefined } | undefined
  readonly #numbers = new Map<string, { n: number; at: number }>()
  #wake: (() => void) | undefined
  #bundle: Bundle | undefined

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') return
      const frame = decodeRelayFrame(new Uint8Array(data as ArrayBuffer))
      if (!frame.ok) throw new Error(`the relay sent a bad frame: ${frame.error}`)
      const { header } = frame.value
      if (header.type === 'replay' && header.ra !== undefined && header.to !== undefined) this.#followed.set(header.ra, header.to)
      if (header.type === 'replay' && header.key === undefined)
        this.#followedStream = header.follow === true ? { ch: header.ch, to: header.to } : undefined
      if (header.type === 'resume') this.#followedStream = undefined
      this.#frames.push(frame.value)
      this.#wake?.()
    })
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }))
    })
    socket.accept()
  }

  /** Dials and says hello; does not wait for the welcome. */
  static async dial(share: TestShare, hello: Partial<Omit<Hello, 'type'>> = {}, lane = 0): Promise<ScriptedAgent> {
    const response = await dialAgent(share, lane)
    if (response.webSocket === null) throw new Error(`the relay refused the agent: ${response.status}`)
    const agent = new ScriptedAgent(response.webSocket)
    for (const { ch, n } of hello.channels ?? []) agent.#numbers.set(ch, { n, at: 0 })
    agent.send({
      type: 'hello',
      agent: 'scripted',
      instance: 'one',
      join: 'primary',
      isolation: 'session',
      product: 'scripted/1',
      held: [],
      channels: [],
      ...hello,
    })
    return agent
  }

  static async connect(share: TestShare, hello: Partial<Omit<Hello, 'type'>> = {}, lane = 0): Promise<ScriptedAgent> {
    const agent = await ScriptedAgent.dial(share, hello, lane)
    await agent.expect('welcome')
    return agent
  }

  send(header: AgentFrame, body?: Uint8Array): void {
    const frame = encodeFrame(this.#addressed(header), body)
    if (this.#bundle === undefined) this.#socket.send(frame)
    else this.#bundle.add(frame)
  }

  /** Sends all that `speak` sends in one message. */
  together(speak: () => void): void {
    this.#bundle = new Bundle()
    speak()
    this.sendBytes(this.#bundle.take())
    this.#bundle = undefined
  }

  sendBytes(message: Uint8Array): void {
    this.#socket.send(message)
  }

  #addressed(header: AgentFrame): AgentFrame {
    const isOfChild = header.type === 'answer' || header.type === 'notification' || header.type === 'ask' || header.type === 'chunk'
    if (!isOfChild || header.to !== undefined) return header
    const stream = this.#followedStream?.ch === header.ch && header.type !== 'answer' ? this.#followedStream.to : undefined
    const to = header.ra === undefined ? stream : this.#followed.get(header.ra)
    return to === undefined ? header : { ...header, to }
  }

  /** Sends what was on its way before a replay was asked for. */
  sendUnfollowed(header: AgentFrame, body?: Uint8Array): void {
    this.#socket.send(encodeFrame(header, body))
  }

  /** The next frame, which must be of this type. */
  async expect<T extends RelayFrame['type']>(type: T): Promise<DecodedFrame<Extract<RelayFrame, { type: T }>>> {
    const frame = await this.next()
    if (frame.header.type !== type) throw new Error(`expected ${type}, and ${JSON.stringify(frame.header)} came`)
    return frame as DecodedFrame<Extract<RelayFrame, { type: T }>>
  }

  async next(): Promise<DecodedFrame<RelayFrame>> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame !== undefined) return frame
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
  }

  /** Resolves when a frame waits to be looked at. */
  async hasFrame(): Promise<void> {
    if (this.#frames.length > 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    await promise
  }

  /** Frames that have come and were not looked at. */
  get waiting(): readonly RelayFrame[] {
    return this.#frames.map(({ header }) => header)
  }

  /** Answers a call with a result, in one frame. */
  answer(call: Call, rawId: string, result: string, ack?: true): void {
    this.#answer(call, `{"jsonrpc":"2.0","id":${rawId},"result":${result}}`, false, ack)
  }

  /** Answers a call with a JSON-RPC error of the child. */
  refuse(call: Call, rawId: string, message: string): void {
    this.#answer(call, `{"jsonrpc":"2.0","id":${rawId},"error":{"code":-32603,"message":"${message}"}}`, true)
  }

  /** Ends a call with a failure of the agent's own. */
  fail({ ch, key, ra }: Call, code: ErrorCode, executed: Executed): void {
    this.send({ type: 'failed', ch, key, ra, code, executed })
  }

  /** Of one that needs several frames as much is sent as needs no credit. */
  #answer(call: Call, json: string, failed: boolean, ack?: true): void {
    const body = encoder.encode(json)
    const parts = Array.from({ length: Math.ceil(Math.min(body.length, CHANNEL_WINDOW_BYTES) / CHUNK_BYTES) }, (_, at) => at * CHUNK_BYTES)
    const facts = scanMessage(body)
    if (!facts.ok || facts.value.id === undefined) throw new Error('the script made a bad answer')
    const { key, ra, ch } = call
    const first = body.subarray(0, CHUNK_BYTES)
    const asks = ack === undefined && parts.length === 1 ? {} : ({ ack: true } as const)
    const number = this.number(ch, first.length)
    this.send({ type: 'answer', ...number, size: body.length, key, ra, id: facts.value.id.span, failed, ...asks }, first)
    for (const offset of parts.slice(1)) {
      const part = body.subarray(offset, offset + CHUNK_BYTES)
      const last = offset + part.length === body.length ? ({ last: true } as const) : {}
      this.send({ type: 'chunk', ch, n: number.n, at: this.advance(ch, number.n, part.length), offset, ra, ...asks, ...last }, part)
    }
  }

  /** Sends a notification of the child; returns it, to be sent again. */
  notify(
    ch: string,
    json: string,
    more: { readonly ra?: string; readonly sure?: true; readonly ack?: true; readonly uri?: string; readonly task?: string } = {},
  ): DecodedFrame<Notification> {
    const body = encoder.encode(json)
    const facts = scanMessage(body)
    if (!facts.ok) throw new Error('the script made a bad notification')
    const { method, progressToken, progress } = facts.value
    const spans = {
      ...(progressToken === undefined ? {} : { token: progressToken.span }),
      ...(progress === undefined ? {} : { progress: progress.span }),
    }
    const header = { type: 'notification', ...this.number(ch, body.length), size: body.length, method, ...spans, ...more } as const
    this.send(header, body)
    return { header, body }
  }

  /** Sends a message again, with the number it had. */
  repeat({ header, body }: DecodedFrame<Notification>): void {
    this.send({ ...header, at: this.advance(header.ch, header.n, body.length) }, body)
  }

  /** The next number and running total of a channel. */
  number(ch: string, bytes: number): { readonly ch: string; readonly n: number; readonly at: number } {
    const { n } = this.#numbers.get(ch) ?? { n: 0 }
    return { ch, n: n + 1, at: this.advance(ch, n + 1, bytes) }
  }

  /** The running total of a channel once more bytes have gone out, as message `n` or as part of it. */
  advance(ch: string, n: number, bytes: number): number {
    const before = this.#numbers.get(ch) ?? { n: 0, at: 0 }
    const at = before.at + bytes
    this.#numbers.set(ch, { n: Math.max(before.n, n), at })
    return at
  }

  /** The number of a channel's last message. */
  lastNumber(ch: string): number {
    return this.#numbers.get(ch)?.n ?? 0
  }

  close(code = 1000): void {
    this.#socket.close(code)
  }

  /** Closes the link, and waits until the relay has closed it too. */
  async leave(code?: number): Promise<void> {
    this.close(code)
    await this.closed
  }
}

/** Asks for an agent's link. */
export function dialAgent({ id, agentToken, server }: TestShare, lane = 0): Promise<Response> {
  const place = server === undefined ? (lane === 0 ? '' : `?lane=${lane}`) : `?server=${server}`
  return fetchRelay(`/agent/${id}${place}`, {
    headers: { upgrade: 'websocket', authorization: `Bearer ${agentToken}`, 'sec-websocket-protocol': LINK_SUBPROTOCOL },
  })
}

/** What a server answers to initialize that has nothing to offer. */
export const BARE_SERVER = '{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}'

export interface Connected {
  readonly share: TestShare
  readonly agent: ScriptedAgent
  readonly client: TestClient
  readonly ch: string
}

/** A share with its agent, and a client whose session runs on channel `ch`. */
export async function connected(): Promise<Connected> {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const client = new TestClient(share)
  return { share, agent, client, ch: await initialize(agent, client) }
}

/** Initialises a client over a scripted agent; returns the session's channel. */
export async function initialize(agent: ScriptedAgent, client: { initialize(): Promise<Response> }, server = BARE_SERVER): Promise<string> {
  const response = client.initialize()
  await agent.expect('open')
  const call = await agent.expect('call')
  agent.answer(call.header, '0', server)
  const { status } = await response
  if (status !== 200) throw new Error(`initialize was answered with ${status}`)
  return call.header.ch
}

/** Plays the fresh child of a session: the handshake that is made again, then the call behind it. */
export async function takeOver(agent: ScriptedAgent, server = BARE_SERVER): Promise<Call> {
  await agent.expect('open')
  const { header } = await agent.expect('call')
  if (header.method !== 'initialize') throw new Error(`expected initialize, and ${header.method} came`)
  await agent.expect('notify')
  agent.answer(header, '0', server)
  return (await agent.expect('call')).header
}

/** What a reconnecting agent says of itself when its process has lived on. */
export function survivorOf(ch: string, agent: ScriptedAgent, held: readonly string[] = []): Pick<Hello, 'held' | 'channels'> {
  return { held, channels: [{ ch, n: agent.lastNumber(ch) }] }
}

export function bodyText(frame: DecodedFrame<RelayFrame>): string {
  return decoder.decode(frame.body)
}
