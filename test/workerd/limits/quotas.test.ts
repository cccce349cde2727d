/** What one principal may have of a share: whoever asks for more loses its own, and nobody else does. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { expect, test, vi } from 'vitest'
import {
  MAX_KEPT_BYTES_OF_PRINCIPAL,
  MAX_KEPT_BYTES_OF_SESSION,
  MAX_REPLAYED_BYTES,
  MAX_SESSIONS,
  MAX_SESSIONS_OF_PRINCIPAL,
  MAX_WAITING_CALLS_OF_PRINCIPAL,
} from '../../../worker/limits.ts'
import { Streams } from '../../../worker/share/clients/streams.ts'
import { Turns } from '../../../worker/share/children/turns.ts'
import { verifies } from '../../requirements/verifies.ts'
import { callTool, HandshakeChild } from '../harness/handshake-child.ts'
import {
  awaitingNews,
  createClientToken,
  createShare,
  EventReader,
  factsOf,
  linkIdOf,
  openStream,
  stubOf,
  TestClient,
  type TestShare,
} from '../harness/relay.ts'
import { CAVEAT_NONCE_BYTES } from '../../../protocol/narrowing/caveat.ts'
import { narrowCredential } from '../../../protocol/narrowing/narrow.ts'
import { connected, initialize, ScriptedAgent } from '../harness/scripted-agent.ts'

const PING = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}'

function sql<T>(share: TestShare, run: (sql: SqlStorage) => T): Promise<T> {
  return runInDurableObject(stubOf(share), (_, state) => run(state.storage.sql))
}

/** Gives the principal of a session so many more, all of them later than those that are there; `bytes`: kept for each. */
async function crowd(share: TestShare, session: string | undefined, name: string, count: number, bytes = 1): Promise<void> {
  await sql(share, (rows) => {
    rows.exec(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO session SELECT ? || i, (SELECT principal FROM session WHERE id = ?), 'http', ? + i, 0 FROM n`,
      count,
      name,
      session ?? '',
      Date.now(),
    )
    rows.exec("INSERT INTO handshake SELECT id, 'initialize', '', zeroblob(?), 0, 1 FROM session WHERE id LIKE ? || '%'", bytes, name)
  })
  // So that nothing in its memory is older than these rows.
  await evictDurableObject(stubOf(share))
}

function oldest(share: TestShare, count: number): Promise<string[]> {
  return sql(share, (rows) =>
    rows
      .exec<{ id: string }>('SELECT id FROM session ORDER BY started_at_ms LIMIT ?', count)
      .toArray()
      .map(({ id }) => id),
  )
}

test('a principal with MAX_SESSIONS_OF_PRINCIPAL sessions loses its own oldest with the next, and another keeps its older one', async () => {
  verifies('promise.10.own-first', 'promise.10.memory')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const modest = new TestClient(share)
  await initialize(agent, modest)
  const greedy = new TestClient(share, await createClientToken(share))
  await initialize(agent, greedy)
  await crowd(share, greedy.session, 'more-', MAX_SESSIONS_OF_PRINCIPAL - 1)
  await initialize(agent, { initialize: () => new TestClient(share, greedy.token).initialize() }).catch(() => undefined)
  expect(await oldest(share, 2)).toEqual([modest.session, 'more-1'])
  expect((await greedy.post(PING)).status).toBe(404)
})

test('of a full share the principal with most loses its oldest session', async () => {
  verifies('promise.10.own-first', 'promise.10.memory')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const modest = new TestClient(share)
  await initialize(agent, modest)
  const greedy = new TestClient(share, await createClientToken(share))
  await initialize(agent, greedy)
  await crowd(share, greedy.session, 'more-', MAX_SESSIONS - 2)
  void new TestClient(share, await createClientToken(share)).initialize()
  await agent.expect('close')
  expect(await oldest(share, 2)).toEqual([modest.session, 'more-1'])
  expect((await factsOf(share)).sessions).toBe(MAX_SESSIONS)
})

async function narrowed(token: string): Promise<string> {
  const made = await narrowCredential(token, {}, crypto.getRandomValues(new Uint8Array(CAVEAT_NONCE_BYTES)))
  if (!made.ok) throw new Error(made.error)
  return made.value
}

/** A session by a link that was narrowed from this one. */
async function narrowedSession(share: TestShare, agent: ScriptedAgent, token: string): Promise<TestClient> {
  const client = new TestClient(share, await narrowed(token))
  await initialize(agent, client)
  return client
}

test('links that were narrowed from one have its sessions together: the oldest of them all goes', async () => {
  verifies('promise.10.root')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const modest = new TestClient(share)
  await initialize(agent, modest)
  const root = await createClientToken(share)
  const [one, other] = [await narrowedSession(share, agent, root), await narrowedSession(share, agent, root)]
  await crowd(share, one.session, 'one-', MAX_SESSIONS_OF_PRINCIPAL / 2)
  await crowd(share, other.session, 'other-', MAX_SESSIONS_OF_PRINCIPAL / 2 - 2)
  // None of them has more than half of what one may have, and a further narrowing has none yet.
  const begun = new TestClient(share, await narrowed(await narrowed(root))).initialize()
  expect((await agent.expect('close')).header.ch).toContain(one.session)
  expect(await oldest(share, 2)).toEqual([modest.session, other.session])
  // What is not its own is still none of its business.
  other.session = modest.session
  expect((await other.post(PING)).status).toBe(404)
  await begun.catch(() => undefined)
})

test('of a full share the link whose narrowed ones have most together loses the oldest session', async () => {
  verifies('promise.10.root')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const [root, second] = [await createClientToken(share), await createClientToken(share)]
  const alone = new TestClient(share, second)
  await initialize(agent, alone)
  const [one, other] = [await narrowedSession(share, agent, root), await narrowedSession(share, agent, root)]
  await crowd(share, alone.session, 'alone-', MAX_SESSIONS_OF_PRINCIPAL - 200)
  for (const [at, { session }] of [one, other].entries()) await crowd(share, session, `of-${at}-`, MAX_SESSIONS_OF_PRINCIPAL / 2 - 10)
  await crowd(share, (await narrowedSession(share, agent, second)).session, 'rest-', 100)
  const left = MAX_SESSIONS - (await factsOf(share)).sessions
  const third = new TestClient(share)
  await initialize(agent, third)
  await crowd(share, third.session, 'third-', left - 1)
  void new TestClient(share, await createClientToken(share)).initialize()
  expect((await agent.expect('close')).header.ch).toContain(one.session)
})

test('a child is opened as its own principal’s, and names the link of the owner’s that it counts for', async () => {
  verifies('promise.10.root')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  void new TestClient(share, await narrowed(share.clientToken)).initialize()
  const { header } = await agent.expect('open')
  expect(header).toMatchObject({ owner: expect.stringMatching(/^derived:/), root: `client:${linkIdOf(share.clientToken)}` })
  void new TestClient(share).initialize()
  await agent.expect('call')
  const own = (await agent.expect('open')).header
  expect([own.owner, own.root]).toEqual([`client:${linkIdOf(share.clientToken)}`, undefined])
})

test('a principal for whose sessions too many bytes are kept loses its own oldest', async () => {
  verifies('promise.10.own-first')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const modest = new TestClient(share)
  await initialize(agent, modest)
  const greedy = new TestClient(share, await createClientToken(share))
  await initialize(agent, greedy)
  const each = 256 * 1024
  await crowd(share, greedy.session, 'more-', MAX_KEPT_BYTES_OF_PRINCIPAL / each, each)
  void new TestClient(share, greedy.token).initialize()
  await agent.expect('close')
  expect(await oldest(share, 2)).toEqual([modest.session, 'more-2'])
})

test('a session that subscribes may have MAX_KEPT_BYTES_OF_SESSION kept', async () => {
  verifies('promise.10.named')
  const { agent, client } = await connected()
  const filler = 'y'.repeat(MAX_REPLAYED_BYTES - 200)
  const subscribe = (n: number): Promise<Response> =>
    client.post(`{"jsonrpc":"2.0","id":${n},"method":"resources/subscribe","params":{"uri":"x:${n}","_meta":{"f":"${filler}"}}}`)
  const room = Math.floor(MAX_KEPT_BYTES_OF_SESSION / (MAX_REPLAYED_BYTES - 100))
  for (let n = 0; n < room; n++) {
    const response = subscribe(n)
    agent.answer((await agent.expect('call')).header, String(n), '{}')
    expect((await response).status).toBe(200)
  }
  expect(await (await subscribe(room)).json()).toMatchObject({ error: { data: { code: 'SHARE_BUSY' } } })
})

test('a call that waits by socket counts for its principal, until its stream has closed, and after sleep too', async () => {
  verifies('promise.10.own-first')
  const { share, agent, client } = await connected()
  const response = client.postForEvents(PING)
  const { header } = await agent.expect('call')
  agent.notify(header.ch, '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"x"}}', { ra: header.ra, sure: true })
  const events = new EventReader(await response)
  await events.next()
  expect(await waitingBySocket(share)).toBe(1)
  await evictDurableObject(stubOf(share))
  expect(await waitingBySocket(share)).toBe(1)
  await events.cancel()
  await vi.waitFor(async () => expect(await waitingBySocket(share)).toBe(0))
})

test('what waits for an agent counts for its principal, until one is there', async () => {
  verifies('promise.10.own-first')
  const { share, agent, client, ch } = await connected()
  await agent.leave()
  const response = client.post(PING)
  await vi.waitFor(async () => expect(await waitingBySocket(share)).toBe(1))
  const back = await ScriptedAgent.connect(share, { channels: [{ ch, n: 1 }] })
  back.answer((await back.expect('call')).header, '1', '{}')
  expect((await response).status).toBe(200)
  await vi.waitFor(async () => expect(await waitingBySocket(share)).toBe(0))
})

test('a notification that would wait for an agent is refused where no more of its principal may wait, and takes no socket', async () => {
  verifies('promise.10.own-first')
  const { share, agent, client, ch } = await connected()
  const notify = (): Promise<Response> => client.post('{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}')
  await agent.leave()
  vi.spyOn(Streams.prototype, 'waitingOf').mockReturnValue(MAX_WAITING_CALLS_OF_PRINCIPAL)
  const refused = await notify()
  expect(refused.status).toBe(503)
  expect(await refused.json()).toMatchObject({ error: { data: { code: 'SHARE_BUSY', executed: 'no' } } })
  const root = `client:${linkIdOf(share.clientToken)}`
  expect((await openStream(share, { kind: 'news', mark: '0', principal: root })).status).toBe(503)
  expect(await awaitingNews(share)).toBe(0)
  vi.restoreAllMocks()
  const notified = notify()
  const back = await ScriptedAgent.connect(share, { channels: [{ ch, n: 1 }] })
  back.send({ type: 'receipts', keys: [(await back.expect('notify')).header.key] })
  expect((await notified).status).toBe(202)
})

/** What waits by socket for the principal that has the only session. */
function waitingBySocket(share: TestShare): Promise<number> {
  return runInDurableObject(stubOf(share), (_, state) => {
    const { principal } = state.storage.sql.exec<{ principal: string }>('SELECT principal FROM session').one()
    return new Streams(state).waitingOf(principal)
  })
}

test.each([
  ['for its turn on a child', Turns.prototype],
  ['by a socket, as for an agent,', Streams.prototype],
])('a call that waits %s counts for its principal: one more is refused, and nobody else', async (_, waits) => {
  verifies('promise.10.own-first')
  const child = await HandshakeChild.connect()
  const { share } = child
  const root = `client:${linkIdOf(share.clientToken)}`
  vi.spyOn(waits, 'waitingOf').mockImplementation((of: string) => (of === root ? MAX_WAITING_CALLS_OF_PRINCIPAL : 0))
  const call = (token: string): Promise<Response> => callTool(share, 'a', { token })
  expect(await (await call(share.clientToken)).json()).toMatchObject({ error: { data: { code: 'SHARE_BUSY', executed: 'no' } } })
  expect(await (await call(await narrowed(share.clientToken))).json()).toMatchObject({ error: { data: { code: 'SHARE_BUSY' } } })
  const other = call(await createClientToken(share))
  child.answer(await child.expect('call'), { content: [] })
  expect((await other).status).toBe(200)
  vi.restoreAllMocks()
})
