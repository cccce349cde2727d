/** Sessions over a scripted agent whose server knows no handshake: what it answers, and how a session begins there. */
import { expect } from 'vitest'
import type { Call, RelayFrame } from '../../../protocol/frame.ts'
import type { DecodedFrame } from '../../../protocol/frame-codec.ts'
import { createShare, EventReader, TestClient } from './relay.ts'
import { bodyText, type Connected, ScriptedAgent } from './scripted-agent.ts'

export const SERVER =
  '{"resultType":"complete","supportedVersions":["2026-07-28"],"ttlMs":0,"cacheScope":"private","instructions":"be kind",' +
  '"capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true}},' +
  '"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"modern","version":"1"}}}'
export const MUTE = '{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}'
export const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'
export const ASKS =
  '{"resultType":"input_required","requestState":"s-1","inputRequests":{"who":{"method":"elicitation/create","params":{"mode":"form","message":"Name?","requestedSchema":{"type":"object","properties":{}}}}}}'
export const GIVEN = '{"action":"accept","content":{"name":"Ada"}}'
export const ELICITS = '{"elicitation":{}}'

export interface Told {
  readonly id: string
  readonly method: string
  readonly params: Record<string, unknown> & { readonly _meta: Record<string, unknown> }
}

export function told(frame: DecodedFrame<RelayFrame>): Told {
  return JSON.parse(bodyText(frame)) as Told
}

export function initializeText(capabilities: string): string {
  return `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":${capabilities},"clientInfo":{"name":"t","version":"1"}}}`
}

/** Answers server/discover; returns what was sent for it. */
export async function discovered(agent: ScriptedAgent, server: string): Promise<DecodedFrame<Call>> {
  const call = await agent.expect('call')
  expect(call.header).toMatchObject({ method: 'server/discover' })
  agent.answer(call.header, '1', server)
  return call
}

export async function initialize(agent: ScriptedAgent, client: TestClient, { server = MUTE, capabilities = '{}' } = {}): Promise<string> {
  const response = client.post(initializeText(capabilities))
  expect((await agent.expect('open')).header).toMatchObject({ ids: 'assign', asks: 'refuse' })
  const { header } = await discovered(agent, server)
  const answered = await response
  client.session = answered.headers.get('mcp-session-id') ?? undefined
  expect(answered.status).toBe(200)
  return header.ch
}

export async function connected(options: { server?: string; capabilities?: string } = {}): Promise<Connected> {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern' })
  const client = new TestClient(share)
  return { share, agent, client, ch: await initialize(agent, client, options) }
}

/** Calls a tool that asks its client; returns the question on the call's stream. */
export async function asked(agent: ScriptedAgent, client: TestClient): Promise<{ events: EventReader; question: Told; first: Call }> {
  const response = client.post(CALL)
  const { header } = await agent.expect('call')
  agent.answer(header, '2', ASKS)
  const events = new EventReader(await response)
  const question = JSON.parse((await events.next()) ?? '{}') as Told
  return { events, question, first: header }
}

export function reply(id: string, result: string): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`
}
