/** HTTP+SSE (MCP 2024-11-05) in the real runtime: what becomes of calls whose link, agent or Share is lost. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ShareClient } from '../../../worker/carry/share-client.ts'
import { REATTACH_MS } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { heldTimers } from '../harness/held-timers.ts'
import { createShare, factsOf, resetShare, stubOf } from '../harness/relay.ts'
import { ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'
import { SSE_CALL, sseCall } from '../harness/scenes/sse-call.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('an HTTP+SSE call', () => {
  test('that was lost with the link is made again, under its key, when its agent is back without it', async () => {
    verifies('promise.2.sse-again')
    const { share, agent, client, header } = await sseCall()
    await agent.leave()
    const back = await ScriptedAgent.connect(share, survivorOf(header.ch, agent))
    const again = (await back.expect('call')).header
    expect(again).toMatchObject({ ch: header.ch, key: header.key })
    back.answer(again, '7', '{"again":true}')
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { again: true } })
    await client.events.cancel()
  })

  test('that was lost with the link and a reset is answered, as not executed, when its agent is back without it', async () => {
    const { share, agent, client, header } = await sseCall()
    await agent.leave()
    await evictDurableObject(stubOf(share))
    await ScriptedAgent.connect(share, survivorOf(header.ch, agent))
    expect(await client.next()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'no' } } })
    await client.events.cancel()
  })

  test('that its agent still has when it is back is answered once, by the child', async () => {
    verifies('promise.3.cut-waits')
    const { share, agent, client, header } = await sseCall()
    await agent.leave()
    const back = await ScriptedAgent.connect(share, survivorOf(header.ch, agent, [header.key]))
    back.answer(header, '7', '{"survived":true}')
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { survived: true } })
    await client.events.cancel()
  })

  test('of an agent that is proved dead is answered as lost', async () => {
    verifies('promise.3.new-instance')
    const { share, client } = await sseCall()
    await ScriptedAgent.connect(share, { instance: 'two' })
    expect(await client.next()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    await client.events.cancel()
  })

  test('that is answered while the stream attaches again after a reset is held, and delivered when it has', async () => {
    const { share, agent, client, header } = await sseCall()
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
    const { share, agent, client, header: first } = await sseCall()
    agent.answer(first, '7', '{"first":true}')
    expect(await client.next()).toMatchObject({ result: { first: true } })
    await agent.leave()
    const posted = client.post(SSE_CALL)
    const back = await ScriptedAgent.connect(share, survivorOf(first.ch, agent))
    const { header } = await back.expect('call')
    await posted
    back.answer(header, '7', '{"waited":true}')
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { waited: true } })
    await client.events.cancel()
  })

  test('that looks for revision 2026-07-28 is told to begin with initialize, with an agent and without, and reaches no child', async () => {
    const { share, agent, client, header } = await sseCall()
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
    const parts = await sseCall()
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
    await expect(client.post(SSE_CALL)).rejects.toThrow('answered with 404')
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
    const { share, agent, client, header } = await sseCall()
    agent.answer(header, '7', '{}')
    expect(await client.next()).toMatchObject({ id: 7 })
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const pauses = heldTimers(REATTACH_MS)
    await resetShare(share)
    await vi.waitFor(() => expect(pauses.count).toBe(1))
    const back = await ScriptedAgent.connect(share, survivorOf(header.ch, agent))
    const calls = vi.spyOn(ShareClient.prototype, 'call')
    const posted = client.post(SSE_CALL)
    await vi.waitFor(() => expect(calls).toHaveBeenCalledTimes(1))
    pauses.end()
    await posted
    await back.expect('resume')
    back.answer((await back.expect('call')).header, '7', '{"heard":true}')
    expect(await client.next()).toMatchObject({ result: { heard: true } })
    await client.events.cancel()
  })
})
