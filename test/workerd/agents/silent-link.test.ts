/** Links over which nothing comes any more, though nobody has closed them: noticed with the next call, and forgiven with the next word. */
import { evictDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { answerIn, CALL, INITIALIZED, known, LIST, SERVER, staleSince, TOOLS } from '../harness/kept-lists.ts'
import { stubOf, TestClient } from '../harness/relay.ts'
import { bodyText, type Connected, initialize, ScriptedAgent } from '../harness/scripted-agent.ts'

/** A known server, whose agent has let a client's list go unanswered. */
async function suspect(): Promise<Connected> {
  const parts = await known()
  const answer = await answerIn(parts.client.post(LIST))
  expect(answer).toMatchObject({ id: 'a', result: { tools: [{ name: 't' }] } })
  expect(staleSince(answer)).toBeDefined()
  await parts.agent.expect('call')
  return parts
}

test.concurrent('a list that is neither answered nor receipted is answered by what is kept', async () => {
  await suspect()
})

test.concurrent('a suspect link gets no more lists: they are answered at once', async () => {
  const { agent, client } = await suspect()
  expect(staleSince(await answerIn(client.post(LIST)))).toBeDefined()
  expect(staleSince(await answerIn(client.post('{"jsonrpc":"2.0","id":1,"method":"ping"}')))).toBeDefined()
  expect(agent.waiting).toEqual([])
})

test.concurrent('a call goes on waiting on a suspect link, and its answer clears the link', async () => {
  verifies('promise.3.half-open')
  const { agent, client } = await suspect()
  const called = client.post(CALL)
  const { header } = await agent.expect('call')
  expect(header.method).toBe('tools/call')
  agent.answer(header, '7', '{"content":[]}')
  expect(await answerIn(called)).toMatchObject({ id: 7, result: { content: [] } })
  const listed = client.post(LIST)
  agent.answer((await agent.expect('call')).header, '"a"', TOOLS)
  expect(staleSince(await answerIn(listed))).toBeUndefined()
})

test.concurrent('a receipt is a word: a list whose server takes its time is waited for', async () => {
  const { agent, client } = await known()
  const listed = client.post(LIST)
  const { header } = await agent.expect('call')
  agent.send({ type: 'receipts', keys: [header.key] })
  // By then one without a receipt would have been answered.
  const other = await suspect()
  expect(other.agent.waiting).toEqual([])
  agent.answer(header, '"a"', TOOLS)
  expect(staleSince(await answerIn(listed))).toBeUndefined()
})

test.concurrent('a new client begins on a suspect link, and the server hears of it only when it can', async () => {
  const { share, agent } = await suspect()
  const client = new TestClient(share)
  expect(staleSince(await answerIn(client.initialize()))).toBeDefined()
  expect((await client.post(INITIALIZED)).status).toBe(202)
  expect(agent.waiting).toEqual([])
  const called = client.post(CALL)
  expect((await agent.expect('open')).header.ch).toContain(client.session)
  const handshake = await agent.expect('call')
  expect(JSON.parse(bodyText(handshake))).toMatchObject({ method: 'initialize' })
  expect((await agent.expect('notify')).header.method).toBe('notifications/initialized')
  agent.answer(handshake.header, '0', SERVER)
  agent.answer((await agent.expect('call')).header, '7', '{"content":[]}')
  expect(await answerIn(called)).toMatchObject({ id: 7, result: { content: [] } })
})

test.concurrent('a new client whose initialize was the first to go unanswered begins all the same, with a fresh child', async () => {
  const { share, agent } = await known()
  const client = new TestClient(share)
  expect(staleSince(await answerIn(client.initialize()))).toBeDefined()
  const { ch } = (await agent.expect('open')).header
  expect((await agent.expect('call')).header.method).toBe('initialize')
  expect((await agent.expect('close')).header.ch).toBe(ch)
  expect((await client.post(INITIALIZED)).status).toBe(202)
  const called = client.post(CALL)
  expect((await agent.expect('open')).header.ch).not.toBe(ch)
  agent.answer((await agent.expect('call')).header, '0', SERVER)
  await agent.expect('notify')
  agent.answer((await agent.expect('call')).header, '7', '{"content":[]}')
  expect(await answerIn(called)).toMatchObject({ id: 7 })
})

test.concurrent('a suspect link is one still when the Share has slept, until something comes over it', async () => {
  verifies('promise.6.state-survives')
  const { share, agent, client } = await suspect()
  await evictDurableObject(stubOf(share))
  expect(staleSince(await answerIn(client.post(LIST)))).toBeDefined()
  expect(agent.waiting).toEqual([])
  await evictDurableObject(stubOf(share))
  agent.send({ type: 'receipts', keys: [] })
  const listed = client.post(LIST)
  agent.answer((await agent.expect('call')).header, '"a"', TOOLS)
  expect(staleSince(await answerIn(listed))).toBeUndefined()
})

test.concurrent('a new session does not go to a suspect link while there is another', async () => {
  const { share } = await suspect()
  const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica' })
  // By the number of channels alone the suspect one would have its turn.
  for (let count = 0; count < 3; count++) await initialize(other, new TestClient(share), SERVER)
})

test.concurrent('a list that is on its way when the link closes is answered by what is kept', async () => {
  const { agent, client } = await known()
  const listed = client.post(LIST)
  await agent.expect('call')
  agent.close()
  expect(staleSince(await answerIn(listed))).toBeDefined()
})
