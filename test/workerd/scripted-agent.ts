/** An agent that does only what a test tells it: a real link to the relay without processes behind it. */
import type { AgentFrame, Call, RelayFrame } from '../../protocol/frame.ts'
import { decodeRelayFrame, encodeFrame, type DecodedFrame } from '../../protocol/frame-codec.ts'
import { LINK_SUBPROTOCOL, type Hello } from '../../protocol/handshake.ts'
import { scanMessage } from '../../protocol/json-scan.ts'
import { fetchRelay, type TestShare } from './relay.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class ScriptedAgent {
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  readonly #socket: WebSocket
  readonly #frames: DecodedFrame<RelayFrame>[] = []
  readonly #numbers = new Map<string, { n: number; at: number }>()
  #wake: (() => void) | undefined

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') return
      const frame = decodeRelayFrame(new Uint8Array(data as ArrayBuffer))
      if (!frame.ok) throw new Error(`the relay sent a bad frame: ${frame.error}`)
      this.#frames.push(frame.value)
      this.#wake?.()
    })
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }))
    })
    socket.accept()
  }

  /** Dials and says hello; does not wait for the welcome. */
  static async dial(share: TestShare, hello: Partial<Omit<Hello, 'type'>> = {}): Promise<ScriptedAgent> {
    const response = await fetchRelay(`/agent/${share.id}`, {
      headers: { upgrade: 'websocket', authorization: `Bearer ${share.agentToken}`, 'sec-websocket-protocol': LINK_SUBPROTOCOL },
    })
    if (response.webSocket === null) throw new Error(`the relay refused the agent: ${response.status}`)
    const agent = new ScriptedAgent(response.webSocket)
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

  static async connect(share: TestShare, hello: Partial<Omit<Hello, 'type'>> = {}): Promise<ScriptedAgent> {
    const agent = await ScriptedAgent.dial(share, hello)
    await agent.expect('welcome')
    return agent
  }

  send(header: AgentFrame, body?: Uint8Array): void {
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

  /** Frames that have come and were not looked at. */
  get waiting(): readonly RelayFrame[] {
    return this.#frames.map(({ header }) => header)
  }

  /** Answers a call with a result, in one frame. */
  answer(call: Call, rawId: string, result: string, ack?: true): void {
    const body = encoder.encode(`{"jsonrpc":"2.0","id":${rawId},"result":${result}}`)
    const facts = scanMessage(body)
    if (!facts.ok || facts.value.id === undefined) throw new Error('the script made a bad answer')
    const { key, ra, ch } = call
    this.send(
      {
        type: 'answer',
        ...this.number(ch, body.length),
        size: body.length,
        key,
        ra,
        id: facts.value.id.span,
        failed: false,
        ...(ack === undefined ? {} : { ack }),
      },
      body,
    )
  }

  notify(
    ch: string,
    json: string,
    more: { readonly ra?: string; readonly sure?: true; readonly ack?: true; readonly uri?: string } = {},
  ): void {
    const body = encoder.encode(json)
    const facts = scanMessage(body)
    if (!facts.ok) throw new Error('the script made a bad notification')
    const { method, progressToken, progress } = facts.value
    const spans = {
      ...(progressToken === undefined ? {} : { token: progressToken.span }),
      ...(progress === undefined ? {} : { progress: progress.span }),
    }
    this.send({ type: 'notification', ...this.number(ch, body.length), size: body.length, method, ...spans, ...more }, body)
  }

  /** The next number and running total of a channel. */
  number(ch: string, bytes: number): { readonly ch: string; readonly n: number; readonly at: number } {
    const before = this.#numbers.get(ch) ?? { n: 0, at: 0 }
    const now = { n: before.n + 1, at: before.at + bytes }
    this.#numbers.set(ch, now)
    return { ch, ...now }
  }

  close(code = 1000): void {
    this.#socket.close(code)
  }
}

/** Initialises a client over a scripted agent; returns the session's channel. */
export async function initialize(agent: ScriptedAgent, client: { initialize(): Promise<Response> }): Promise<string> {
  const response = client.initialize()
  await agent.expect('open')
  const call = await agent.expect('call')
  agent.answer(call.header, '0', '{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}')
  const { status } = await response
  if (status !== 200) throw new Error(`initialize was answered with ${status}`)
  return call.header.ch
}

export function bodyText(frame: DecodedFrame<RelayFrame>): string {
  return decoder.decode(frame.body)
}
