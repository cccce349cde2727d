/** What an owner sees of the clients of a share, and how one of them is ended, in the real runtime. */
import { evictDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { CALL, underWay } from '../harness/busy-client.ts'
import { HandshakeChild, postModern } from '../harness/handshake-child.ts'
import { order } from '../harness/orders.ts'
import { createShare, linkIdOf, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { connected, initialize, ScriptedAgent } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'

interface Listed {
  readonly id: string
  readonly kind: string
  readonly lane: number
}

async function sessionsOf(share: TestShare): Promise<Listed[]> {
  const { status, told } = await order('GET', `/api/shares/${share.id}/sessions`)
  expect(status).toBe(200)
  return told['sessions'] as Listed[]
}

function endSession(share: TestShare, id: string): ReturnType<typeof order> {
  return order('DELETE', `/api/shares/${share.id}/sessions/${id}`)
}

test('a session is listed with whose it is, what it says of itself and who serves it, after sleep too', async () => {
  verifies('promise.9.sessions')
  const { share, agent, client } = await connected()
  const called = client.post(CALL)
  agent.answer((await agent.expect('call')).header, '7', '{}')
  await called
  const link = linkIdOf(share.clientToken)
  const facts = {
    id: client.session?.slice(0, 13),
    kind: 'session',
    principal: `client:${link}`,
    link: { id: link, name: 'owner' },
    client: { name: 't', version: '1' },
    transport: 'http',
    revision: '2025-11-25',
    started_at: expect.stringMatching(/^\d{4}-/),
    agent: 'scripted',
    lane: 0,
    server: null,
  }
  expect(await sessionsOf(share)).toEqual([{ ...facts, last_call_at: expect.stringMatching(/^\d{4}-/) }])
  await evictDurableObject(stubOf(share))
  expect(await sessionsOf(share)).toMatchObject([facts])
})

test('what is listed does not open the session, for its own principal either', async () => {
  verifies('promise.9.sessions')
  const { share, client } = await connected()
  const [listed] = await sessionsOf(share)
  const other = new TestClient(share)
  other.session = listed?.id
  expect((await other.post(CALL)).status).toBe(404)
  expect(JSON.stringify(await sessionsOf(share))).not.toContain(client.session)
})

test('an ended session loses its streams, calls and child, its next request is 404, and others notice nothing', async () => {
  verifies('promise.9.sessions')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const [client, other] = [new TestClient(share), new TestClient(share)]
  const ch = await initialize(agent, client)
  await initialize(agent, other)
  const { listening, waiting, events } = await underWay(agent, client)
  expect((await endSession(share, client.session?.slice(0, 13) ?? '')).status).toBe(204)
  expect(await listening.next()).toBeUndefined()
  expect(await (await waiting).text()).toContain('CHANNEL_CLOSED')
  expect(await events.next()).toContain('CHANNEL_CLOSED')
  expect(await events.next()).toBeUndefined()
  expect((await agent.expect('close')).header.ch).toBe(ch)
  expect((await client.post(CALL)).status).toBe(404)
  expect(await sessionsOf(share)).toMatchObject([{ id: other.session?.slice(0, 13) }])
  const next = other.post(CALL)
  agent.answer((await agent.expect('call')).header, '7', '{}')
  expect((await next).status).toBe(200)
})

test('a session over HTTP+SSE ends with its stream', async () => {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const client = await SseClient.connect(share)
  const [listed] = await sessionsOf(share)
  expect(listed).toMatchObject({ kind: 'session', transport: 'sse', client: { name: null, version: null }, revision: null })
  expect((await endSession(share, listed?.id ?? '')).status).toBe(204)
  expect(await client.next()).toBeUndefined()
  expect(await sessionsOf(share)).toEqual([])
  expect(agent.waiting).toEqual([])
})

test.each(['legacy', 'modern'] as const)(
  'clients without sessions are listed by their %s child, which ends with what it runs',
  async (era) => {
    verifies('promise.9.sessions')
    const child = era === 'legacy' ? await HandshakeChild.connect() : undefined
    const share = child?.share ?? (await createShare())
    const agent = child?.agent ?? (await ScriptedAgent.connect(share, { era }))
    const waiting = postModern(share, 'resources/read', { uri: 'a:b' })
    const { header } = child === undefined ? await agent.expect('open').then(() => agent.expect('call')) : await child.expect('call')
    const [listed] = await sessionsOf(share)
    const link = linkIdOf(share.clientToken)
    expect(listed).toMatchObject({
      kind: 'group',
      principal: `client:${link}`,
      revision: '2026-07-28',
      started_at: null,
      last_call_at: expect.stringMatching(/^\d{4}-/),
    })
    expect((await endSession(share, listed?.id ?? '')).status).toBe(204)
    expect(await (await waiting).text()).toContain('CHANNEL_CLOSED')
    expect((await agent.expect('close')).header.ch).toBe(header.ch)
    expect(await sessionsOf(share)).toEqual([])
  },
)

test('the sessions of all lanes are one list, and each is ended on its own', async () => {
  const share = await createShare({ lanes: 4 })
  const agents = [0, 1, 2, 3].map((lane) => ScriptedAgent.connect(share, {}, lane))
  await Promise.all(agents)
  const clients = Array.from({ length: 8 }, () => new TestClient(share))
  for (const client of clients) {
    const response = client.initialize()
    const served = await Promise.race(agents.map(async (agent) => ({ agent: await agent, frame: await (await agent).hasFrame() })))
    await served.agent.expect('open')
    served.agent.answer((await served.agent.expect('call')).header, '0', '{"protocolVersion":"2025-11-25","capabilities":{}}')
    await response
  }
  const ids = clients.map(({ session }) => session?.slice(0, 13))
  const listed = await sessionsOf(share)
  expect([listed.length, new Set(listed.map(({ id }) => id))]).toEqual([8, new Set(ids)])
  expect(new Set(listed.map(({ lane }) => lane)).size).toBeGreaterThan(1)
  for (const { id } of listed) expect((await endSession(share, id)).status).toBe(204)
  expect(await sessionsOf(share)).toEqual([])
})

test.each(['', 'a', 'aaaaaaaaaaaaa', '%25', "a' OR 1=1 --"])('no session is ended by %j', async (id) => {
  const { share } = await connected()
  const { status } = await endSession(share, encodeURIComponent(id))
  expect(status).toBe(id === '' ? 405 : 404)
  expect(await sessionsOf(share)).toHaveLength(1)
})
