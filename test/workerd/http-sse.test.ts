/** HTTP+SSE (MCP 2024-11-05) in the real runtime: what becomes of calls whose link, agent or Share is lost. */
import { runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ShareClient } from '../../worker/carry/share-client.ts'
import { LEFT_SESSION_MS, REATTACH_MS } from '../../worker/limits.ts'
import { verifies } from '../requirements/verifies.ts'
import { heldTimers } from './harness/held-timers.ts'
import { createClientToken, createShare, factsOf, resetShare, stubOf, TestClient } from './harness/relay.ts'
import { ScriptedAgent, survivorOf } from './harness/scripted-agent.ts'
import { SseClient } from './harness/sse-client.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'
const SERVER = '{"protocolVersion":"2024-11-05","capabilities":{},"serverInfo":{"name":"s","version":"1"}}'

afterEach(() => {
  vi.restoreAllMocks()
})

/** A call that the agent has, of a client on its stream. */
async function called() {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const client = await SseClient.connect(share)
  await client.initialize()
  await agent.expect('open')
  agent.answer((await agent.expect('call')).header, '0', SERVER)
  expect(await client.next()).toMatchObject({ id: 0, result: { serverInfo: { name: 's' } } })
  await client.post(CALL)
  return { share, agent, client, header: (await agent.expect('call')).header }
}

describe('an HTTP+SSE call', () => {
  test('that was lost with the link is answered, as not executed, when its agent is back without it', async () => {
    const { share, agent, client, header } = await called()
    await agent.leave()
    await ScriptedAgent.connect(share, survivorOf(header.ch, agent))
    expect(await client.next()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'no' } } })
    await client.events.cancel()
  })

  test('that its agent still has when it is back is answered once, by the child', async () => {
    verifies('promise.3.cut-waits')
    const { share, agent, client, header } = await called()
    await agent.leave()
    const back = await ScriptedAgent.connect(share, survivorOf(header.ch, agent, [header.key]))
    back.answer(header, '7', '{"survived":true}')
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { survived: true } })
    await client.events.cancel()
  })

  test('of an agent that is proved dead is answered as lost', async () => {
    verifies('promise.3.new-instance')
    const { share, client } = await called()
    await ScriptedAgent.connect(share, { instance: 'two' })
    expect(await client.next()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    await client.events.cancel()
  })

  test('that is answered while the stream attaches again after a reset is held, and delivered when it has', async () => {
    const { share, agent, client, header } = await called()
    await resetShare(share)
    const back = await ScriptedAgent.connect(share, survivorOf(header.ch, agent, [header.key]))
    back.answer(header, '7', '{"held":true}')
    expect((await back.expect('hold')).header).toEqual({ type: 'hold', ch: header.ch, n: back.lastNumber(header.ch) })
    expect((await back.expect('resume')).header.ch).toBe(header.ch)
    back.answer(header, '7', '{"held":true}')
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { held: true } })
    await client.events.cancel()
  })

  test('made while an agent that was just here is away is taken when it is back', async () => {
    const { share, agent, client, header: first } = await called()
    agent.answer(first, '7', '{"first":true}')
    expect(await client.next()).toMatchObject({ result: { first: true } })
    await agent.leave()
    const posted = client.post(CALL)
    const back = await ScriptedAgent.connect(share, survivorOf(first.ch, agent))
    const { header } = await back.expect('call')
    await posted
    back.answer(header, '7', '{"waited":true}')
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { waited: true } })
    await client.events.cancel()
  })

  test('that looks for revision 2026-07-28 is told to begin with initialize, with an agent and without, and reaches no child', async () => {
    const { share, agent, client, header } = await called()
    agent.answer(header, '7', '{}')
    expect(await client.next()).toMatchObject({ id: 7 })
    const discover = '{"jsonrpc":"2.0","id":8,"method":"server/discover","params":{}}'
    const refused = { id: 8, error: { code: -32601, data: { code: 'METHOD_UNKNOWN', executed: 'no' } } }
    await client.post(discover)
    expect(await client.next()).toMatchObject(refused)
    expect(agent.waiting.filter(({ type }) => type === 'call')).toEqual([])
    await agent.leave()
    await client.post(discover)
    expect(await client.next()).toMatchObject(refused)
    const late = await SseClient.connect(share)
    await late.post(discover)
    expect(await late.next()).toMatchObject(refused)
    for (const { events } of [client, late]) await events.cancel()
  })

  test('to a share that never had an agent is refused at once', async () => {
    const client = await SseClient.connect(await createShare())
    await expect(client.initialize()).rejects.toThrow('answered with 503')
    await client.events.cancel()
  })
})

describe('a post to an HTTP+SSE session whose stream is not open', () => {
  /** A Share whose object was reset, and whose Workers went with it. */
  async function cutOff() {
    const parts = await called()
    parts.agent.answer(parts.header, '7', '{}')
    expect(await parts.client.next()).toMatchObject({ id: 7 })
    vi.spyOn(ShareClient.prototype, 'open').mockRejectedValue(new Error('gone'))
    await resetShare(parts.share)
    expect(await parts.client.next()).toBeUndefined()
    const back = await ScriptedAgent.connect(parts.share, survivorOf(parts.header.ch, parts.agent))
    return { ...parts, back }
  }

  test('is refused with 404 once it is clear that nobody opens it again, and never runs', async () => {
    verifies('promise.2.sse-heard')
    const { client, share, back } = await cutOff()
    await expect(client.post(CALL)).rejects.toThrow('answered with 404')
    expect(back.waiting.filter(({ type }) => type === 'call')).toEqual([])
    expect((await factsOf(share)).sessions).toBe(0)
    await expect(client.post('{"jsonrpc":"2.0","method":"notifications/cancelled"}')).rejects.toThrow('answered with 404')
  })

  test('a notification is refused as well', async () => {
    const { client } = await cutOff()
    await expect(client.post('{"jsonrpc":"2.0","method":"notifications/initialized"}')).rejects.toThrow('answered with 404')
  })

  test('waits for a stream that is attaching again', async () => {
    verifies('promise.2.sse-heard')
    const { share, agent, client, header } = await called()
    agent.answer(header, '7', '{}')
    expect(await client.next()).toMatchObject({ id: 7 })
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const pauses = heldTimers(REATTACH_MS)
    await resetShare(share)
    await vi.waitFor(() => expect(pauses.count).toBe(1))
    const back = await ScriptedAgent.connect(share, survivorOf(header.ch, agent))
    const calls = vi.spyOn(ShareClient.prototype, 'call')
    const posted = client.post(CALL)
    await vi.waitFor(() => expect(calls).toHaveBeenCalledTimes(1))
    pauses.end()
    await posted
    await back.expect('resume')
    back.answer((await back.expect('call')).header, '7', '{"heard":true}')
    expect(await client.next()).toMatchObject({ result: { heard: true } })
    await client.events.cancel()
  })
})

describe('an event source whose stream broke', () => {
  /** A client that has called, and what it left behind. */
  async function left() {
    const parts = await called()
    const { agent, client, share, header } = parts
    agent.answer(header, '7', '{}')
    expect(await client.next()).toMatchObject({ id: 7 })
    await client.events.cancel()
    await vi.waitFor(async () => expect(await runDurableObjectAlarm(stubOf(share))).toBe(true))
    return parts
  }

  test('comes back to its session, whose child has lived on, and hears what was answered meanwhile', async () => {
    verifies('promise.4.sse-returns')
    const { share, agent, client, header } = await called()
    await client.events.cancel()
    await vi.waitFor(async () => expect(await runDurableObjectAlarm(stubOf(share))).toBe(true))
    agent.answer(header, '7', '{"held":true}')
    expect((await agent.expect('hold')).header.ch).toBe(header.ch)
    const back = await SseClient.connect(share, client.streamId)
    expect(back.streamId).toBe(client.streamId)
    expect((await agent.expect('resume')).header.ch).toBe(header.ch)
    agent.answer(header, '7', '{"held":true}')
    expect(await back.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { held: true } })
    await back.post(CALL)
    const again = (await agent.expect('call')).header
    expect(again.ch).toBe(header.ch)
    agent.answer(again, '7', '{"again":true}')
    expect(await back.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { again: true } })
    expect(agent.waiting.filter(({ type }) => type === 'close' || type === 'open')).toEqual([])
    await back.events.cancel()
  })

  test('comes back to its session after the relay was started anew, and a post waits for that', async () => {
    verifies('promise.4.sse-returns')
    const { share, agent, client, header } = await called()
    agent.answer(header, '7', '{}')
    expect(await client.next()).toMatchObject({ id: 7 })
    const gone = vi.spyOn(ShareClient.prototype, 'open').mockRejectedValue(new Error('gone'))
    await resetShare(share)
    expect(await client.next()).toBeUndefined()
    gone.mockRestore()
    const agentBack = await ScriptedAgent.connect(share, survivorOf(header.ch, agent))
    const calls = vi.spyOn(ShareClient.prototype, 'call')
    const posted = client.post(CALL)
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
    await expect(client.post(CALL)).rejects.toThrow('answered with 404')
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
    agent.answer((await agent.expect('call')).header, '0', SERVER)
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
      agent.answer((await agent.expect('call')).header, '0', SERVER)
      await initialized
      const back = await SseClient.connect(share, client.streamId)
      expect(back.streamId).toBe(client.streamId)
      await agent.expect('resume')
      await back.post(CALL)
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
      await back.post(CALL)
      const { ch } = (await agent.expect('open')).header
      const replayed = await agent.expect('call')
      expect(replayed).toMatchObject({ header: { ch, method: 'initialize' } })
      expect(await agent.expect('notify')).toMatchObject({ header: { ch, method: 'notifications/initialized' } })
      agent.answer(replayed.header, '0', SERVER)
      agent.answer((await agent.expect('call')).header, '7', '{"again":true}')
      expect(await back.next()).toMatchObject({ id: 7, result: { again: true, _meta: { 'mcp-edge/restarted': true } } })
      await back.events.cancel()
    })

    test('has no handshake where sessions broke that began differently', async () => {
      verifies('promise.4.sse-returns')
      const { share, agent, client } = await called()
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
      await back.post(CALL)
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
      agent.answer(own.header, '0', SERVER)
      const first = (await fresh.next()) as { result: object }
      expect(first.result).not.toHaveProperty('_meta')
      await fresh.events.cancel()
    })
  })
})
