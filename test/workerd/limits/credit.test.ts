/** What clients have not taken yet, and how far an agent may therefore go on: in the real runtime, with real sockets. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { MAX_BUFFERED_BYTES, STREAM_OPENING_MS } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { BigAnswer } from '../harness/big-answer.ts'
import { EventReader, factsOf, fetchRelay, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { connected, initialize, type ScriptedAgent } from '../harness/scripted-agent.ts'
import type { Call } from '../../../protocol/frame.ts'

const MIB = 1024 * 1024
const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'
const LOG_BYTES = 250_000
const LOG = `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${'x'.repeat(LOG_BYTES)}"}}`

async function bufferedBytes(share: TestShare): Promise<number> {
  return (await factsOf(share)).counters.buffered_bytes
}

/** A client that listens and reads nothing, and an agent whose credit is therefore withheld. */
async function withhold(agent: ScriptedAgent, ch: string, share: TestShare): Promise<number> {
  const messages = Math.floor((3.75 * MIB) / LOG.length)
  for (let n = 1; n <= messages; n++) agent.notify(ch, LOG, n === messages ? { ack: true } : {})
  await agent.expect('receipt')
  expect(await bufferedBytes(share)).toBeGreaterThan(2 * MIB)
  return messages
}

describe('credit', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test('of a batch goes to the call whose client took the bytes: a small and a 10 MiB answer both arrive', async () => {
    verifies('promise.10.fair')
    const { agent, client, ch } = await connected()
    const response = client.post(`[{"jsonrpc":"2.0","id":1,"method":"tools/list"},${CALL}]`, { 'mcp-protocol-version': '2025-03-26' })
    const small = await agent.expect('call')
    const big = await agent.expect('call')
    const events = new EventReader(await response)
    agent.answer(small.header, '1', '{}')
    expect(await events.next()).toBe('{"jsonrpc":"2.0","id":1,"result":{}}')
    const answer = new BigAnswer(big.header, '7', 10 * MIB, agent.lastNumber(ch) + 1)
    const flowing = answer.flow(agent)
    expect(await events.next()).toBe(answer.text)
    await flowing
    expect(await events.next()).toBeUndefined()
  })

  test('does not count against a client, after sleep, what it took before', async () => {
    verifies('promise.6.state-survives')
    const { share, agent, client, ch } = await connected()
    const events = new EventReader(await client.listen())
    await agent.expect('resume')
    const messages = await withhold(agent, ch, share)
    const owedBytes = await bufferedBytes(share)
    for (let n = 0; n < 4; n++) await events.next()
    await vi.waitFor(async () => expect(await bufferedBytes(share)).toBeLessThan(owedBytes))
    await evictDurableObject(stubOf(share))
    for (let n = 4; n < messages; n++) await events.next()
    await vi.waitFor(async () => expect(await bufferedBytes(share)).toBe(0))
    expect((await agent.expect('credit')).header.ch).toBe(ch)
    await events.cancel()
  })

  test('is not withheld for ever for a client that left before its large answer came', async () => {
    const { share, agent, client, ch } = await connected()
    const leaving = new AbortController()
    const headers = { authorization: `Bearer ${client.token}`, 'content-type': 'application/json', 'mcp-session-id': client.session ?? '' }
    const gone = fetchRelay(share.url, { method: 'POST', body: CALL, headers, signal: leaving.signal })
    const { header } = await agent.expect('call')
    leaving.abort()
    await expect(gone).rejects.toThrow()
    const answer = new BigAnswer(header, '7', 3 * MIB, agent.lastNumber(ch) + 1)
    answer.send(agent, 0, answer.parts - 1)
    await agent.expect('receipt')
    await agent.expect('credit')
    const laterMs = Date.now() + STREAM_OPENING_MS + 1
    vi.spyOn(Date, 'now').mockReturnValue(laterMs)
    agent.notify(ch, '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}', { ack: true })
    await agent.expect('hold')
    await agent.expect('receipt')
    expect((await agent.expect('credit')).header.ch).toBe(ch)
    expect(await bufferedBytes(share)).toBe(0)
  })
})

async function nextCall(agent: ScriptedAgent): Promise<Call> {
  for (;;) {
    const { header } = await agent.next()
    if (header.type === 'call') return header
  }
}

describe('what all clients of an object owe', () => {
  test('stays below MAX_BUFFERED_BYTES: streams of who owes most end, can be resumed, and disturb nobody', async () => {
    verifies('promise.10.object-32mib', 'promise.10.fair')
    const { share, agent, client, ch } = await connected()
    const lazy = Array.from({ length: 12 }, () => new TestClient(share))
    const streams: EventReader[] = []
    const channels: string[] = []
    for (const one of lazy) {
      channels.push(await initialize(agent, one))
      streams.push(new EventReader(await one.listen()))
      await agent.expect('resume')
    }
    const messages = Math.floor((3.75 * MIB) / LOG.length)
    let most = 0
    for (const channel of channels) {
      for (let n = 1; n <= messages; n++) agent.notify(channel, LOG)
      const called = client.post(CALL)
      // Of a stream that has ended the agent is told besides what is to be held.
      const header = await nextCall(agent)
      expect(header.ch).toBe(ch)
      agent.answer(header, '7', '{}')
      expect((await called).status).toBe(200)
      most = Math.max(most, await bufferedBytes(share))
    }
    expect(most).toBeGreaterThan(MAX_BUFFERED_BYTES / 2)
    expect(most).toBeLessThanOrEqual(MAX_BUFFERED_BYTES)
    // The largest debtors were the first: their streams end behind what their clients had been sent.
    let events = 0
    for (let event = await streams[0]?.nextEvent(); event !== undefined; event = await streams[0]?.nextEvent()) events++
    expect(events).toBeLessThanOrEqual(messages)
    await Promise.all(streams.map((stream) => stream.cancel()))
    await vi.waitFor(async () => expect(await bufferedBytes(share)).toBe(0))
  })
})
