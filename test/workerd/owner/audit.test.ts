/** What an owner is told of the calls that were made, in the real runtime: each once, how it ended, and nothing of what it carried. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { auditRows, CallLedger } from '../../../worker/share/clients/call-ledger.ts'
import { LinkUses } from '../../../worker/share/rows/link-uses.ts'
import { verifies } from '../../requirements/verifies.ts'
import { HandshakeChild, postModern } from '../harness/handshake-child.ts'
import { order } from '../harness/orders.ts'
import { createClientToken, createShare, linkIdOf, ownerKey, resetShare, stubOf, TestClient } from '../harness/relay.ts'
import { connected, initialize, ScriptedAgent } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'
import { AUDITED_CALL, auditOf, auditedCall, auditRowsOf } from '../harness/scenes/audited-calls.ts'

test('a call is told with whose it was, what it was and how it ended', async () => {
  verifies('promise.9.audit')
  const { share, agent, client } = await connected()
  await auditedCall(agent, client)
  const link = linkIdOf(share.clientToken)
  const base = {
    link,
    principal: `client:${link}`,
    address: null,
    session: client.session?.slice(0, 13),
    client: 't 1',
    lane: 0,
    server: null,
  }
  const told = { at: expect.stringMatching(/^\d{4}-.*Z$/), ms: expect.any(Number), bytes: expect.any(Number), count: 1 }
  const { events, next } = await auditOf(share)
  expect(events).toEqual([
    { ...base, ...told, method: 'initialize', tool: null, outcome: 'ok', status: 200 },
    { ...base, ...told, method: 'tools/call', tool: 't', outcome: 'ok', status: 200 },
  ])
  expect(await auditOf(share, next)).toEqual({ events: [], next })
  await auditedCall(agent, client)
  expect((await auditOf(share, next)).events).toMatchObject([{ method: 'tools/call' }])
})

describe('how a call has ended is told', () => {
  test('where the server or the agent refuses it, or its child dies', async () => {
    verifies('promise.9.audit')
    const { share, agent, client } = await connected()
    const { next } = await auditOf(share)
    const refused = client.post(AUDITED_CALL)
    agent.refuse((await agent.expect('call')).header, '7', 'canary-error')
    await refused
    const failed = client.post(AUDITED_CALL)
    agent.fail((await agent.expect('call')).header, 'CHILD_DIED', 'unknown')
    await failed
    const { events } = await auditOf(share, next)
    expect(events.map(({ outcome }) => outcome)).toEqual(['error', 'CHILD_DIED'])
    expect(events[1]?.status).toBeGreaterThanOrEqual(200)
  })

  test('where the session is unknown, or no agent is there', async () => {
    const share = await createShare()
    const client = new TestClient(share)
    await stubOf(share).admin({ op: 'describe' })
    client.session = 'unknown'
    expect((await client.post(AUDITED_CALL)).status).toBe(404)
    expect((await postModern(share, 'tools/list')).status).toBe(503)
    const { events } = await auditOf(share)
    expect(events.map(({ outcome, status }) => [outcome, status])).toEqual([
      ['SESSION_NOT_FOUND', 404],
      ['AGENT_AWAY', 503],
    ])
  })

  test('where its link is revoked, its session is ended, or its client cancels', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const [client, other] = [new TestClient(share, await createClientToken(share)), new TestClient(share)]
    await initialize(agent, client)
    await initialize(agent, other)
    const { next } = await auditOf(share)
    const waiting = client.post(AUDITED_CALL)
    await agent.expect('call')
    await order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(client.token)}`)
    await waiting
    await agent.expect('close')
    const ended = other.post(AUDITED_CALL)
    await agent.expect('call')
    await order('DELETE', `/api/shares/${share.id}/sessions/${other.session?.slice(0, 13)}`)
    await ended
    expect((await auditOf(share, next)).events.map(({ outcome }) => outcome)).toEqual(['LINK_REVOKED', 'CHANNEL_CLOSED'])
  })

  test('over HTTP+SSE too', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = await SseClient.connect(share)
    await client.initialize()
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '0', '{"protocolVersion":"2025-11-25","capabilities":{}}')
    await client.next()
    await client.post(AUDITED_CALL)
    agent.answer((await agent.expect('call')).header, '7', '{}')
    await client.next()
    expect((await auditOf(share)).events.map(({ method, outcome }) => [method, outcome])).toEqual([
      ['initialize', 'ok'],
      ['tools/call', 'ok'],
    ])
  })

  test('of a client without session, once, though the tools were listed for it first', async () => {
    const child = await HandshakeChild.connect()
    const { share } = child
    const response = postModern(share, 'tools/call', { name: 'a', arguments: {} })
    child.answer(await child.expect('call'), { content: [] })
    await response
    expect((await auditOf(share)).events).toMatchObject([{ method: 'tools/call', tool: 'a', outcome: 'ok', session: null, client: null }])
  })

  test('of a call that the object has slept over, but for how long it ran', async () => {
    verifies('promise.9.audit')
    const { share, agent, client } = await connected()
    const streamed = client.postForEvents(AUDITED_CALL)
    const { header } = await agent.expect('call')
    agent.notify(header.ch, '{"jsonrpc":"2.0","method":"notifications/message","params":{}}', { ra: header.ra, sure: true })
    await streamed
    await auditOf(share)
    await evictDurableObject(stubOf(share))
    agent.answer(header, '7', '{}')
    await (await streamed).text()
    expect((await auditOf(share)).events.at(-1)).toMatchObject({ method: 'tools/call', tool: 't', outcome: 'ok', ms: null })
  })
})

test('what a policy refuses in the Worker is told with the next call that is let in, alike ones together, in a ring of its own', async () => {
  verifies('promise.9.audit', 'promise.10.audit')
  const { share, agent, client } = await connected()
  const policy = { access: 'admin', resources: { deny: ['x:*'] } }
  const { told } = await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'client', policy })
  const bounded = new TestClient(share, String(told['token']))
  await initialize(agent, bounded)
  const { next } = await auditOf(share)
  const read = '{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"x:canary"}}'
  for (let count = 0; count < 3; count++) expect(await (await bounded.post(read)).text()).toContain('NOT_OFFERED')
  expect(await auditOf(share, next)).toEqual({ events: [], next })
  await auditedCall(agent, client)
  const { events } = await auditOf(share, next)
  const link = linkIdOf(bounded.token)
  expect(events).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ principal: `client:${link}`, link, method: 'resources/read', outcome: 'NOT_OFFERED', count: 3 }),
      expect.objectContaining({ method: 'tools/call', outcome: 'ok', count: 1 }),
    ]),
  )
  expect(events).toHaveLength(2)
  expect(JSON.stringify(events)).not.toContain('canary')
  await auditedCall(agent, client)
  expect((await auditOf(share)).events.filter(({ outcome }) => outcome === 'NOT_OFFERED')).toHaveLength(1)
})

test('no row is written per call, and what was written outlives sleep and crash', async () => {
  verifies('promise.7.flush', 'promise.9.audit')
  const { share, agent, client } = await connected()
  for (let count = 0; count < 30; count++) await auditedCall(agent, client)
  expect(await auditRowsOf(share)).toBe(0)
  await runDurableObjectAlarm(stubOf(share))
  expect(await auditRowsOf(share)).toBe(1)
  await evictDurableObject(stubOf(share))
  expect((await auditOf(share)).events).toHaveLength(31)
  const { next } = await auditOf(share)
  await auditedCall(agent, client)
  await resetShare(share)
  expect((await auditOf(share)).events).toHaveLength(31)
  expect(await auditOf(share, next)).toEqual({ events: [], next })
})

test('the oldest events go, in memory as in rows, and numbers go on over sleep', async () => {
  verifies('promise.10.audit')
  const { share } = await connected()
  await runInDurableObject(stubOf(share), (_, { storage }) => {
    const event = { whose: 'l', at: 1, link: 'l', principal: 'p', method: 'm', outcome: 'ok', status: 200, ms: 1, bytes: 1 }
    const make = (): CallLedger =>
      new CallLedger({
        uses: new LinkUses(storage.sql),
        ...auditRows(storage.sql),
        shown: (ended) => ended,
        isKept: () => true,
        flushBy: () => {},
      })
    const ledger = make()
    for (let count = 0; count < 12_000; count++) ledger.record(event)
    ledger.flush()
    expect(storage.sql.exec('SELECT count(*) AS rows FROM audit').one()['rows']).toBe(10)
    const [first] = ledger.events(0, 0).events
    for (let count = 0; count < 1_500; count++) ledger.record(event)
    expect(ledger.events(0, 0).events).toHaveLength(1_000)
    const later = make().events(0, 0).events
    expect(later[0]?.n).toBe((first?.n ?? 0) + 1_500)
    expect(
      make()
        .events(11_499, 0)
        .events.map(({ n }) => n),
    ).toEqual([11_500])
  })
})

test('texts of clients are cut to 128 characters, and controls in them escaped', async () => {
  verifies('promise.10.audit')
  const { share, agent, client } = await connected()
  const { next } = await auditOf(share)
  for (const name of ['a\\u001b[2Jb', 'n'.repeat(200)]) {
    const response = client.post(AUDITED_CALL.replace('"t"', `"${name}"`))
    agent.answer((await agent.expect('call')).header, '7', '{}')
    await response
  }
  const { events } = await auditOf(share, next)
  expect(events).toMatchObject([{ tool: 'a\\u001b[2Jb' }, { tool: 'n'.repeat(128) }])
})

test('nothing of what calls carry, and no credential, is in any event or row', async () => {
  verifies('promise.9.audit', 'promise.9.not-in-logs')
  const { share, agent, client } = await connected()
  await auditedCall(agent, client, '{"content":"canary-result"}')
  const refused = client.post(AUDITED_CALL)
  agent.refuse((await agent.expect('call')).header, '7', 'canary-error')
  await refused
  const told = JSON.stringify(await auditOf(share))
  const rows = await runInDurableObject(stubOf(share), (_, { storage }) =>
    JSON.stringify(storage.sql.exec('SELECT * FROM audit').toArray()),
  )
  for (const secret of ['canary', share.clientToken, share.agentToken, client.session ?? 'none', await ownerKey()]) {
    expect(told).not.toContain(secret)
    expect(rows).not.toContain(secret)
  }
})

test('the events of all lanes are told by time, and one cursor goes on in each', async () => {
  const share = await createShare({ lanes: 2 })
  const agents = await Promise.all([0, 1].map((lane) => ScriptedAgent.connect(share, {}, lane)))
  for (let count = 0; count < 8; count++) {
    const response = new TestClient(share).initialize()
    const lane = await Promise.race(agents.map((agent, index) => agent.hasFrame().then(() => index)))
    await agents[lane]?.expect('open')
    const { header } = (await agents[lane]?.expect('call')) ?? {}
    if (header !== undefined) agents[lane]?.answer(header, '0', '{"protocolVersion":"2025-11-25","capabilities":{}}')
    await response
  }
  const { events, next } = await auditOf(share)
  expect(events).toHaveLength(8)
  expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted((a, b) => a.localeCompare(b)))
  const counts = [0, 1].map((lane) => events.filter((event) => event.lane === lane).length)
  expect(next).toBe(counts.map((count) => `${count}.0`).join('.'))
  expect((await auditOf(share, `${(counts[0] ?? 0) - 1}.0.${counts[1]}.0`)).events).toMatchObject([{ lane: 0 }])
})

test.each(['after=', 'after=x', 'after=1', 'after=-1', 'follow=yes'])('refuses ?%s', async (query) => {
  const share = await createShare()
  expect(await order('GET', `/api/shares/${share.id}/audit?${query}`)).toMatchObject({ status: 400, told: { code: 'BODY_INVALID' } })
})

test('with the share its events are gone', async () => {
  const { share, agent, client } = await connected()
  await auditedCall(agent, client)
  await auditOf(share)
  await order('DELETE', `/api/shares/${share.id}`)
  const tables = await runInDurableObject(stubOf(share), (_, { storage }) =>
    storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'audit'").toArray(),
  )
  expect(tables).toEqual([])
})
