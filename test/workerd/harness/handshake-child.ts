/** A modern client, and the child of the handshake era that it meets behind a scripted agent. */
import type { Call, RelayFrame } from '../../../protocol/frame.ts'
import type { DecodedFrame } from '../../../protocol/frame-codec.ts'
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import { createShare, fetchRelay, type TestShare } from './relay.ts'
import { bodyText, ScriptedAgent } from './scripted-agent.ts'

const encoder = new TextEncoder()
const META = 'io.modelcontextprotocol'

export const SERVER_INFO = { name: 'old', version: '7' }
const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: {},
  resources: { subscribe: true, listChanged: true },
  logging: {},
}
const TOOLS = { tools: [{ name: 'a', inputSchema: { type: 'object' } }] }

export interface ModernRequest {
  readonly id?: number
  readonly token?: string
  readonly capabilities?: object
  readonly logLevel?: string
}

/** Posts one request of revision 2026-07-28. */
export function postModern(
  share: TestShare,
  method: string,
  params: Record<string, unknown> = {},
  { id = 1, token = share.clientToken, capabilities = { elicitation: {} }, logLevel }: ModernRequest = {},
  headers: Readonly<Record<string, string>> = {},
  signal: AbortSignal | null = null,
): Promise<Response> {
  const name = params['name'] ?? params['uri'] ?? params['taskId']
  const meta = {
    [`${META}/protocolVersion`]: '2026-07-28',
    [`${META}/clientCapabilities`]: capabilities,
    ...(logLevel === undefined ? {} : { [`${META}/logLevel`]: logLevel }),
  }
  return fetchRelay(share.url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { _meta: meta, ...params } }),
    signal,
  })
}

/** Posts a body as it is, with the header of revision 2026-07-28. */
export function postText(share: TestShare, body: string): Promise<Response> {
  const headers = { authorization: `Bearer ${share.clientToken}`, 'content-type': 'application/json', 'mcp-protocol-version': '2026-07-28' }
  return fetchRelay(share.url, { method: 'POST', headers, body })
}

export function callTool(share: TestShare, name: string, more: ModernRequest & { readonly input?: object } = {}): Promise<Response> {
  return postModern(share, 'tools/call', { name, arguments: {}, ...more.input }, more)
}

type Frame = DecodedFrame<RelayFrame>
type Of<T extends RelayFrame['type']> = DecodedFrame<Extract<RelayFrame, { type: T }>>

/** Answers handshakes and the relay's look at the tools; everything else is the test's. */
export class HandshakeChild {
  readonly share: TestShare
  /** Channels that were opened, and the params of each initialize, in order. */
  readonly opened: string[] = []
  readonly initializes: { readonly ch: string; readonly params: Record<string, unknown> }[] = []
  agent: ScriptedAgent
  /** What it answers to tools/list. */
  tools: object = TOOLS

  constructor(share: TestShare, agent: ScriptedAgent) {
    this.share = share
    this.agent = agent
  }

  static async connect(): Promise<HandshakeChild> {
    const share = await createShare()
    return new HandshakeChild(share, await ScriptedAgent.connect(share, { era: 'legacy' }))
  }

  /** The next frame that is no part of a handshake, which must be of this type. */
  async expect<T extends RelayFrame['type']>(type: T): Promise<Of<T>> {
    const frame = await this.next()
    if (frame.header.type !== type) throw new Error(`expected ${type}, and ${JSON.stringify(frame.header)} came`)
    return frame as Of<T>
  }

  async next(): Promise<Frame> {
    for (;;) {
      const frame = await this.agent.next()
      const { header } = frame
      if (header.type === 'notify' || header.type === 'respond') this.agent.send({ type: 'receipts', keys: [header.key] })
      if (!this.#greets(frame)) return frame
    }
  }

  /** The child asks its client. `sure`: the call that it belongs to is certain. */
  ask(call: Call, rawId: string, method: string, params: object, sure: boolean): void {
    const body = encoder.encode(`{"jsonrpc":"2.0","id":${rawId},"method":"${method}","params":${JSON.stringify(params)}}`)
    const facts = scanMessage(body)
    if (!facts.ok || facts.value.id === undefined) throw new Error('the script made a bad ask')
    const { ch, ra } = call
    const place = { ...this.agent.number(ch, body.length), size: body.length, method, id: facts.value.id.span, rawId }
    this.agent.send({ type: 'ask', ...place, ...(sure ? { ra, sure } : {}) }, body)
  }

  elicit(call: Call, rawId: string, message = 'Who are you?'): void {
    this.ask(call, rawId, 'elicitation/create', { message, requestedSchema: { type: 'object', properties: {} } }, true)
  }

  /** Answers with the id that stands in the call's own bytes. */
  answer({ header, body }: Of<'call'>, result: object): void {
    this.agent.answer(header, new TextDecoder().decode(body.subarray(...header.id)), JSON.stringify(result))
  }

  /** Shows that nothing was sent before: the next frame that comes is a call made for this. */
  async hasHeardNothing(token = this.share.clientToken): Promise<boolean> {
    const response = postModern(this.share, 'prompts/list', {}, { token })
    const frame = await this.next()
    if (frame.header.type !== 'call' || frame.header.method !== 'prompts/list') return false
    this.answer(frame as Of<'call'>, { prompts: [] })
    return (await response).status === 200
  }

  #greets(frame: Frame): boolean {
    const { header } = frame
    if (header.type === 'open') this.opened.push(header.ch)
    if (header.type === 'open' || header.type === 'resume') return true
    if (header.type === 'notify') return header.method === 'notifications/initialized'
    if (header.type !== 'call') return false
    if (header.method === 'initialize') {
      const { params } = JSON.parse(bodyText(frame)) as { params: Record<string, unknown> }
      this.initializes.push({ ch: header.ch, params })
      this.answer(frame as Of<'call'>, { protocolVersion: '2025-11-25', capabilities: CAPABILITIES, serverInfo: SERVER_INFO })
      return true
    }
    if (header.method !== 'tools/list') return false
    this.answer(frame as Of<'call'>, this.tools)
    return true
  }
}

export interface Asked {
  readonly id: number
  readonly result: {
    readonly resultType: string
    readonly requestState: string
    readonly inputRequests: Record<string, { readonly method: string; readonly params: Record<string, unknown> }>
  }
}

/** The answer of a call that waits for its client. */
export async function asked(response: Promise<Response>): Promise<Asked['result']> {
  const { status, body } = await told(response)
  const { result } = body as Partial<Asked>
  if (status !== 200 || result?.resultType !== 'input_required') throw new Error(`no input is required: ${JSON.stringify(body)}`)
  return result
}

/** Status and JSON body of a response. */
export async function told(response: Promise<Response>): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const got = await response
  return { status: got.status, body: await got.json() }
}
