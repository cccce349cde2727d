/** What tests of an absent agent need: lists that a server gives, and the wait until the share has kept them. */
import { runInDurableObject } from 'cloudflare:test'
import { expect } from 'vitest'
import { createShare, stubOf, TestClient, type TestShare } from './relay.ts'
import { type Connected, initialize, ScriptedAgent } from './scripted-agent.ts'

/** A number that no parser keeps, and an order of keys that none would write. */
export const TOOLS = '{"tools":[{"name":"t","inputSchema":{"type":"object","maximum":12345678901234567890}}]}'
export const SERVER =
  '{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"prompts":{}},"serverInfo":{"name":"s","version":"1"}}'
export const LIST = '{"jsonrpc":"2.0","id":"a","method":"tools/list"}'
export const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'
export const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'

/** A share that keeps what its server has said, and a client that knows its tools, with its session on channel `ch`. */
export async function known(): Promise<Connected> {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const client = new TestClient(share)
  const ch = await initialize(agent, client, SERVER)
  await list(agent, client)
  await untilKept(share, 2)
  return { share, agent, client, ch }
}

/** Has a session's server give a list. */
export async function list(agent: ScriptedAgent, client: TestClient, result = TOOLS): Promise<void> {
  const response = client.post(LIST)
  agent.answer((await agent.expect('call')).header, '"a"', result)
  expect(await (await response).text()).toContain('"id":"a"')
}

/** Waits until the share keeps so many answers of its server: they are kept after their clients have them. */
export async function untilKept(share: TestShare, count: number): Promise<void> {
  for (;;) {
    if ((await keptNames(share)).length >= count) return
  }
}

/** Names of what the share keeps, one for each audience. */
export function keptNames(share: TestShare): Promise<string[]> {
  return runInDurableObject(stubOf(share), (_, state) => {
    const { sql } = state.storage
    if (sql.exec("SELECT name FROM sqlite_master WHERE name = 'listing'").toArray().length === 0) return []
    return sql
      .exec<{ name: string }>('SELECT name FROM listing ORDER BY name')
      .toArray()
      .map(({ name }) => name)
  })
}

/** The answer in a response, which opens as a stream when it takes its time. */
export async function answerIn(response: Response | Promise<Response>): Promise<unknown> {
  const text = await (await response).text()
  const events = text.split('\n').filter((line) => line.startsWith('data: {'))
  return JSON.parse(events.at(-1)?.slice('data: '.length) ?? text)
}

/** The mark of an answer that was given in an agent's place. */
export function staleSince(answer: unknown): string | undefined {
  const { result } = answer as { result?: { _meta?: Record<string, string> } }
  return result?._meta?.['mcp-edge/stale']
}
