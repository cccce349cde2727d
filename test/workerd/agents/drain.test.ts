/** An agent that is leaving finishes what it has and gets nothing new; and what was sent as a link broke is sent again. */
import { expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { factsOf, TestClient } from '../harness/relay.ts'
import { bodyText, connected, initialize, ScriptedAgent, survivorOf, takeOver } from '../harness/scripted-agent.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'
const NEXT = '{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"t"}}'
const RESPONSE = '{"jsonrpc":"2.0","id":"ask-1","result":{}}'

test('the next call of a session whose agent is leaving goes to another agent', async () => {
  const { share, agent, client } = await connected()
  const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica' })
  agent.send({ type: 'drain' })
  const response = client.post(CALL)
  other.answer(await takeOver(other), '7', '{"by":"other"}')
  expect(await (await response).json()).toMatchObject({ result: { by: 'other' } })
  expect(agent.waiting).toEqual([])
})

test('a call that runs on an agent that is leaving is answered there, its client is heard there, and the next waits for it', async () => {
  const { share, agent, client, ch } = await connected()
  const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica' })
  const first = client.post(CALL)
  const running = (await agent.expect('call')).header
  agent.send({ type: 'drain' })
  const second = client.post(NEXT)
  const answered = client.post(RESPONSE)
  const { header } = await agent.expect('respond')
  expect(header.ch).toBe(ch)
  agent.send({ type: 'receipts', keys: [header.key] })
  expect((await answered).status).toBe(202)
  expect(other.waiting).toEqual([])
  agent.answer(running, '7', '{"by":"first"}')
  expect(await (await first).json()).toMatchObject({ result: { by: 'first' } })
  other.answer(await takeOver(other), '8', '{"by":"other"}')
  expect(await (await second).json()).toMatchObject({ id: 8, result: { by: 'other' } })
})

test('a call made while the only agent is leaving waits for the one that comes after it', async () => {
  const { share, agent, client } = await connected()
  agent.send({ type: 'drain' })
  const response = client.post(CALL)
  await agent.leave(4005)
  const next = await ScriptedAgent.connect(share, { instance: 'two' })
  next.answer(await takeOver(next), '7', '{"by":"next"}')
  expect(await (await response).json()).toMatchObject({ result: { by: 'next' } })
  expect(agent.waiting).toEqual([])
})

test('a late death on an agent that is leaving does not touch the session that has moved', async () => {
  verifies('promise.3.died')
  const { share, agent, client, ch } = await connected()
  const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica' })
  agent.send({ type: 'drain' })
  const first = client.post(CALL)
  other.answer(await takeOver(other), '7', '{}')
  await first
  agent.send({ type: 'died', ch, reason: 'closed' })
  const second = client.post(NEXT)
  other.answer((await other.expect('call')).header, '8', '{"still":"here"}')
  expect(await (await second).json()).toMatchObject({ result: { still: 'here' } })
})

test('a notification whose link breaks before the receipt is sent again with its key', async () => {
  verifies('promise.2.notifications-held')
  const { share, agent, client, ch } = await connected()
  const response = client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}')
  const first = (await agent.expect('notify')).header
  await agent.leave()
  const back = await ScriptedAgent.connect(share, survivorOf(ch, agent, [first.key]))
  const again = (await back.expect('notify')).header
  expect(again.key).toBe(first.key)
  back.send({ type: 'receipts', keys: [again.key] })
  expect((await response).status).toBe(202)
})

test('a notification whose agent is replaced before the receipt is not given to the next one', async () => {
  verifies('promise.2.never-twice', 'promise.2.notifications-once')
  const { share, agent, client } = await connected()
  const response = client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}')
  await agent.expect('notify')
  await agent.leave()
  const next = await ScriptedAgent.connect(share, { instance: 'two' })
  expect((await response).status).toBe(503)
  expect(await (await response).json()).toMatchObject({ error: { data: { code: 'AGENT_AWAY', executed: 'unknown' } } })
  expect(next.waiting).toEqual([])
})

test('a new session goes to an agent that is not leaving', async () => {
  const { share, agent } = await connected()
  const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica' })
  agent.send({ type: 'drain' })
  await factsOf(share)
  const client = new TestClient(share)
  await initialize(other, client)
  const response = client.post(CALL)
  const call = await other.expect('call')
  expect(bodyText(call)).toBe(CALL)
  other.answer(call.header, '7', '{}')
  expect((await response).status).toBe(200)
})
