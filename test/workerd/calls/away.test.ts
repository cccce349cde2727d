/** While no agent is there: what waits, what fails at once, and how. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { awaitingNews, createShare, factsOf, stubOf, TestClient } from '../harness/relay.ts'
import { bodyText, connected, ScriptedAgent, takeOver } from '../harness/scripted-agent.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'
const CANCELLED = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}'

test('a call made while an agent that was just here is away waits for it', async () => {
  const { share, agent, client, ch } = await connected()
  await agent.leave()
  const response = client.post(CALL)
  const back = await ScriptedAgent.connect(share, { channels: [{ ch, n: 1 }] })
  const call = await back.expect('call')
  expect(bodyText(call)).toBe(CALL)
  back.answer(call.header, '7', '{"waited":true}')
  expect(await (await response).text()).toContain('waited')
})

test('what waits for an agent goes to it as soon as that comes', async () => {
  verifies('promise.4.bounded-wait')
  const { share, agent, client, ch } = await connected()
  await agent.leave()
  const called = client.post(CALL)
  const notified = client.post(CANCELLED)
  await vi.waitFor(async () => expect(await awaitingNews(share)).toBe(2))
  const back = await ScriptedAgent.connect(share, { channels: [{ ch, n: 1 }] })
  back.answer((await back.expect('call')).header, '7', '{"waited":true}')
  back.send({ type: 'receipts', keys: [(await back.expect('notify')).header.key] })
  expect(await (await called).text()).toContain('waited')
  expect((await notified).status).toBe(202)
})

test('what waits for an agent does so by a socket, with which the object sleeps, and goes to the agent that comes then', async () => {
  verifies('promise.6.no-rpc-for-ever', 'promise.4.bounded-wait')
  const { share, agent, client } = await connected()
  await agent.leave()
  const response = client.post(CALL)
  await vi.waitFor(async () => expect(await awaitingNews(share)).toBe(1))
  const { incarnation } = (await factsOf(share)).counters
  await evictDurableObject(stubOf(share))
  expect((await factsOf(share)).counters.incarnation).not.toBe(incarnation)
  const back = await ScriptedAgent.connect(share, { instance: 'two' })
  back.answer(await takeOver(back), '7', '{"waited":true}')
  expect(await (await response).text()).toContain('waited')
  await vi.waitFor(async () => expect(await awaitingNews(share)).toBe(0))
})

test('a notification sent meanwhile gets its 202 when the agent has it', async () => {
  verifies('promise.2.notifications-held')
  const { share, agent, client, ch } = await connected()
  await agent.leave()
  const response = client.post(CANCELLED)
  const back = await ScriptedAgent.connect(share, { channels: [{ ch, n: 1 }] })
  const { header } = await back.expect('notify')
  back.send({ type: 'receipts', keys: [header.key] })
  expect((await response).status).toBe(202)
})

test('a share that never had an agent answers 503 AGENT_AWAY with Retry-After at once', async () => {
  verifies('promise.4.away-503')
  const response = await new TestClient(await createShare()).initialize()
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2'])
  expect(await response.json()).toMatchObject({ id: 0, error: { data: { code: 'AGENT_AWAY', executed: 'no', retryable: true } } })
})

test('an agent that has left in good order makes room at once: its sessions go on with another', async () => {
  const { share, agent, client } = await connected()
  const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica' })
  await agent.leave(4005)
  const response = client.post(CALL)
  await other.expect('open')
  const replayed = await other.expect('call')
  expect(replayed.header.method).toBe('initialize')
  await other.expect('notify')
  other.answer((await other.expect('call')).header, '7', '{"taken":"over"}')
  expect(await (await response).json()).toMatchObject({ result: { taken: 'over' } })
})
