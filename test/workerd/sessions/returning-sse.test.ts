/** HTTP+SSE: an event source whose stream broke opens another, and goes on with its session. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ShareClient } from '../../../worker/carry/share-client.ts'
import { LEFT_SESSION_MS } from '../../../worker/limits.ts'
import { SseSessions } from '../../../worker/share/calls/sse-sessions.ts'
import { verifies } from '../../requirements/verifies.ts'
import { expectReplay } from '../harness/left-stream.ts'
import { createClientToken, createShare, factsOf, resetShare, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'
import { SSE_CALL, SSE_SERVER, sseCall } from '../harness/scenes/sse-call.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('an event source whose stream broke', () => {
  /** A client that has called, and what it left behind. */
  async function left() {
    const parts = await sseCall()
    const { agent, client, header } = parts
    agent.answer(header, '7', '{}')
    expect(await client.next()).toMatchObject({ id: 7 })
    await client.leaveNoticed()
    await expectReplay(agent)
    return parts
  }

  test('comes back to its session, whose child has lived on, and hears what was answered meanwhile', async () => {
    verifies('promise.4.sse-returns')
    const { share, agent, client, header } = await sseCall()
    await client.leaveNoticed()
    const { ch, after, to = '', calls = '' } = await expectReplay(agent)
    // All that was written to the broken stream may have gone nowhere, answers too.
    expect({ ch, after }).toEqual({ ch: header.ch, after: 0 })
    expect(header.ra.startsWith(calls) && calls !== '' && !to.startsWith(calls)).toBe(true)
    agent.answer(header, '7', '{"held":true}')
    expect((await agent.expect('hold')).header.ch).toBe(header.ch)
    const back = await SseClient.connect(share, client.streamId)
    expect(back.streamId).toBe(client.streamId)
    expect((await agent.expect('resume')).header.ch).toBe(header.ch)
    agent.answer(header, '7', '{"held":true}')
    expect(await back.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { held: true } })
    await back.post(SSE_CALL)
    const again = (await agent.expect('call')).header
    expect(again.ch).toBe(header.ch)
    agent.answer(again, '7', '{"again":true}')
    expect(await back.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { again: true } })
    expect(agent.waiting.filter(({ type }) => type === 'close' || type === 'open')).toEqual([])
    await back.events.cancel()
  })

  test('comes back before anybody has noticed, and hears again what was answered on the stream that went nowhere', async () => {
    verifies('promise.2.sse-taken')
    const { share, agent, client, header } = await sseCall()
    agent.answer(header, '7', '{"unseen":true}')
    await client.next()
    const back = await SseClient.connect(share, client.streamId)
    await agent.expect('resume')
    const { to = '', calls } = await expectReplay(agent)
    expect(calls).toBeDefined()
    const body = new TextEncoder().encode('{"jsonrpc":"2.0","id":7,"result":{"unseen":true}}')
    const place = { ch: header.ch, n: 2, at: agent.advance(header.ch, 2, body.length), size: body.length, to }
    agent.send({ type: 'answer', ...place, key: header.key, ra: header.ra, id: [22, 23], failed: false }, body)
    expect(await back.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { unseen: true } })
    await back.events.cancel()
  })

  test('and posts meanwhile: the call is not accepted before it is heard, and is made again under its key', async () => {
    verifies('promise.2.sse-taken')
    const { agent, client, header } = await sseCall()
    agent.answer(header, '7', '{}')
    await client.next()
    vi.spyOn(SseSessions.prototype, 'heard').mockImplementationOnce(async (_, made) => {
      await made
      return { kind: 'unheard' }
    })
    await client.post(SSE_CALL)
    const [first, again] = [await agent.expect('call'), await agent.expect('call')]
    expect(again.header.key).toBe(first.header.key)
    agent.answer(again.header, '7', '{"heard":true}')
    expect(await client.next()).toMatchObject({ id: 7, result: { heard: true } })
    await client.events.cancel()
  })

  test.each([
    ['while it has none', 'away'],
    ['on the one that went nowhere', 'unseen'],
    ['after it has come back', 'back'],
  ])('is told on its stream that the agent of its call is lost, which was found out %s', async (_, when) => {
    verifies('promise.2.sse-taken')
    const { share, agent, client } = await sseCall()
    if (when !== 'unseen') await client.leaveNoticed()
    const early = when === 'back' ? await SseClient.connect(share, client.streamId) : undefined
    await agent.leave()
    const other = await ScriptedAgent.connect(share, { instance: 'two' })
    const back = early ?? (await SseClient.connect(share, client.streamId))
    expect(await back.next()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    expect(other.waiting.filter(({ type }) => type === 'call')).toEqual([])
    await back.events.cancel()
  })

  test('is told on its next stream that the agent is lost which has kept the answer of its call', async () => {
    verifies('promise.2.sse-taken')
    const { share, agent, client, header } = await sseCall()
    await client.leaveNoticed()
    await expectReplay(agent)
    agent.answer(header, '7', '{"kept":true}')
    await agent.expect('hold')
    await agent.leave()
    await ScriptedAgent.connect(share, { instance: 'two' })
    const back = await SseClient.connect(share, client.streamId)
    expect(await back.next()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    await back.events.cancel()
  })

  test('is told on its next stream that the child of its call has died meanwhile', async () => {
    verifies('promise.2.sse-taken')
    const { share, agent, client, header } = await sseCall()
    await client.leaveNoticed()
    agent.fail(header, 'CHILD_DIED', 'unknown')
    const back = await SseClient.connect(share, client.streamId)
    expect(await back.next()).toMatchObject({ id: 7, error: { data: { code: 'CHILD_DIED', executed: 'unknown' } } })
    await back.events.cancel()
  })

  test('comes back to its session after the relay was started anew, and a post waits for that', async () => {
    verifies('promise.4.sse-returns')
    const { share, agent, client, header } = await sseCall()
    agent.answer(header, '7', '{}')
    expect(await client.next()).toMatchObject({ id: 7 })
    const gone = vi.spyOn(ShareClient.prototype, 'open').mockRejectedValue(new Error('gone'))
    await resetShare(share)
    expect(await client.next()).toBeUndefined()
    gone.mockRestore()
    const agentBack = await ScriptedAgent.connect(share, survivorOf(header.ch, agent))
    const calls = vi.spyOn(ShareClient.prototype, 'call')
    const posted = client.post(SSE_CALL)
    await vi.waitFor(() => expect(calls).toHaveBeenCalledTimes(1))
    const back = await SseClient.connect(share, client.streamId)
    await posted
    await agentBack.expect('resume')
    agentBack.answer((await agentBack.expect('call')).header, '7', '{"heard":true}')
    expect(await back.next()).toMatchObject({ result: { heard: true } })
    await back.events.cancel()
  })

  test('is waited for, for LEFT_SESSION_MS; then the session ends with its child, though a post came meanwhile', async () => {
    verifies('promise.4.sse-returns')
    const { share, agent, client, header } = await left()
    vi.spyOn(ShareClient.prototype, 'end').mockResolvedValue(true)
    await expect(client.post(SSE_CALL)).rejects.toThrow('answered with 404')
    expect((await factsOf(share)).sessions).toBe(1)
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + LEFT_SESSION_MS + 1)
    await runDurableObjectAlarm(stubOf(share))
    expect((await agent.expect('close')).header.ch).toBe(header.ch)
    expect((await factsOf(share)).sessions).toBe(0)
  })

  test('gets a new session where the one it names is not its own, is none of HTTP+SSE, or is no more', async () => {
    verifies('promise.4.sse-returns')
    const { share, agent, client } = await left()
    const stranger = await SseClient.connect({ ...share, clientToken: await createClientToken(share) }, client.streamId)
    const other = new TestClient(share)
    const initialized = other.initialize()
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '0', SSE_SERVER)
    await initialized
    const streams = [stranger, await SseClient.connect(share, 'gone'), await SseClient.connect(share, other.session)]
    expect(new Set(streams.map(({ streamId }) => streamId).concat(client.streamId, 'gone')).size).toBe(5)
    for (const { events } of streams) await events.cancel()
  })

  test.each([1, 2])(
    'comes back to its session, though other clients by the same link begin meanwhile (%i streams broke)',
    async (streams) => {
      verifies('promise.4.sse-returns')
      const { share, agent, client, header } = await left()
      if (streams === 2) {
        const second = await SseClient.connect(share)
        await second.initialize('second')
        await agent.expect('open')
        await agent.expect('call')
        await second.events.cancel()
      }
      await (await SseClient.connect(share)).events.cancel()
      const other = new TestClient(share)
      const initialized = other.initialize()
      const opened = await agent.next()
      expect(opened.header.type).toBe('open')
      agent.answer((await agent.expect('call')).header, '0', SSE_SERVER)
      await initialized
      const back = await SseClient.connect(share, client.streamId)
      expect(back.streamId).toBe(client.streamId)
      await agent.expect('resume')
      await back.post(SSE_CALL)
      expect((await agent.expect('call')).header.ch).toBe(header.ch)
      await back.events.cancel()
    },
  )

  describe('and that does not say which it was', () => {
    test('goes on in a new session, whose child is told the handshake of the old one', async () => {
      verifies('promise.4.sse-returns')
      const { share, agent, client } = await left()
      const back = await SseClient.connect(share)
      expect(back.streamId).not.toBe(client.streamId)
      await back.post(SSE_CALL)
      const { ch } = (await agent.expect('open')).header
      const replayed = await agent.expect('call')
      expect(replayed).toMatchObject({ header: { ch, method: 'initialize' } })
      expect(await agent.expect('notify')).toMatchObject({ header: { ch, method: 'notifications/initialized' } })
      agent.answer(replayed.header, '0', SSE_SERVER)
      agent.answer((await agent.expect('call')).header, '7', '{"again":true}')
      expect(await back.next()).toMatchObject({ id: 7, result: { again: true, _meta: { 'mcp-edge/restarted': true } } })
      await back.events.cancel()
    })

    test('has no handshake where sessions broke that began differently', async () => {
      verifies('promise.4.sse-returns')
      const { share, agent, client } = await sseCall()
      const other = await SseClient.connect(share)
      await other.initialize('other')
      await agent.expect('open')
      await agent.expect('call')
      const gone = vi.spyOn(ShareClient.prototype, 'open').mockRejectedValue(new Error('gone'))
      await resetShare(share)
      for (const { events } of [client, other]) expect(await events.next()).toBeUndefined()
      gone.mockRestore()
      const agentBack = await ScriptedAgent.connect(share, { instance: 'two' })
      const back = await SseClient.connect(share)
      await back.post(SSE_CALL)
      await agentBack.expect('open')
      expect((await agentBack.expect('call')).header).toMatchObject({ method: 'tools/call' })
      await back.events.cancel()
    })

    test('begins with its own handshake, if it sends one', async () => {
      const { share, agent } = await left()
      const fresh = await SseClient.connect(share)
      await fresh.initialize()
      const { ch } = (await agent.expect('open')).header
      const own = await agent.expect('call')
      expect(own).toMatchObject({ header: { ch, method: 'initialize' } })
      agent.answer(own.header, '0', SSE_SERVER)
      const first = (await fresh.next()) as { result: object }
      expect(first.result).not.toHaveProperty('_meta')
      await fresh.events.cancel()
    })
  })
})

describe('a client of HTTP+SSE that has left before initialize was answered', () => {
  /** A client that has begun, and its channel. */
  async function begun(share: TestShare, agent: ScriptedAgent, name?: string) {
    const client = await SseClient.connect(share)
    await client.initialize(name)
    const { ch } = (await agent.expect('open')).header
    expect((await agent.expect('call')).header.method).toBe('initialize')
    return { client, ch }
  }

  test('leaves nothing to the one that begins alike behind it, so that its process can go on for that', async () => {
    verifies('promise.2.start-taken-over')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const first = await begun(share, agent)
    await first.client.leaveNoticed()
    const second = await SseClient.connect(share)
    await second.initialize()
    expect((await agent.expect('close')).header.ch).toBe(first.ch)
    expect((await factsOf(share)).sessions).toBe(1)
    await second.events.cancel()
  })

  test('nor to one that has begun alike before that was noticed', async () => {
    verifies('promise.2.start-taken-over')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const first = await begun(share, agent)
    const second = await begun(share, agent)
    await first.client.events.cancel()
    // At once, and not with the alarm.
    await vi.waitFor(async () => expect((await factsOf(share)).sessions).toBe(1))
    expect((await agent.expect('close')).header.ch).toBe(first.ch)
    await second.client.events.cancel()
  })

  test('is waited for, though others begin otherwise', async () => {
    verifies('promise.4.sse-returns')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const first = await begun(share, agent)
    const before = await begun(share, agent, 'before')
    await first.client.leaveNoticed()
    const behind = await begun(share, agent, 'behind')
    const back = await SseClient.connect(share, first.client.streamId)
    expect(back.streamId).toBe(first.client.streamId)
    expect(agent.waiting.filter(({ type }) => type === 'close')).toEqual([])
    for (const { events } of [back, before.client, behind.client]) await events.cancel()
  })
})
