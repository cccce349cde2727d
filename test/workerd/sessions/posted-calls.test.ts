/** Calls over HTTP+SSE whose post was accepted long since: those that have not run, and those that may run twice, are made again as over Streamable HTTP. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Call } from '../../../protocol/frame.ts'
import { CLOSE } from '../../../protocol/handshake.ts'
import { ShareClient } from '../../../worker/carry/share-client.ts'
import { verifies } from '../../requirements/verifies.ts'
import { PlayingAgent } from '../harness/playing-agent.ts'
import { createShare, stubOf } from '../harness/relay.ts'
import { ScriptedAgent, survivorOf, takeOver } from '../harness/scripted-agent.ts'
import { auditOf } from '../harness/scenes/audited-calls.ts'
import { limitedShare } from '../harness/scenes/limited-share.ts'
import { SSE_CALL, SSE_SERVER, sseCall } from '../harness/scenes/sse-call.ts'
import { SseClient } from '../harness/sse-client.ts'

const PROGRESS = (value: number): string =>
  `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":${value}}}`

afterEach(() => {
  vi.restoreAllMocks()
})

function toolCall(name: string, id = 7): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, _meta: { progressToken: 'p' } } })
}

/** The child of a call ends, and has or has not taken that. */
function die(agent: ScriptedAgent, call: Call, executed: 'no' | 'unknown'): void {
  agent.fail(call, 'CHILD_DIED', executed)
  agent.send({ type: 'died', ch: call.ch, reason: 'exit', exitCode: 1 })
}

/** A client on its stream that has asked for the tools; its server leaves calls of them to the test. */
async function listed(more: { readonly isolation?: 'share' } = {}) {
  const share = await createShare()
  const player = new PlayingAgent(await ScriptedAgent.connect(share, { agent: 'first', ...more }), 'first')
  player.isSilent = true
  const client = await SseClient.connect(share)
  await client.initialize()
  await client.next()
  await client.post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
  await client.next()
  return { share, player, client }
}

describe('a call over HTTP+SSE whose child died before it', () => {
  test('is made again on a new one, under its key, and its answer says that the server was started anew', async () => {
    verifies('promise.2.sse-again')
    const { agent, client, header } = await sseCall()
    die(agent, header, 'no')
    const again = await takeOver(agent, SSE_SERVER)
    expect(again).toMatchObject({ key: header.key, method: 'tools/call' })
    expect(again.ch).not.toBe(header.ch)
    expect(again.repeats).toBeUndefined()
    agent.answer(again, '7', '{"again":true}')
    expect(await client.next()).toMatchObject({ id: 7, result: { again: true, _meta: { 'mcp-edge/restarted': true } } })
    await client.post(SSE_CALL.replace('7', '8'))
    agent.answer((await agent.expect('call')).header, '8', '{"next":true}')
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 8, result: { next: true } })
    await client.events.cancel()
  })

  test('is made again once', async () => {
    const { agent, client, header } = await sseCall()
    die(agent, header, 'no')
    die(agent, await takeOver(agent, SSE_SERVER), 'no')
    expect(await client.next()).toMatchObject({ id: 7, error: { data: { code: 'CHILD_DIED', executed: 'no' } } })
    expect(agent.waiting).toEqual([])
    await client.events.cancel()
  })

  test('is one call, for limits and for the audit', async () => {
    verifies('promise.2.sse-again')
    const share = await limitedShare({ calls: '1/hour', concurrent: 1 })
    const { agent, client, header } = await sseCall(share)
    die(agent, header, 'no')
    agent.answer(await takeOver(agent, SSE_SERVER), '7', '{}')
    expect(await client.next()).toMatchObject({ id: 7, result: {} })
    await expect(client.post(SSE_CALL)).rejects.toThrow('429')
    const { events } = await auditOf(share)
    expect(events.map(({ method, outcome }) => [method, outcome])).toEqual([
      ['initialize', 'ok'],
      ['tools/call', 'ok'],
      ['tools/call', 'RATE_LIMIT_EXCEEDED'],
    ])
    await client.events.cancel()
  })

  test('or was told to end is made again', async () => {
    const { agent, client, header } = await sseCall()
    agent.fail(header, 'CHANNEL_CLOSED', 'no')
    agent.answer(await takeOver(agent, SSE_SERVER), '7', '{"again":true}')
    expect(await client.next()).toMatchObject({ id: 7, result: { again: true } })
    await client.events.cancel()
  })

  test('is cancelled by its client as any other', async () => {
    verifies('promise.2.sse-again')
    const { agent, client, header } = await sseCall()
    die(agent, header, 'no')
    const again = await takeOver(agent, SSE_SERVER)
    const cancelled = client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}')
    const notify = await agent.expect('notify')
    expect(notify.header).toMatchObject({ ch: again.ch, cancels: again.tag })
    agent.send({ type: 'receipts', keys: [notify.header.key] })
    await cancelled
    agent.fail(again, 'CANCELLED', 'unknown')
    expect(await client.next()).toMatchObject({ id: 7, error: { data: { code: 'CANCELLED' } } })
    await client.events.cancel()
  })

  test('is initialize, and is made again on a child that is told nothing before', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = await SseClient.connect(share)
    await client.initialize()
    await agent.expect('open')
    die(agent, (await agent.expect('call')).header, 'no')
    await agent.expect('open')
    const { header } = await agent.expect('call')
    expect(header.method).toBe('initialize')
    agent.answer(header, '0', SSE_SERVER)
    expect(await client.next()).toMatchObject({ id: 0, result: { serverInfo: { name: 's' } } })
    await client.post(SSE_CALL)
    expect((await agent.expect('call')).header.ch).toBe(header.ch)
    await client.events.cancel()
  })

  test('is left to the Worker that makes it again, though the one of its post does not hear that it was taken', async () => {
    verifies('promise.2.never-twice')
    const { agent, client, header: first } = await sseCall()
    agent.answer(first, '7', '{}')
    await client.next()
    const { promise: isAgain, resolve: again } = Promise.withResolvers<void>()
    vi.spyOn(ShareClient.prototype, 'call').mockImplementationOnce(async function broken(this: ShareClient, ...asked) {
      await this.call(...asked)
      await isAgain
      throw Object.assign(new Error('reset'), { durableObjectReset: true })
    })
    const posted = client.post(SSE_CALL.replace('7', '8'))
    die(agent, (await agent.expect('call')).header, 'no')
    const header = await takeOver(agent, SSE_SERVER)
    again()
    await posted
    expect(agent.waiting).toEqual([])
    agent.answer(header, '8', '{"again":true}')
    expect(await client.next()).toMatchObject({ id: 8, result: { again: true } })
    await client.events.cancel()
  })

  test('fails as it has where the relay has slept since, which keeps no request of it', async () => {
    verifies('promise.3.says-executed')
    const { share, agent, client, header } = await sseCall()
    await evictDurableObject(stubOf(share))
    die(agent, header, 'no')
    expect(await client.next()).toMatchObject({ id: 7, error: { data: { code: 'CHILD_DIED', executed: 'no' } } })
    await client.events.cancel()
  })
})

describe('a call over HTTP+SSE whose child died under it', () => {
  test.each([
    ['only reads', 'look', {}],
    ['is idempotent', 'set', {}],
    ['only reads, of a shared child', 'look', { isolation: 'share' }],
  ] as const)('and that %s is made again, and its agent is told that it may run twice', async (_, tool, more) => {
    verifies('promise.2.sse-again', 'promise.2.repeated-after-death')
    const { player, client } = await listed(more)
    await client.post(toolCall(tool))
    const { header, body } = await player.call()
    die(player.agent, header, 'unknown')
    const again = await player.call()
    expect(again.header).toMatchObject({ key: header.key, repeats: true })
    expect(again.body).toEqual(body)
    player.agent.answer(again.header, '7', '{"again":true}')
    expect(await client.next()).toMatchObject({ id: 7, result: { again: true, _meta: { 'mcp-edge/restarted': true } } })
    await client.events.cancel()
  })

  test('is made again once', async () => {
    const { player, client } = await listed()
    await client.post(toolCall('look'))
    die(player.agent, (await player.call()).header, 'unknown')
    die(player.agent, (await player.call()).header, 'unknown')
    expect(await client.next()).toMatchObject({ id: 7, error: { data: { code: 'CHILD_DIED', executed: 'unknown' } } })
    await client.events.cancel()
  })

  test('and that may have done something is not made again', async () => {
    verifies('promise.2.never-twice')
    const { player, client } = await listed()
    await client.post(toolCall('pay'))
    die(player.agent, (await player.call()).header, 'unknown')
    expect(await client.next()).toMatchObject({ id: 7, error: { data: { code: 'CHILD_DIED', executed: 'unknown' } } })
    expect(player.heard.filter((method) => method === 'tools/call')).toHaveLength(1)
    await client.events.cancel()
  })

  test('of which part of the answer was told is not made again', async () => {
    verifies('promise.2.never-twice')
    const { player, client } = await listed()
    await client.post(toolCall('look'))
    const { header } = await player.call()
    const body = new TextEncoder().encode('{"jsonrpc":"2.0","id":7,"result":{"text":"half')
    const facts = { size: 1000, key: header.key, ra: header.ra, id: [21, 22], failed: false } as const
    player.agent.send({ type: 'answer', ...player.agent.number(header.ch, body.length), ...facts }, body)
    die(player.agent, header, 'unknown')
    const said = async (): Promise<string> => (await client.events.next()) ?? 'the end'
    for (let text = await said(); !text.includes('"CHILD_DIED"'); text = await said()) expect(text).toContain('half')
    expect(player.heard.filter((method) => method === 'tools/call')).toHaveLength(1)
    await client.events.cancel()
  })

  test('has its progress rise', async () => {
    const { player, client } = await listed()
    await client.post(toolCall('look'))
    const { header } = await player.call()
    player.agent.notify(header.ch, PROGRESS(5), { ra: header.ra, sure: true })
    expect(await client.next()).toMatchObject({ params: { progress: 5 } })
    die(player.agent, header, 'unknown')
    const again = (await player.call()).header
    player.agent.notify(again.ch, PROGRESS(1), { ra: again.ra, sure: true })
    player.agent.notify(again.ch, PROGRESS(6), { ra: again.ra, sure: true })
    const risen = (await client.next()) as { readonly params: { readonly progress: number } }
    expect(risen.params.progress).toBeGreaterThan(5)
    await client.events.cancel()
  })
})

describe('a call over HTTP+SSE whose agent is lost', () => {
  test('is made by another at once, if it only reads, and the answer of the first is dropped', async () => {
    verifies('promise.2.sse-again', 'promise.2.repeatable')
    const { share, player, client } = await listed()
    const second = new PlayingAgent(await ScriptedAgent.connect(share, { agent: 'second', join: 'replica' }), 'second')
    second.isSilent = true
    await client.post(toolCall('look'))
    const { header } = await player.call()
    await player.agent.leave()
    const there = await second.call()
    const back = await ScriptedAgent.connect(share, {
      agent: 'first',
      join: 'replica',
      ...survivorOf(header.ch, player.agent, [header.key]),
    })
    back.answer(header, '7', '{"by":"first"}')
    second.agent.answer(there.header, '7', '{"by":"second"}')
    expect(await client.next()).toMatchObject({ id: 7, result: { by: 'second', _meta: { 'mcp-edge/restarted': true } } })
    await client.post(toolCall('look', 8))
    expect((await back.expect('call')).header.ch).toBe(header.ch)
    await client.events.cancel()
  })

  test('is made by its next instance, if it only reads, and fails else', async () => {
    verifies('promise.2.sse-again', 'promise.3.new-instance')
    const { share, player, client } = await listed()
    await client.post(toolCall('look'))
    await client.post(toolCall('pay', 8))
    await player.call()
    await player.call()
    await player.agent.leave()
    const next = new PlayingAgent(await ScriptedAgent.connect(share, { agent: 'first', instance: 'two' }), 'next')
    const said = [await client.next(), await client.next()]
    expect(said).toContainEqual(
      expect.objectContaining({ id: 8, error: expect.objectContaining({ data: expect.objectContaining({ code: 'AGENT_LOST' }) }) }),
    )
    expect(said).toContainEqual(expect.objectContaining({ id: 7, result: expect.objectContaining({ by: 'next' }) }))
    expect(next.heard.filter((method) => method === 'tools/call')).toHaveLength(1)
    await client.events.cancel()
  })

  test('and that had no turn there goes to another', async () => {
    verifies('promise.10.agent-calls')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { maxCalls: 1 })
    const client = await SseClient.connect(share)
    await client.initialize()
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '0', SSE_SERVER)
    await client.next()
    await client.post(SSE_CALL)
    await agent.expect('call')
    await client.post(SSE_CALL.replace('7', '8'))
    const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica' })
    expect(agent.waiting).toEqual([])
    await agent.leave(CLOSE.GOING_AWAY)
    other.answer(await takeOver(other, SSE_SERVER), '8', '{"by":"other"}')
    const said = [await client.next(), await client.next()]
    expect(said).toContainEqual(expect.objectContaining({ id: 7, error: expect.objectContaining({ code: -32018 }) }))
    expect(said).toContainEqual(expect.objectContaining({ id: 8, result: expect.objectContaining({ by: 'other' }) }))
    await client.events.cancel()
  })
})
