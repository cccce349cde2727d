/** How often each link is used, as its owner is told, in the real runtime: counted in memory, written now and then, kept over sleep. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { callTool, HandshakeChild } from '../harness/handshake-child.ts'
import { order } from '../harness/orders.ts'
import { createClientToken, createShare, factsOf, linkIdOf, resetShare, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { connected, ScriptedAgent } from '../harness/scripted-agent.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"a:b"}}'

interface Use {
  readonly calls: number
  readonly last_used_at: string | null
}

async function useOf(share: TestShare, token: string): Promise<Use> {
  const { told } = await order('GET', `/api/shares/${share.id}/tokens`)
  const found = (told['tokens'] as (Use & { readonly id: string })[]).find(({ id }) => id === linkIdOf(token))
  if (found === undefined) throw new Error('the token is not listed')
  const { calls, last_used_at } = found
  return { calls, last_used_at }
}

async function call(agent: ScriptedAgent, client: TestClient): Promise<void> {
  const response = client.post(CALL)
  agent.answer((await agent.expect('call')).header, '7', '{}')
  expect((await response).status).toBe(200)
}

/** Rows that were written of it. */
function rowsOf(share: TestShare): Promise<unknown[]> {
  return runInDurableObject(stubOf(share), (_, { storage }) => {
    const isThere = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'link_use'").toArray().length > 0
    return isThere ? storage.sql.exec('SELECT id, calls FROM link_use').toArray() : []
  })
}

test('each request of a link counts once, for that link alone, and none of the relay’s own', async () => {
  verifies('promise.9.usage')
  const { share, agent, client } = await connected()
  const other = await createClientToken(share)
  expect(await useOf(share, other)).toEqual({ calls: 0, last_used_at: null })
  await call(agent, client)
  await call(agent, client)
  const { calls, last_used_at } = await useOf(share, share.clientToken)
  expect(calls).toBe(3)
  expect(Math.abs(Date.parse(String(last_used_at)) - Date.now())).toBeLessThan(60_000)
  expect(await useOf(share, other)).toEqual({ calls: 0, last_used_at: null })
  expect(await useOf(share, share.agentToken)).toMatchObject({ calls: 0, last_used_at: expect.stringMatching(/^\d/) })
  const renamed = await order('PATCH', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`, { name: 'x' })
  expect(renamed.told).toMatchObject({ calls: 3 })
})

test('a call that is made twice because the tools must be known first counts once, and their listing not at all', async () => {
  const child = await HandshakeChild.connect()
  const { share } = child
  const { told } = await order('POST', `/api/shares/${share.id}/tokens`, {
    kind: 'client',
    policy: { tools: { allow: ['a'] }, access: 'admin' },
  })
  const token = String(told['token'])
  const response = callTool(share, 'a', { token })
  child.answer(await child.expect('call'), { content: [] })
  expect((await response).status).toBe(200)
  expect(await useOf(share, token)).toMatchObject({ calls: 1 })
})

test('no row is written per call: one flush writes what many calls have counted, and the sweep is left alone', async () => {
  verifies('promise.7.flush')
  const { share, agent, client } = await connected()
  const before = await factsOf(share)
  for (let count = 0; count < 50; count++) await call(agent, client)
  expect(await rowsOf(share)).toEqual([])
  const after = await factsOf(share)
  expect(after.counters.incarnation).toBe(before.counters.incarnation)
  expect(after.counters.total_changes - before.counters.total_changes).toBeLessThanOrEqual(1)
  await runDurableObjectAlarm(stubOf(share))
  expect(await rowsOf(share)).toContainEqual({ id: linkIdOf(share.clientToken), calls: 51 })
  await call(agent, client)
  expect(await useOf(share, share.clientToken)).toMatchObject({ calls: 52 })
})

test('what was written is kept over sleep and reset, and what was not is what that costs', async () => {
  verifies('promise.7.flush')
  const { share, agent, client } = await connected()
  await call(agent, client)
  await runDurableObjectAlarm(stubOf(share))
  await evictDurableObject(stubOf(share))
  expect(await useOf(share, share.clientToken)).toMatchObject({ calls: 2 })
  await call(agent, client)
  expect(await useOf(share, share.clientToken)).toMatchObject({ calls: 3 })
  await resetShare(share)
  expect(await useOf(share, share.clientToken)).toMatchObject({ calls: 2 })
})

test('a share that is only looked at, or that is gone, writes nothing', async () => {
  const share = await createShare()
  await stubOf(share).admin({ op: 'uses' })
  expect(await rowsOf(share)).toEqual([])
  await order('DELETE', `/api/shares/${share.id}`)
  expect(await stubOf(share).admin({ op: 'uses' })).toBeUndefined()
})

test('what the lanes have counted is one number', async () => {
  const share = await createShare({ lanes: 2 })
  const agents = await Promise.all([0, 1].map((lane) => ScriptedAgent.connect(share, {}, lane)))
  const lanes = new Set<number>()
  for (let count = 1; lanes.size < 2; count++) {
    const client = new TestClient(share)
    const response = client.initialize()
    const lane = await Promise.race(agents.map((agent, index) => agent.hasFrame().then(() => index)))
    const agent = agents[lane]
    if (agent === undefined) throw new Error('there is no such lane')
    lanes.add(lane)
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '0', '{"protocolVersion":"2025-11-25","capabilities":{}}')
    await response
    expect(await useOf(share, share.clientToken)).toMatchObject({ calls: count })
  }
})
