/** GET streams whose client is gone before anybody notices, in the real runtime: what was written to nobody comes on the next stream. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { KEEPALIVE_MS, UNTAKEN_MS } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { expectReplay } from '../harness/left-stream.ts'
import { createShare, EventReader, stubOf, TestClient } from '../harness/relay.ts'
import { BARE_SERVER, connected, ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'

const CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
const ASK = '{"jsonrpc":"2.0","id":"q","method":"roots/list"}'
const encoder = new TextEncoder()

afterEach(() => {
  vi.restoreAllMocks()
})

/** A client that listens, and what is said to it. */
async function listening() {
  const parts = await connected()
  const events = new EventReader(await parts.client.listen())
  await parts.agent.expect('resume')
  return { ...parts, events }
}

/** Has the child ask its client; returns the frame, to be sent again. */
function ask(agent: ScriptedAgent, ch: string) {
  const body = encoder.encode(ASK)
  const place = { ...agent.number(ch, body.length), size: body.length }
  const header = { type: 'ask', ...place, method: 'roots/list', id: [21, 24], rawId: '"q"' } as const
  agent.send(header, body)
  return {
    again: (to?: string) =>
      agent.send({ ...header, at: agent.advance(ch, header.n, body.length), ...(to === undefined ? {} : { to }) }, body),
    n: header.n,
  }
}

describe('what a server says on a GET stream whose client is gone', () => {
  test('comes on the next one, of a client that cannot say where it was', async () => {
    verifies('promise.5.never-untaken')
    const { agent, client, ch, events } = await listening()
    const changed = agent.notify(ch, CHANGED)
    expect(await events.next()).toBe(CHANGED)
    const asked = ask(agent, ch)
    expect(await events.next()).toBe(ASK)
    // Nothing has shown yet that the older stream goes nowhere.
    const next = new EventReader(await client.listen())
    const replay = await expectReplay(agent)
    expect(replay).toMatchObject({ ch, after: changed.header.n - 1, follow: true })
    asked.again(replay.to)
    expect(await next.next()).toBe(ASK)
  })

  test('is not forgotten by a client that leaves the next one before anything has come', async () => {
    verifies('promise.5.never-untaken')
    const { agent, client, ch, events } = await listening()
    const changed = agent.notify(ch, CHANGED)
    expect(await events.next()).toBe(CHANGED)
    const place = { ch, after: changed.header.n - 1 }
    await events.cancel()
    expect(await expectReplay(agent)).toMatchObject(place)
    const next = new EventReader(await client.listen())
    expect(await expectReplay(agent)).toMatchObject({ ...place, follow: true })
    await next.cancel()
    expect(await expectReplay(agent)).toMatchObject(place)
    const last = new EventReader(await client.listen())
    const { to = '', ...asked } = await expectReplay(agent)
    expect(asked).toMatchObject({ ...place, follow: true })
    agent.repeat({ ...changed, header: { ...changed.header, to } })
    expect(await last.next()).toBe(CHANGED)
  })

  test('is held by the agent once it is noticed, and comes on the next one', async () => {
    verifies('promise.5.never-untaken')
    const { agent, client, ch, events } = await listening()
    const asked = ask(agent, ch)
    expect(await events.next()).toBe(ASK)
    await events.cancel()
    const replay = await expectReplay(agent)
    expect(replay).toEqual({ type: 'replay', ch, after: asked.n - 1, to: replay.to })
    asked.again(replay.to)
    expect((await agent.expect('hold')).header).toEqual({ type: 'hold', ch, n: asked.n })
    const next = new EventReader(await client.listen())
    const { to, after } = await expectReplay(agent)
    expect(after).toBe(asked.n - 1)
    asked.again(to)
    expect(await next.next()).toBe(ASK)
  })

  test('is not forgotten while the Share sleeps', async () => {
    const { share, agent, client, ch, events } = await listening()
    const { n } = ask(agent, ch)
    expect(await events.next()).toBe(ASK)
    await evictDurableObject(stubOf(share))
    await client.listen()
    expect(await expectReplay(agent)).toMatchObject({ ch, after: n - 1, follow: true })
  })

  test('comes once its agent is back, when that is away', async () => {
    const { share, agent, client, ch, events } = await listening()
    const asked = ask(agent, ch)
    expect(await events.next()).toBe(ASK)
    await agent.leave()
    const next = new EventReader(await client.listen())
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent))
    const { to, after } = await expectReplay(back)
    expect(after).toBe(asked.n - 1)
    const body = encoder.encode(ASK)
    const place = { ch, n: asked.n, at: back.advance(ch, asked.n, body.length), size: body.length, ...(to === undefined ? {} : { to }) }
    back.send({ type: 'ask', ...place, method: 'roots/list', id: [21, 24], rawId: '"q"' }, body)
    expect(await next.next()).toBe(ASK)
  })

  test('counts as taken when the stream lives on behind it, and is not told twice', async () => {
    const { agent, client, ch, events } = await listening()
    ask(agent, ch)
    expect(await events.next()).toBe(ASK)
    const now = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => now + KEEPALIVE_MS + UNTAKEN_MS + 1000)
    await client.listen()
    expect((await agent.expect('resume')).header.ch).toBe(ch)
  })

  test('counts as taken also when its stream has gone on after its agent was cut off, and is not told twice', async () => {
    const { share, agent, client, ch, events } = await listening()
    const first = agent.notify(ch, CHANGED)
    expect(await events.next()).toBe(CHANGED)
    const next = new EventReader(await client.listen())
    const { to = '', after } = await expectReplay(agent)
    expect(after).toBe(first.header.n - 1)
    agent.repeat({ ...first, header: { ...first.header, to } })
    expect(await next.next()).toBe(CHANGED)
    const now = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => now + KEEPALIVE_MS + UNTAKEN_MS + 1000)
    const later = agent.notify(ch, CHANGED)
    agent.repeat({ ...later, header: { ...later.header, to } })
    expect(await next.next()).toBe(CHANGED)
    await agent.leave()
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent))
    expect((await expectReplay(back)).after).toBe(later.header.n - 1)
    await client.listen()
    expect((await expectReplay(back)).after).toBe(later.header.n - 1)
  })

  test('comes on the next one also when its agent was cut off while it said that again, and its client was gone before that was back', async () => {
    verifies('promise.5.never-untaken')
    const { share, agent, client, ch, events } = await listening()
    const first = agent.notify(ch, CHANGED)
    expect(await events.next()).toBe(CHANGED)
    const next = new EventReader(await client.listen())
    const { to = '' } = await expectReplay(agent)
    agent.repeat({ ...first, header: { ...first.header, to } })
    expect(await next.next()).toBe(CHANGED)
    await agent.leave()
    const now = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => now + KEEPALIVE_MS + UNTAKEN_MS + 1000)
    await next.cancel()
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent))
    await client.listen()
    expect(await expectReplay(back)).toMatchObject({ ch, after: first.header.n - 1 })
  })

  test('of a child that serves others too comes to the one that has missed it alone', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const clients = [new TestClient(share), new TestClient(share)] as const
    const first = clients[0].initialize()
    await agent.expect('open')
    const { header } = await agent.expect('call')
    await agent.expect('notify')
    agent.answer(header, '0', BARE_SERVER)
    await first
    await clients[1].initialize()
    const streams: EventReader[] = []
    for (const client of clients) {
      streams.push(new EventReader(await client.listen()))
      await agent.expect('resume')
    }
    const changed = agent.notify(header.ch, CHANGED)
    for (const stream of streams) expect(await stream.next()).toBe(CHANGED)
    await streams[0]?.cancel()
    // Its place is known once the stream has closed; until then from the stream itself.
    const next = new EventReader(await clients[0].listen())
    const { to = '', after } = await expectReplay(agent)
    expect(after).toBe(changed.header.n - 1)
    agent.repeat({ ...changed, header: { ...changed.header, to } })
    expect(await next.next()).toBe(CHANGED)
    const later = '{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}'
    agent.notify(header.ch, later)
    expect([await next.next(), await streams[1]?.next()]).toEqual([later, later])
  })
})
