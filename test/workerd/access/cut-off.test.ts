/** What ends with a link, in the real runtime: its streams, calls, sessions, channels and agents, and nothing of any other link. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CLOSE } from '../../../protocol/handshake.ts'
import { verifies } from '../../requirements/verifies.ts'
import { CALL, underWay } from '../harness/busy-client.ts'
import { HandshakeChild, postModern } from '../harness/handshake-child.ts'
import { order } from '../harness/orders.ts'
import {
  awaitingNews,
  createClientToken,
  createShare,
  EventReader,
  factsOf,
  fetchRelay,
  linkIdOf,
  resetShare,
  stubOf,
  TestClient,
  type TestShare,
} from '../harness/relay.ts'
import { BARE_SERVER, initialize, ScriptedAgent } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'
import { type ToldError, toldErrorIn, refusedWith } from '../harness/scenes/told-error.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** How the owner ends what a link may do, and what its holder is told of a call that was under way and of one that is made then. */
interface Ending {
  readonly name: string
  readonly end: (share: TestShare) => Promise<unknown>
  readonly status: number
  readonly cut: ToldError
  /** Whether others may go on, and whether the sessions are gone. */
  readonly isOfLink: boolean
  readonly isFinal: boolean
}

const UNAUTHORIZED = { code: 'UNAUTHORIZED', executed: 'unknown', retryable: false } as const

const ENDINGS: readonly Ending[] = [
  {
    name: 'a link that is revoked',
    end: (share) => order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`),
    status: 401,
    cut: { ...UNAUTHORIZED, detail: 'This token was revoked.' },
    isOfLink: true,
    isFinal: true,
  },
  {
    name: 'a link whose time is over',
    end: (share) => order('PATCH', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`, { expires_in: 1 }),
    status: 401,
    cut: { ...UNAUTHORIZED, detail: 'This token has expired.' },
    isOfLink: true,
    isFinal: true,
  },
  {
    name: 'a rotation',
    end: (share) => order('POST', `/api/shares/${share.id}/rotate`, {}),
    status: 401,
    cut: { ...UNAUTHORIZED, detail: 'This token was revoked.' },
    isOfLink: false,
    isFinal: true,
  },
  {
    name: 'a pause',
    end: (share) => order('PATCH', `/api/shares/${share.id}`, { paused: true }),
    status: 503,
    cut: { code: 'SHARE_PAUSED', executed: 'unknown', retryable: false, detail: undefined },
    isOfLink: false,
    isFinal: false,
  },
  {
    name: "a share's end",
    end: (share) => order('PATCH', `/api/shares/${share.id}`, { expires_in: 1 }),
    status: 410,
    cut: { code: 'SHARE_EXPIRED', executed: 'unknown', retryable: false, detail: undefined },
    isOfLink: false,
    isFinal: true,
  },
]

describe.each(ENDINGS)('$name', ({ end, status, cut, isFinal }) => {
  test('ends the GET stream, a call that waits and one whose stream is open, and the session with its channel', async () => {
    verifies('promise.9.revoked')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = new TestClient(share)
    const ch = await initialize(agent, client)
    const { listening, waiting, events } = await underWay(agent, client)
    await end(share)
    expect(await listening.next()).toBeUndefined()
    expect(await refusedWith(await waiting)).toEqual({ status, ...cut })
    expect(toldErrorIn(await events.next())).toEqual(cut)
    expect(await events.next()).toBeUndefined()
    const after = await client.post(CALL)
    expect([after.status, after.headers.get('www-authenticate') !== null]).toEqual([status, status === 401])
    if (status === 503) expect(Number(after.headers.get('retry-after'))).toBeGreaterThan(0)
    if (status !== 410 && isFinal) expect((await agent.expect('close')).header.ch).toBe(ch)
    if (status === 410) expect((await agent.closed).code).toBe(CLOSE.SHARE_GONE)
    else expect((await factsOf(share)).sessions).toBe(isFinal ? 0 : 1)
  })

  test('ends an HTTP+SSE stream, with an answer to each call of it', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = await SseClient.connect(share)
    await client.initialize()
    await agent.expect('open')
    const { header } = await agent.expect('call')
    agent.answer(header, '0', BARE_SERVER)
    await client.next()
    await client.post(CALL)
    await agent.expect('call')
    await end(share)
    expect(toldErrorIn(JSON.stringify(await client.next()))).toEqual(cut)
    expect(await client.next()).toBeUndefined()
  })

  test.each(['legacy', 'modern'] as const)('ends a listen of 2026-07-28 on a %s child, a call beside it, and the child', async (era) => {
    const child = era === 'legacy' ? await HandshakeChild.connect() : undefined
    const share = child?.share ?? (await createShare())
    const agent = child?.agent ?? (await ScriptedAgent.connect(share, { era }))
    const listened = postModern(share, 'subscriptions/listen', { notifications: { toolsListChanged: true } })
    if (child === undefined) {
      await agent.expect('open')
      const { header } = await agent.expect('call')
      const body = '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{}}'
      agent.notify(header.ch, body, { ra: header.ra, sure: true })
    }
    const waiting = postModern(share, 'resources/read', { uri: 'a:b' }, { id: 9 })
    const { header } = child === undefined ? await agent.expect('call') : await child.expect('call')
    const events = new EventReader(await listened)
    expect(await events.next()).toContain('acknowledged')
    await end(share)
    expect(toldErrorIn(await events.next())).toEqual(cut)
    expect(await refusedWith(await waiting)).toEqual({ status, ...cut })
    if (status === 410) await agent.closed
    else if (isFinal) expect((await agent.expect('close')).header.ch).toBe(header.ch)
  })

  test('holds after sleep and after a reset', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = new TestClient(share)
    await initialize(agent, client)
    const listening = new EventReader(await client.listen())
    await end(share)
    expect(await listening.next()).toBeUndefined()
    if (status !== 410) await evictDurableObject(stubOf(share))
    expect((await client.post(CALL)).status).toBe(status)
    await resetShare(share)
    expect((await client.post(CALL)).status).toBe(status)
    expect((await client.listen()).status).toBe(status)
  })
})

describe.each(ENDINGS.filter(({ isOfLink }) => isOfLink))('$name', ({ end }) => {
  test('is noticed by no other link', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const [client, other] = [new TestClient(share), new TestClient(share, await createClientToken(share))]
    await initialize(agent, client)
    const ch = await initialize(agent, other)
    const events = new EventReader(await other.listen())
    await agent.expect('resume')
    const waiting = other.post(CALL)
    const { header } = await agent.expect('call')
    const own = new EventReader(await client.listen())
    await agent.expect('resume')
    await end(share)
    expect(await own.next()).toBeUndefined()
    await agent.expect('close')
    agent.notify(ch, '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
    expect(await events.next()).toContain('list_changed')
    agent.answer(header, '7', '{"fine":true}')
    expect(await (await waiting).text()).toContain('"fine":true')
    const next = other.post(CALL)
    agent.answer((await agent.expect('call')).header, '7', '{"fine":true}')
    expect((await next).status).toBe(200)
    await events.cancel()
  })
})

test('a call that waits for an agent that is away is told at once that its link was revoked', async () => {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const client = new TestClient(share)
  await initialize(agent, client)
  await agent.leave(CLOSE.GOING_AWAY)
  const waiting = client.post(CALL)
  await vi.waitFor(async () => expect(await awaitingNews(share)).toBe(1))
  await order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`)
  expect(await refusedWith(await waiting)).toMatchObject({ status: 401, detail: 'This token was revoked.' })
})

test('a share that is paused keeps its agents, lets others join, and goes on with its sessions when it is resumed', async () => {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const client = new TestClient(share)
  await initialize(agent, client)
  await order('PATCH', `/api/shares/${share.id}`, { paused: true })
  await ScriptedAgent.connect(share, { agent: 'another', join: 'replica' })
  expect((await client.post(CALL)).status).toBe(503)
  expect((await factsOf(share)).agents).toHaveLength(2)
  await order('PATCH', `/api/shares/${share.id}`, { paused: false })
  const response = client.post(CALL)
  agent.answer((await agent.expect('call')).header, '7', '{}')
  expect((await response).status).toBe(200)
})

test('a share that has ended is served again when its owner lengthens it', async () => {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  await order('PATCH', `/api/shares/${share.id}`, { expires_in: 1 })
  expect((await agent.closed).code).toBe(CLOSE.SHARE_GONE)
  expect((await new TestClient(share).initialize()).status).toBe(410)
  await order('PATCH', `/api/shares/${share.id}`, { expires_in: 60 })
  const again = await ScriptedAgent.connect(share)
  await initialize(again, new TestClient(share))
})

describe('an agent’s token that is revoked', () => {
  test('closes its socket for good, gives its calls their verdict, and lets nobody in', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = new TestClient(share)
    await initialize(agent, client)
    const waiting = client.post(CALL)
    await agent.expect('call')
    await order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.agentToken)}`)
    expect((await agent.closed).code).toBe(CLOSE.TOKEN_REVOKED)
    expect(await refusedWith(await waiting)).toMatchObject({ code: 'AGENT_LOST', executed: 'unknown' })
    expect((await factsOf(share)).agents).toEqual([])
    const headers = { upgrade: 'websocket', authorization: `Bearer ${share.agentToken}`, 'sec-websocket-protocol': 'mcp-edge.v1' }
    for (const renew of [() => undefined, () => evictDurableObject(stubOf(share))]) {
      await renew()
      const refused = await fetchRelay(`/agent/${share.id}`, { headers })
      expect([refused.status, refused.headers.get('www-authenticate'), refused.webSocket]).toEqual([401, 'Bearer', null])
      expect(await refused.json()).toMatchObject({ code: 'UNAUTHORIZED', detail: expect.stringContaining('revoked') as string })
    }
  })

  test('leaves to others what they serve', async () => {
    const share = await createShare()
    const { told } = await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'agent' })
    const agent = await ScriptedAgent.connect(share)
    const other = await ScriptedAgent.connect({ ...share, agentToken: String(told['token']) }, { agent: 'other', join: 'replica' })
    await order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.agentToken)}`)
    expect((await agent.closed).code).toBe(CLOSE.TOKEN_REVOKED)
    await initialize(other, new TestClient(share))
  })

  test('of one that has not said hello yet closes its socket too', async () => {
    const share = await createShare()
    const headers = { upgrade: 'websocket', authorization: `Bearer ${share.agentToken}`, 'sec-websocket-protocol': 'mcp-edge.v1' }
    const { webSocket } = await fetchRelay(`/agent/${share.id}`, { headers })
    const closed = new Promise((resolve) => webSocket?.addEventListener('close', ({ code }) => resolve(code)))
    webSocket?.accept()
    await order('POST', `/api/shares/${share.id}/rotate`, { agents: true })
    expect(await closed).toBe(CLOSE.TOKEN_REVOKED)
  })

  test('outlives a rotation that keeps agents', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const { told } = await order('POST', `/api/shares/${share.id}/rotate`, {})
    expect((await new TestClient(share).initialize()).status).toBe(401)
    await initialize(agent, new TestClient(share, String(told['client_token'])))
  })
})
