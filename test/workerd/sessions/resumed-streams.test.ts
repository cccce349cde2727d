/** Clients that come back with Last-Event-ID for the stream of a call. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { LATE_CALL_MS, LEFT_LOOK_MS, REATTACH_MS } from '../../../worker/limits.ts'
import { ShareClient } from '../../../worker/carry/share-client.ts'
import { verifies } from '../../requirements/verifies.ts'
import { heldTimers } from '../harness/held-timers.ts'
import {
  begun,
  CALL,
  callAfterReplays,
  expectReplay,
  leaveUnmade,
  PRIMED,
  primedCall,
  progress,
  refuseReplay,
} from '../harness/left-stream.ts'
import { createClientToken, EventReader, resetShare, revokeShare, stubOf, TestClient } from '../harness/relay.ts'
import { BARE_SERVER, connected, initialize, ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** A call of which its client has seen one message before it left. */
async function left() {
  const parts = await connected()
  const { events, ...call } = await begun(parts)
  await events.cancel()
  return { ...parts, ...call }
}

describe('a client that comes back', () => {
  test('has the agent asked for what came after its last event, for the return address of its call', async () => {
    verifies('promise.5.of-the-agent')
    const { agent, client, ch, header, first, lastId } = await left()
    const events = new EventReader(await client.resume(lastId))
    expect((await agent.expect('receipt')).header).toMatchObject({ ch, n: first.header.n })
    const replay = (await agent.expect('replay')).header
    expect(replay).toEqual({ type: 'replay', ch, after: first.header.n, to: replay.to, key: header.key, ra: header.ra })
    agent.answer(header, '7', '{"late":true}')
    expect(await events.next()).toBe('{"jsonrpc":"2.0","id":7,"result":{"late":true}}')
    expect(await events.next()).toBeUndefined()
  })

  test('is not told again what it has seen, whatever the agent sends again', async () => {
    const { agent, client, header, first, lastId, ch } = await left()
    const events = new EventReader(await client.resume(lastId))
    const { to = '' } = await expectReplay(agent)
    agent.repeat(first)
    agent.repeat({ ...first, header: { ...first.header, to } })
    const second = agent.notify(ch, progress(2), { ra: header.ra, sure: true })
    agent.repeat({ ...second, header: { ...second.header, to } })
    agent.answer(header, '7', '{}')
    expect([await events.next(), await events.next(), await events.next()]).toEqual([
      progress(2),
      '{"jsonrpc":"2.0","id":7,"result":{}}',
      undefined,
    ])
  })

  test.each([
    ['is open', true],
    ['is opened later', false],
  ])('for one of several calls gets what is perhaps of that on its GET stream, if that %s', async (_, isOpen) => {
    const { agent, client, ch, header, lastId } = await left()
    void client.post(CALL.replace('"id":7', '"id":8').replace('"p"', '"q"'))
    await agent.expect('call')
    const listen = async (): Promise<EventReader> => {
      const events = new EventReader(await client.listen())
      await agent.expect('resume')
      return events
    }
    const opened = isOpen ? await listen() : undefined
    const back = new EventReader(await client.resume(lastId))
    await expectReplay(agent)
    if (!isOpen) await back.cancel()
    const { ra } = header
    const log = '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":1}}'
    const said = agent.notify(ch, log, { ra })
    const body = new TextEncoder().encode('{"jsonrpc":"2.0","id":"s1","method":"roots/list"}')
    const asked = { ...agent.number(ch, body.length), size: body.length, method: 'roots/list', ra, id: [21, 25], rawId: '"s1"' } as const
    agent.send({ type: 'ask', ...asked }, body)
    if (opened === undefined) for (const { n } of [said.header, asked]) expect((await agent.expect('hold')).header).toMatchObject({ n })
    else expect([await opened.next(), await opened.next()]).toEqual([log, new TextDecoder().decode(body)])
    await (opened ?? back).cancel()
  })

  test('is found by the answer after the Share slept', async () => {
    verifies('promise.5.of-the-agent')
    const { share, agent, client, header, lastId } = await left()
    const events = new EventReader(await client.resume(lastId))
    await expectReplay(agent)
    await evictDurableObject(stubOf(share))
    agent.answer(header, '7', '{"awake":true}')
    expect(await events.next()).toContain('awake')
  })

  test('while the agent is away is asked for when that is back', async () => {
    const { share, agent, client, ch, header, lastId, first } = await left()
    await agent.leave()
    const events = new EventReader(await client.resume(lastId))
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent, [header.key]))
    expect(await expectReplay(back)).toMatchObject({ ch, after: first.header.n, key: header.key })
    back.answer(header, '7', '{"back":true}')
    expect(await events.next()).toContain('back')
  })

  test('goes on where it was when the Share is reset', async () => {
    verifies('promise.5.share-reset', 'promise.5.of-the-agent')
    const { share, agent, client, ch, header, lastId } = await left()
    const events = new EventReader(await client.resume(lastId))
    await expectReplay(agent)
    const second = agent.notify(ch, progress(2), { ra: header.ra, sure: true })
    expect(await events.next()).toBe(progress(2))
    // It is there before its agent, which takes longer to notice.
    vi.spyOn(Math, 'random').mockReturnValue(0)
    heldTimers(REATTACH_MS)
    await resetShare(share)
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent, [header.key]))
    const { to = '' } = await expectReplay(back)
    back.repeat({ ...second, header: { ...second.header, to } })
    back.answer(header, '7', '{"on":true}')
    expect(await events.next()).toContain('"on"')
  })

  test('while the Share is reset goes on all the same', async () => {
    verifies('promise.5.share-reset')
    const { agent, client, header, lastId } = await left()
    const reset = Object.assign(new Error('reset'), { retryable: true, durableObjectReset: true })
    vi.spyOn(ShareClient.prototype, 'open').mockRejectedValueOnce(reset)
    const events = new EventReader(await client.resume(lastId))
    await expectReplay(agent)
    agent.answer(header, '7', '{"on":true}')
    expect(await events.next()).toContain('"on"')
  })

  test('for a call that still waits for an agent is answered, and the call is made once', async () => {
    verifies('promise.2.never-twice')
    const { share, agent, client, ch } = await connected()
    await agent.leave()
    const events = new EventReader(await client.resume(await leaveUnmade(client)))
    // Its Worker waits for news of agents, for however long.
    const now = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => now + 2 * LATE_CALL_MS)
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent))
    back.answer(await callAfterReplays(back), '7', '{"late":true}')
    expect(await events.next()).toContain('late')
    expect(await events.next()).toBeUndefined()
    expect(back.waiting.filter(({ type }) => type === 'call')).toEqual([])
  })

  test('for a call that waits until a new instance is there is answered by that', async () => {
    const { share, agent, client } = await connected()
    await agent.leave()
    const events = new EventReader(await client.resume(await leaveUnmade(client)))
    const next = await ScriptedAgent.connect(share, { instance: 'two' })
    const handshake = await callAfterReplays(next)
    expect(handshake.method).toBe('initialize')
    next.answer(handshake, '0', BARE_SERVER)
    next.answer(await callAfterReplays(next), '7', '{"by":"two"}')
    expect(await events.next()).toContain('"by":"two"')
  })

  test('for a call that no agent knows and nobody makes is told so', async () => {
    const { share, agent, client, ch, lastId } = await left()
    await agent.leave()
    const events = new EventReader(await client.resume(lastId))
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent))
    await refuseReplay(back)
    expect(await events.next()).toContain('EVENTS_LOST')
  })

  test('is told when its agent has died meanwhile', async () => {
    const { share, agent, client, lastId } = await left()
    await agent.leave()
    const events = new EventReader(await client.resume(lastId))
    await ScriptedAgent.connect(share, { instance: 'two', channels: [] })
    expect(await events.next()).toContain('AGENT_LOST')
    expect(await events.next()).toBeUndefined()
  })

  test('is told so at once when its call was still on its way in a Share that was reset', async () => {
    verifies('promise.2.nothing-lost')
    const { share, agent, client } = await connected()
    const { events: first, primed } = await primedCall(client)
    await agent.expect('call')
    const pauses = heldTimers(LEFT_LOOK_MS)
    await resetShare(share)
    await vi.waitFor(() => expect(pauses.count).toBeGreaterThanOrEqual(1))
    await first.cancel()
    const events = new EventReader(await client.resume(primed))
    // Whoever waits until the call cannot be on its way any more waits for ever.
    vi.spyOn(Date, 'now').mockReturnValue(Date.now())
    await ScriptedAgent.connect(share, { instance: 'two' })
    expect(await events.next()).toContain('AGENT_LOST')
  })

  test('is told what the agent says of a stream that it cannot continue', async () => {
    verifies('promise.5.lost-is-told')
    const { agent, client, header, lastId } = await left()
    const response = await client.resume(lastId)
    await expectReplay(agent)
    agent.fail(header, 'EVENTS_LOST', 'unknown')
    const events = new EventReader(response)
    const failed = await events.nextEvent()
    expect(JSON.parse(failed?.data ?? '{}')).toMatchObject({ id: 7, error: { data: { code: 'EVENTS_LOST', executed: 'unknown' } } })
    expect(await events.next()).toBeUndefined()
    expect((await client.resume(failed?.id ?? '')).status).toBe(204)
  })

  test('as another principal, or for a session that has ended, finds nothing', async () => {
    const { share, agent, client, lastId } = await left()
    const stranger = new TestClient(share, await createClientToken(share))
    stranger.session = client.session
    expect((await stranger.resume(lastId)).status).toBe(404)
    await client.leave()
    expect((await client.resume(lastId)).status).toBe(404)
    await revokeShare(share)
    expect((await client.resume(lastId)).status).toBe(404)
    expect(agent.waiting.some(({ type }) => type === 'replay')).toBe(false)
  })

  test('with the event id of another session cannot take its answer away', async () => {
    verifies('promise.1.sessions-apart')
    const { share, agent, client } = await connected()
    const other = new TestClient(share, await createClientToken(share))
    await initialize(agent, other)
    const { header, events, lastId } = await begun({ agent, client })
    const thief = new EventReader(await other.resume(lastId))
    const { to } = await expectReplay(agent)
    expect(to).not.toBe(header.ra)
    agent.answer(header, '7', '{"mine":true}')
    expect(await events.next()).toContain('mine')
    await thief.cancel()
  })
})

describe('a call that its client has left', () => {
  test('keeps its questions in the agent until its client is back', async () => {
    const { agent, client, ch, header, lastId } = await left()
    const body = '{"jsonrpc":"2.0","id":"q","method":"roots/list"}'
    const bytes = new TextEncoder().encode(body)
    const ask = {
      type: 'ask',
      ...agent.number(ch, bytes.length),
      size: bytes.length,
      method: 'roots/list',
      id: [21, 24],
      rawId: '"q"',
    } as const
    const asked = { ...ask, ra: header.ra, sure: true } as const
    agent.send(asked, bytes)
    expect((await agent.expect('hold')).header.n).toBe(ask.n)
    const events = new EventReader(await client.resume(lastId))
    await expectReplay(agent)
    agent.send({ ...asked, at: agent.advance(ch, ask.n, bytes.length) }, bytes)
    expect(await events.next()).toBe(body)
  })
})

test('a POST is primed for revision 2025-11-25 alone, and an answer in JSON has no events', async () => {
  verifies('http.stream.primed', 'http.stream.retry', 'lifecycle.version.respected')
  for (const [revision, isPrimed] of [
    ['2025-11-25', true],
    ['2025-06-18', false],
    ['2025-03-26', false],
  ] as const) {
    const { agent, client, ch } = await connected()
    const response = client.post(CALL, { 'mcp-protocol-version': revision })
    const { header } = await agent.expect('call')
    agent.notify(ch, progress(1), { ra: header.ra, sure: true })
    agent.answer(header, '7', '{}')
    const text = await (await response).text()
    expect(/^id: [^\n]+\nretry: \d+\ndata: \n\n/.test(text)).toBe(isPrimed)
    expect(text.match(/^id: /gm)).toHaveLength(isPrimed ? 3 : 2)
    const json = client.post(CALL, PRIMED)
    agent.answer((await agent.expect('call')).header, '7', '{}')
    expect(await (await json).text()).toBe('{"jsonrpc":"2.0","id":7,"result":{}}')
  }
})

test('what was on its way when its client came back waits for what is missing before it', async () => {
  const { agent, client, ch, header, lastId } = await left()
  const { ra } = header
  const said = (value: number) => {
    const body = new TextEncoder().encode(progress(value))
    const place = { ...agent.number(ch, body.length), size: body.length }
    return { header: { type: 'notification', ...place, method: 'notifications/progress', ra, sure: true }, body } as const
  }
  const [missed, late] = [said(2), said(3)]
  const events = new EventReader(await client.resume(lastId))
  const { to = '' } = await expectReplay(agent)
  agent.sendUnfollowed(late.header, late.body)
  for (const again of [missed, late]) agent.repeat({ ...again, header: { ...again.header, to } })
  agent.answer(header, '7', '{}')
  expect([await events.next(), await events.next(), await events.next()]).toEqual([
    progress(2),
    progress(3),
    '{"jsonrpc":"2.0","id":7,"result":{}}',
  ])
})

test('what is sent again for a stream that its client has left does not come on the next, ahead of what is missing there', async () => {
  verifies('promise.5.exactly-the-rest')
  const { agent, client, ch, header, lastId } = await left()
  await (await client.resume(lastId)).body?.cancel()
  const { to: before = '' } = await expectReplay(agent)
  const said = (value: number) => {
    const body = new TextEncoder().encode(progress(value))
    const place = { ...agent.number(ch, body.length), size: body.length }
    const { ra } = header
    return { header: { type: 'notification', ...place, method: 'notifications/progress', ra, sure: true }, body } as const
  }
  const again = [said(2), said(3)]
  const events = new EventReader(await client.resume(lastId))
  const { to = '' } = await expectReplay(agent)
  expect(to).not.toBe(before)
  const [, late] = again
  if (late !== undefined) agent.repeat({ ...late, header: { ...late.header, to: before } })
  for (const one of again) agent.repeat({ ...one, header: { ...one.header, to } })
  expect([await events.next(), await events.next()]).toEqual([progress(2), progress(3)])
})
