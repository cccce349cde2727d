/** An agent that takes only so many calls at a time is sent no more: others go elsewhere, or wait for their turn. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, expect, test, vi } from 'vitest'
import { AGENT_TURN_WAIT_MS } from '../../../worker/routing-limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { postModern } from '../harness/handshake-child.ts'
import { shortTimers } from '../harness/held-timers.ts'
import { askAsOwner, createShare, EventReader, factsOf, stubOf, TestClient } from '../harness/relay.ts'
import { BARE_SERVER, bodyText, initialize, ScriptedAgent, takeOver } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'

const callOf = (id: number): string => `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t"}}`
const LIST = '{"jsonrpc":"2.0","id":20,"method":"tools/list"}'
const BUSY = { error: { data: { code: 'AGENT_BUSY', executed: 'no', retryable: true } } }

afterEach(() => {
  vi.restoreAllMocks()
})

/** A session whose agent takes one call at a time, and runs one. */
async function full() {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { maxCalls: 1 })
  const client = new TestClient(share)
  const ch = await initialize(agent, client)
  const first = client.post(callOf(7))
  const running = (await agent.expect('call')).header
  return { share, agent, client, ch, first, running }
}

/** Returns when what was posted before has reached the relay: what is no call passes those that wait. */
async function settled(agent: ScriptedAgent, client: TestClient): Promise<void> {
  const told = client.post('{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}')
  agent.send({ type: 'receipts', keys: [(await agent.expect('notify')).header.key] })
  expect((await told).status).toBe(202)
}

test('a call beyond what the agent takes is sent when another has ended there', async () => {
  verifies('promise.10.agent-calls')
  const { agent, client, first, running } = await full()
  const second = client.post(callOf(8))
  await settled(agent, client)
  expect(agent.waiting).toEqual([])
  agent.answer(running, '7', '{"first":true}')
  const next = (await agent.expect('call')).header
  agent.answer(next, '8', '{"second":true}')
  expect(await (await first).json()).toMatchObject({ id: 7, result: { first: true } })
  expect(await (await second).json()).toMatchObject({ id: 8, result: { second: true } })
})

test('a call that has no turn in time fails with a name and a status, unrun; the next has its turn', async () => {
  verifies('promise.10.agent-calls', 'promise.10.named')
  const { agent, client, first, running } = await full()
  const restore = shortTimers(AGENT_TURN_WAIT_MS)
  const refused = await client.post(callOf(8))
  restore()
  expect(refused.status).toBe(503)
  expect(await refused.json()).toMatchObject({ id: 8, ...BUSY })
  expect(agent.waiting).toEqual([])
  agent.fail(running, 'CHILD_DIED', 'unknown')
  await first
  const third = client.post(callOf(9))
  agent.answer((await agent.expect('call')).header, '9', '{}')
  expect((await third).status).toBe(200)
})

test('a new session goes to an agent with room, whichever has fewer', async () => {
  verifies('promise.10.agent-calls')
  const { share, agent, ch } = await full()
  const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica' })
  expect(await initialize(other, new TestClient(share))).not.toBe(ch)
  await initialize(other, new TestClient(share))
  // It has two by now, and the first agent one.
  await initialize(other, new TestClient(share))
  expect(agent.waiting).toEqual([])
})

test('a call without a session that only reads goes to another agent with room, any other waits', async () => {
  verifies('promise.10.agent-calls')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern', maxCalls: 1 })
  const first = postModern(share, 'resources/read', { uri: 'x:1' })
  await agent.expect('open')
  const running = (await agent.expect('call')).header
  const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica', era: 'modern' })
  const second = postModern(share, 'resources/read', { uri: 'x:2' })
  await other.expect('open')
  const apart = (await other.expect('call')).header
  other.answer(apart, '1', '{"contents":[],"by":"other","resultType":"complete"}')
  expect(await (await second).json()).toMatchObject({ result: { by: 'other' } })
  const third = postModern(share, 'x/y')
  agent.answer(running, '1', '{"contents":[],"by":"first","resultType":"complete"}')
  expect(await (await first).json()).toMatchObject({ result: { by: 'first' } })
  agent.answer((await agent.expect('call')).header, '1', '{"by":"first","resultType":"complete"}')
  expect(await (await third).json()).toMatchObject({ result: { by: 'first' } })
})

test.each(['modern', 'legacy'] as const)(
  'a call of a client that may only read waits for the agent whose list it is judged by (%s era)',
  async (era) => {
    verifies('promise.11.own-list')
    const more = era === 'modern' ? ',"resultType":"complete"' : ''
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { era, maxCalls: 1 })
    const made = await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'client', policy: { access: 'read' } })
    const reader = { ...share, clientToken: (await made.json<{ token: string }>()).token }
    const call = () => postModern(reader, 'tools/call', { name: 't', arguments: {} })
    const tools = `{"tools":[{"name":"t","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}]${more}}`
    const first = call()
    await agent.expect('open')
    if (era === 'legacy') {
      agent.answer((await agent.expect('call')).header, '0', BARE_SERVER)
      await agent.expect('notify')
    }
    const list = await agent.expect('call')
    agent.answer(list.header, bodyText(list).slice(...list.header.id), tools)
    const running = await agent.expect('call')
    const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica', era })
    const second = call()
    await factsOf(share)
    // The list by which the tools are known now is this agent's, and is asked of no other.
    agent.notify(running.header.ch, '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}', {})
    await factsOf(share)
    const third = call()
    await factsOf(share)
    agent.answer(running.header, bodyText(running).slice(...running.header.id), `{"content":[]${more}}`)
    await first
    for (let calls = 0; calls < 2;) {
      const next = await agent.expect('call')
      if (next.header.method === 'tools/call') calls++
      const result = next.header.method === 'tools/list' ? tools : `{"content":[],"by":"first"${more}}`
      agent.answer(next.header, bodyText(next).slice(...next.header.id), result)
    }
    for (const response of [second, third]) expect(await (await response).json()).toMatchObject({ result: { by: 'first' } })
    expect(other.waiting).toEqual([])
  },
)

test('a call that is cancelled while it waits is never sent', async () => {
  const { agent, client, first, running } = await full()
  const second = client.post(callOf(8))
  await settled(agent, client)
  const cancelled = client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":8}}')
  const { header } = await agent.expect('notify')
  agent.send({ type: 'receipts', keys: [header.key] })
  await cancelled
  expect(await (await second).json()).toMatchObject({ id: 8, error: { data: { code: 'CANCELLED', executed: 'no' } } })
  agent.answer(running, '7', '{}')
  await first
  const third = client.post(LIST)
  const next = (await agent.expect('call')).header
  expect(next.method).toBe('tools/list')
  agent.answer(next, '20', '{"tools":[]}')
  await third
})

test('a call that waits when its agent leaves is made on another', async () => {
  verifies('promise.10.agent-calls', 'promise.2.nothing-lost')
  const { share, agent, client, first, running } = await full()
  const second = client.post(callOf(8))
  await settled(agent, client)
  const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica' })
  agent.send({ type: 'drain' })
  agent.answer(running, '7', '{}')
  await first
  other.answer(await takeOver(other), '8', '{"by":"other"}')
  expect(await (await second).json()).toMatchObject({ id: 8, result: { by: 'other' } })
  expect(agent.waiting).toEqual([])
})

test('a call over HTTP+SSE that has no turn fails on its stream', async () => {
  verifies('promise.10.agent-calls')
  const { share, agent, running, first } = await full()
  const sse = await SseClient.connect(share)
  const restore = shortTimers(AGENT_TURN_WAIT_MS)
  await sse.post(callOf(30))
  expect(await sse.next()).toMatchObject({ id: 30, ...BUSY })
  restore()
  await agent.expect('open')
  agent.answer(running, '7', '{}')
  await first
})

test('an agent that ran a call before the relay slept is still known to run it', async () => {
  verifies('promise.6.state-survives')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { maxCalls: 1 })
  const client = new TestClient(share)
  await initialize(agent, client)
  const first = client.postForEvents('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":"p"}}}')
  const running = (await agent.expect('call')).header
  const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}'
  agent.notify(running.ch, progress, { ra: running.ra, sure: true })
  const events = new EventReader(await first)
  expect(await events.next()).toContain('progress')
  await evictDurableObject(stubOf(share))
  const restore = shortTimers(AGENT_TURN_WAIT_MS)
  expect((await client.post(callOf(8))).status).toBe(503)
  restore()
  agent.answer(running, '7', '{}')
  expect(await events.next()).toContain('"id":7')
})
