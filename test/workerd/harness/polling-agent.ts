/** An agent of ours that polls, step by step as a test tells it. */
import { splitBundle } from '../../../protocol/bundle.ts'
import type { AgentFrame, Call, RelayFrame } from '../../../protocol/frame.ts'
import { type DecodedFrame, decodeRelayFrame, encodeFrame } from '../../../protocol/frame-codec.ts'
import type { Hello } from '../../../protocol/handshake.ts'
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import { type Batch, decodeBatch, type PolledMessage, UnackedMessages } from '../../../protocol/long-poll.ts'
import { fetchRelay, type TestShare } from './relay.ts'

const HELLO: Hello = {
  type: 'hello',
  agent: 'polling',
  instance: 'one',
  join: 'primary',
  isolation: 'session',
  product: 'polling/1',
  held: [],
  channels: [],
}

export function register(share: TestShare, token = share.agentToken, protocol = 'mcp-edge.v1'): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const place = share.server === undefined ? '' : `?server=${share.server}`
  return fetchRelay(`/agent/${share.id}/register${place}`, { method: 'POST', headers, body: JSON.stringify({ type: 'agent', protocol }) })
}

export class PollingAgent {
  readonly share: TestShare
  readonly session: string
  /** Number of the last message that has come, and of the last that was sent. */
  taken = 0
  sent = 0
  readonly #frames: DecodedFrame<RelayFrame>[] = []
  readonly #numbers = new Map<string, { n: number; at: number }>()

  constructor(share: TestShare, session: string) {
    this.share = share
    this.session = session
  }

  /** Registered, and with its hello let in. */
  static async connect(share: TestShare, hello: Partial<Hello> = {}): Promise<PollingAgent> {
    const response = await register(share)
    const { session_id: session } = await response.json<{ session_id: string }>()
    const agent = new PollingAgent(share, session)
    for (const { ch, n } of hello.channels ?? []) agent.#numbers.set(ch, { n, at: 0 })
    await agent.send({ ...HELLO, ...hello })
    await agent.expect('welcome')
    return agent
  }

  ask(ack = this.taken, timeout = 30, token = this.share.agentToken): Promise<Response> {
    const headers = { authorization: `Bearer ${token}` }
    return fetchRelay(`/agent/${this.share.id}/poll?session_id=${this.session}&ack=${ack}&timeout=${timeout}`, { headers })
  }

  /** One poll, whose messages count as come. */
  async poll(timeout?: number): Promise<Batch> {
    const response = await this.ask(this.taken, timeout)
    if (response.status !== 200) throw new Error(`the poll was answered ${response.status} ${await response.text()}`)
    const batch = await batchOf(response)
    this.taken = batch.first + batch.messages.length - 1
    return batch
  }

  async next(): Promise<DecodedFrame<RelayFrame>> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame !== undefined) return frame
      this.#frames.push(...framesIn(await this.poll()))
    }
  }

  async expect<T extends RelayFrame['type']>(type: T): Promise<DecodedFrame<Extract<RelayFrame, { type: T }>>> {
    const frame = await this.next()
    if (frame.header.type !== type) throw new Error(`expected ${type}, and ${JSON.stringify(frame.header)} came`)
    return frame as DecodedFrame<Extract<RelayFrame, { type: T }>>
  }

  /** Posts messages, the first of which has this number. */
  post(messages: readonly PolledMessage[], first = this.sent + 1): Promise<Response> {
    this.sent = Math.max(this.sent, first + messages.length - 1)
    const batch = new UnackedMessages(first)
    for (const message of messages) batch.push(message)
    return this.postBody(batch.batch()?.body ?? new Uint8Array())
  }

  postBody(body: Uint8Array<ArrayBuffer>, token = this.share.agentToken): Promise<Response> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' }
    return fetchRelay(`/agent/${this.share.id}/message?session_id=${this.session}`, { method: 'POST', headers, body })
  }

  async send(header: AgentFrame, body?: Uint8Array): Promise<void> {
    const response = await this.post([{ kind: 'binary', data: encodeFrame(header, body) }])
    if (response.status !== 204) throw new Error(`the message was answered ${response.status} ${await response.text()}`)
  }

  answer(call: Call, rawId: string, result: string): Promise<void> {
    const { header, body } = this.answerTo(call, rawId, result)
    return this.send(header, body)
  }

  answerTo({ ch, key, ra }: Call, rawId: string, result: string): { readonly header: AgentFrame; readonly body: Uint8Array } {
    const body = new TextEncoder().encode(`{"jsonrpc":"2.0","id":${rawId},"result":${result}}`)
    const facts = scanMessage(body)
    if (!facts.ok || facts.value.id === undefined) throw new Error('the script made a bad answer')
    const before = this.#numbers.get(ch) ?? { n: 0, at: 0 }
    const number = { n: before.n + 1, at: before.at + body.length }
    this.#numbers.set(ch, number)
    return { header: { type: 'answer', ch, ...number, size: body.length, key, ra, id: facts.value.id.span, failed: false }, body }
  }

  lastNumber(ch: string): number {
    return this.#numbers.get(ch)?.n ?? 0
  }
}

export async function batchOf(response: Response): Promise<Batch> {
  const batch = decodeBatch(new Uint8Array(await response.arrayBuffer()))
  if (!batch.ok) throw new Error('the relay sent a bad batch')
  return batch.value
}

function framesIn({ messages }: Batch): DecodedFrame<RelayFrame>[] {
  return messages.flatMap((message) => {
    if (message.kind === 'close') throw new Error(`the relay has closed: ${message.code} ${message.reason}`)
    if (message.kind === 'text') return []
    const split = splitBundle(message.data)
    if (!split.ok) throw new Error('the relay sent a bad bundle')
    return split.value.map((bytes) => {
      const frame = decodeRelayFrame(bytes)
      if (!frame.ok) throw new Error(`the relay sent a bad frame: ${frame.error}`)
      return frame.value
    })
  })
}
