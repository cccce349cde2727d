/** A share whose calls are limitedShare, a server that answers them, and clients that make many at once. */
import { expect } from 'vitest'
import type { Call } from '../../../../protocol/frame.ts'
import { order } from '../orders.ts'
import { createShare, linkIdOf, TestClient, type TestShare } from '../relay.ts'
import { BARE_SERVER, bodyText, type ScriptedAgent } from '../scripted-agent.ts'

export const LIMITED_CALLS = 10

/** Plays servers that answer each call at once, but those of tools that are kept; returns the calls that are kept. */
export function serveCalls(agent: ScriptedAgent, kept: Call[] = []): Call[] {
  void (async () => {
    for (;;) {
      const frame = await agent.next()
      const { header } = frame
      if (header.type === 'notify') agent.send({ type: 'receipts', keys: [header.key] })
      if (header.type !== 'call') continue
      const text = bodyText(frame)
      if (text.includes('"name":"kept"')) kept.push(header)
      else agent.answer(header, text.slice(...header.id), header.method === 'initialize' ? BARE_SERVER : '{"content":[]}')
    }
  })()
  return kept
}

export function limitedCall(id: number, name = 't', more: object = {}): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, ...more } })
}

export async function limitedClient(share: TestShare, token?: string): Promise<TestClient> {
  const client = new TestClient(share, token)
  expect((await client.initialize()).status).toBe(200)
  return client
}

/** Makes so many calls at once, in turn by these clients; how many got through, all others having been refused with 429. */
export async function letThrough(clients: readonly TestClient[], count = 100): Promise<number> {
  const responses = await Promise.all(
    Array.from({ length: count }, (_, id) => (clients[id % clients.length] as TestClient).post(limitedCall(id + 1))),
  )
  const statuses = responses.map(({ status }) => status)
  expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([])
  return statuses.filter((status) => status === 200).length
}

export async function limitedShare(limits: object, members: object = {}): Promise<TestShare> {
  return createShare({ limits, ...members })
}

export async function limitLink(share: TestShare, limits: object): Promise<void> {
  const { status, told } = await order('PATCH', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`, { limits })
  expect([status, told['limits']]).toEqual([200, limits])
}
