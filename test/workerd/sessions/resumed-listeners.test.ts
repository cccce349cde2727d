/** Clients that come back with Last-Event-ID for their listening stream. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { KEEPALIVE_MS, UNTAKEN_MS } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { CALL, expectReplay, progress } from '../harness/left-stream.ts'
import { createShare, EventReader, TestClient } from '../harness/relay.ts'
import { SseClient } from '../harness/sse-client.ts'
import { BARE_SERVER, connected, ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('the GET stream', () => {
  const PROMPTS_CHANGED = '{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}'
  const CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'

  const log = (data: number): string => `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":${data}}}`

  /** What the child has said, and the agent has yet to send. */
  function unsent(agent: ScriptedAgent, ch: string, json: string) {
    const body = new TextEncoder().encode(json)
    const { method } = JSON.parse(json) as { readonly method: string }
    return { header: { type: 'notification', ...agent.number(ch, body.length), size: body.length, method }, body } as const
  }

  /** A client that has left its GET stream after one message. */
  async function leftAfterChange() {
    const parts = await connected()
    const events = new EventReader(await parts.client.listen())
    await parts.agent.expect('resume')
    const seen = parts.agent.notify(parts.ch, CHANGED)
    const lastId = (await events.nextEvent())?.id ?? ''
    await events.cancel()
    // Until it has said where it was, nobody knows that it has seen the message.
    expect(await expectReplay(parts.agent)).toMatchObject({ after: seen.header.n - 1 })
    return { ...parts, seen, lastId }
  }

  test('goes on after its last event, and gets nothing that belongs to a call', async () => {
    verifies('http.get.unrelated', 'http.get.no-response', 'http.resume.same-stream', 'http.streams.one-only', 'http.streams.many')
    const { agent, client, ch, seen, lastId } = await leftAfterChange()
    const again = new EventReader(await client.resume(lastId))
    const replay = await expectReplay(agent)
    expect(replay).toEqual({ type: 'replay', ch, after: seen.header.n, to: replay.to, follow: true })
    const call = client.post(CALL)
    const { header: running } = await agent.expect('call')
    const step = agent.notify(ch, progress(1), { ra: running.ra, sure: true })
    const own = new EventReader(await call)
    expect(await own.next()).toBe(progress(1))
    const { to = '' } = replay
    agent.repeat({ ...step, header: { ...step.header, to } })
    const changed = agent.notify(ch, PROMPTS_CHANGED)
    agent.repeat({ ...changed, header: { ...changed.header, to } })
    agent.notify(ch, CHANGED)
    expect([await again.next(), await again.next()]).toEqual([PROMPTS_CHANGED, CHANGED])
    agent.answer(running, '7', '{}')
    expect(await own.next()).toBe('{"jsonrpc":"2.0","id":7,"result":{}}')
  })

  test('gets what was on its way when its client came back in its place, behind what is missing', async () => {
    const { agent, client, ch, lastId } = await leftAfterChange()
    const [missed, late] = [unsent(agent, ch, log(1)), unsent(agent, ch, log(2))]
    const again = new EventReader(await client.resume(lastId))
    const { to = '' } = await expectReplay(agent)
    agent.sendUnfollowed(late.header, late.body)
    for (const one of [missed, late]) agent.repeat({ ...one, header: { ...one.header, to } })
    agent.notify(ch, log(3))
    expect([await again.next(), await again.next(), await again.next()]).toEqual([log(1), log(2), log(3)])
    await again.cancel()
    // What it has just been told may not have reached it.
    expect(await expectReplay(agent)).toMatchObject({ ch, after: missed.header.n - 1 })
    // Nobody is there: it waits for the next stream, whichever that is.
    const { n } = agent.notify(ch, log(4)).header
    expect((await agent.expect('hold')).header).toEqual({ type: 'hold', ch, n })
  })

  test('gets what is perhaps of a call, and was on its way, behind what is missing', async () => {
    const { agent, client, ch, lastId } = await leftAfterChange()
    void client.post(CALL)
    const { ra } = (await agent.expect('call')).header
    const [missed, late] = [unsent(agent, ch, log(1)), unsent(agent, ch, log(2))]
    const again = new EventReader(await client.resume(lastId))
    const { to: before = '', after } = await expectReplay(agent)
    agent.sendUnfollowed({ ...late.header, ra }, late.body)
    const { to = '', ...asked } = await expectReplay(agent)
    expect(asked).toMatchObject({ after, follow: true })
    for (const one of [missed, late]) agent.repeat({ ...one, header: { ...one.header, to: before } })
    for (const one of [missed, late]) agent.repeat({ ...one, header: { ...one.header, to } })
    agent.notify(ch, log(3), { ra })
    expect([await again.next(), await again.next(), await again.next()]).toEqual([log(1), log(2), log(3)])
    expect(agent.waiting).toEqual([])
  })

  test('on which nothing is missing gets what was on its way for the one before', async () => {
    const { agent, client, ch, lastId } = await leftAfterChange()
    const before = new EventReader(await client.resume(lastId))
    const { to = '' } = await expectReplay(agent)
    agent.notify(ch, CHANGED)
    expect(await before.next()).toBe(CHANGED)
    const now = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => now + KEEPALIVE_MS + UNTAKEN_MS + 1000)
    const again = new EventReader(await client.listen())
    await agent.expect('resume')
    const { header, body } = unsent(agent, ch, PROMPTS_CHANGED)
    agent.repeat({ header: { ...header, to }, body })
    expect(await again.next()).toBe(PROMPTS_CHANGED)
    await before.cancel()
  })

  test.each([
    ['names its last event', true],
    ['names none', false],
  ])('brings what was sent again while nobody listened in its order, to a client that %s', async (_, isMarked) => {
    verifies('promise.5.exactly-the-rest')
    const { agent, client, ch } = await connected()
    const events = new EventReader(await client.listen())
    await agent.expect('resume')
    const said = [1, 2, 3].map((data) => agent.notify(ch, `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":${data}}}`))
    const lastId = (await events.nextEvent())?.id ?? ''
    // Written to it all the same, and perhaps never taken.
    for (let rest = said.length - 1; rest > 0; rest--) await events.next()
    await events.cancel()
    const { to: before = '' } = await expectReplay(agent)
    const again = new EventReader(await (isMarked ? client.resume(lastId) : client.listen()))
    const { to = '', after } = await expectReplay(agent)
    const missed = said.filter(({ header }) => header.n > after)
    expect(missed).toHaveLength(isMarked ? 2 : 3)
    for (const { header, body } of said.slice(2)) agent.repeat({ header: { ...header, to: before }, body })
    for (const { header, body } of missed) agent.repeat({ header: { ...header, to }, body })
    for (const { body } of missed) expect(await again.next()).toBe(new TextDecoder().decode(body))
  })

  test('of a child that serves others too brings what is missing before what is new, and to the others that alone', async () => {
    verifies('promise.5.exactly-the-rest')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const [client, other] = [new TestClient(share), new TestClient(share)]
    const initialized = client.initialize()
    await agent.expect('open')
    const { header } = await agent.expect('call')
    await agent.expect('notify')
    agent.answer(header, '0', BARE_SERVER)
    await Promise.all([initialized, other.initialize()])
    const [events, others] = [new EventReader(await client.listen()), new EventReader(await other.listen())]
    for (const _ of [events, others]) await agent.expect('resume')
    const say = (list: string) => agent.notify(header.ch, `{"jsonrpc":"2.0","method":"notifications/${list}/list_changed"}`)
    const told = async (reader: EventReader) => /\w+(?=\/list_changed)/.exec((await reader.next()) ?? '')?.[0]
    say('tools')
    const lastId = (await events.nextEvent())?.id ?? ''
    const missed = say('prompts')
    await events.next()
    await events.cancel()
    const again = new EventReader(await client.resume(lastId))
    const { to: before } = await expectReplay(agent)
    // It may have been on its way, or be said behind all that was missing.
    const late = say('resources')
    const { to = '' } = await expectReplay(agent)
    expect(to).not.toBe(before)
    // Asked for already.
    const later = say('tools')
    for (const said of [missed, late, later]) agent.repeat({ ...said, header: { ...said.header, to } })
    say('prompts')
    expect([await told(again), await told(again), await told(again), await told(again)]).toEqual([
      'prompts',
      'resources',
      'tools',
      'prompts',
    ])
    expect([await told(others), await told(others), await told(others)]).toEqual(['tools', 'prompts', 'resources'])
    expect([await told(others), await told(others)]).toEqual(['tools', 'prompts'])
    expect(agent.waiting).toEqual([])
  })

  /** A client of a child that serves others too, which has left its GET stream after one message. */
  async function leftShared() {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const client = new TestClient(share)
    const initialized = client.initialize()
    await agent.expect('open')
    const { header } = await agent.expect('call')
    await agent.expect('notify')
    agent.answer(header, '0', BARE_SERVER)
    await initialized
    const events = new EventReader(await client.listen())
    await agent.expect('resume')
    const seen = agent.notify(header.ch, CHANGED)
    const lastId = (await events.nextEvent())?.id ?? ''
    await events.cancel()
    return { share, agent, client, ch: header.ch, seen, lastId }
  }

  test('of a child that serves others too is not held up by what comes again and was seen', async () => {
    const { share, agent, client, ch, seen, lastId } = await leftShared()
    await agent.leave()
    const again = new EventReader(await client.resume(lastId))
    const back = await ScriptedAgent.connect(share, { isolation: 'share', ...survivorOf(ch, agent) })
    const { to: before } = await expectReplay(back)
    // It has no receipt for this.
    back.repeat(seen)
    const ping = client.post('{"jsonrpc":"2.0","id":8,"method":"ping"}')
    back.answer((await back.expect('call')).header, '8', '{}')
    await ping
    const late = back.notify(ch, PROMPTS_CHANGED)
    const { to = '' } = await expectReplay(back)
    expect(to).not.toBe(before)
    back.repeat({ ...late, header: { ...late.header, to } })
    expect(await again.next()).toBe(PROMPTS_CHANGED)
  })

  test('of a child that serves others too goes on also when what was missing does not concern it any more', async () => {
    const { agent, client, ch, lastId } = await leftShared()
    const uri = 'file:///a'
    const about = async (method: string, id: number): Promise<void> => {
      const answer = client.post(JSON.stringify({ jsonrpc: '2.0', id, method: `resources/${method}`, params: { uri } }))
      agent.answer((await agent.expect('call')).header, `${id}`, '{}')
      await answer
    }
    await about('subscribe', 8)
    const again = new EventReader(await client.resume(lastId))
    await expectReplay(agent)
    const late = agent.notify(ch, `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"${uri}"}}`, { uri })
    const { to = '' } = await expectReplay(agent)
    await about('unsubscribe', 9)
    agent.repeat({ ...late, header: { ...late.header, to } })
    agent.notify(ch, PROMPTS_CHANGED)
    expect(await again.next()).toBe(PROMPTS_CHANGED)
  })

  test('of a child that was started anew begins with the first message of that', async () => {
    const { agent, client, ch, lastId } = await leftAfterChange()
    agent.send({ type: 'died', ch, reason: 'exit' })
    const ping = client.post('{"jsonrpc":"2.0","id":8,"method":"ping"}')
    await agent.expect('open')
    await agent.expect('call')
    await agent.expect('notify')
    const { header } = await agent.expect('call')
    agent.answer(header, '8', '{}')
    await ping
    await client.resume(lastId)
    expect(await expectReplay(agent)).toMatchObject({ ch: header.ch, after: 0 })
  })

  test('says when messages for it are gone, without an id, and goes on', async () => {
    verifies('promise.5.lost-is-told')
    const { agent, client, ch, lastId } = await leftAfterChange()
    const again = new EventReader(await client.resume(lastId))
    const { to = '' } = await expectReplay(agent)
    agent.send({ type: 'failed', ch, key: '0'.repeat(32), ra: to, code: 'EVENTS_LOST', executed: 'unknown' })
    agent.notify(ch, CHANGED)
    expect(JSON.parse((await again.next()) ?? '{}')).toMatchObject({ id: null, error: { data: { code: 'EVENTS_LOST' } } })
    expect(await again.next()).toBe(CHANGED)
  })

  test('that has had what it missed is not told that it is gone when its agent is back after a cut', async () => {
    const { share, agent, client, ch, seen, lastId } = await leftAfterChange()
    const again = new EventReader(await client.resume(lastId))
    const { to = '' } = await expectReplay(agent)
    const missed = agent.notify(ch, PROMPTS_CHANGED)
    agent.repeat({ ...missed, header: { ...missed.header, to } })
    expect(await again.next()).toBe(PROMPTS_CHANGED)
    await agent.leave()
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent))
    const replay = await expectReplay(back)
    expect(replay).toMatchObject({ after: seen.header.n, to })
    back.send({ type: 'failed', ch, key: '0'.repeat(32), ra: to, code: 'EVENTS_LOST', executed: 'unknown' })
    back.notify(ch, CHANGED)
    expect(await again.next()).toBe(CHANGED)
  })

  test('whose client has not said where it was is not told that what it may have seen is gone', async () => {
    const { agent, client, ch } = await connected()
    const before = new EventReader(await client.listen())
    await agent.expect('resume')
    agent.notify(ch, PROMPTS_CHANGED)
    await before.next()
    const again = new EventReader(await client.listen())
    const { to = '' } = await expectReplay(agent)
    agent.send({ type: 'failed', ch, key: '0'.repeat(32), ra: to, code: 'EVENTS_LOST', executed: 'unknown' })
    agent.notify(ch, CHANGED)
    expect(await again.next()).toBe(CHANGED)
  })

  test('has no event ids over HTTP+SSE', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = await SseClient.connect(share)
    void client.post('{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{}}}')
    await agent.expect('open')
    const { header } = await agent.expect('call')
    agent.answer(header, '0', '{}')
    agent.notify(header.ch, CHANGED)
    expect([(await client.events.nextEvent())?.id, (await client.events.nextEvent())?.id]).toEqual([undefined, undefined])
    await client.events.cancel()
  })
})
