/** Sessions whose client leaves before it was told how initialize ended: nobody knows of them, and their server processes end. */
import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Call } from '../../../protocol/frame.ts'
import { FIRST_ANSWER_MS, LEFT_SESSION_MS, MOVE_AFTER_MS } from '../../../worker/limits.ts'
import { shortTimers } from '../harness/held-timers.ts'
import { verifies } from '../../requirements/verifies.ts'
import { createShare, EventReader, factsOf, fetchRelay, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { BARE_SERVER, ScriptedAgent } from '../harness/scripted-agent.ts'

const INITIALIZE =
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'

afterEach(() => void vi.restoreAllMocks())

/** From now on responses open as streams at once, and move to their sockets. */
function openAtOnce(): void {
  shortTimers(FIRST_ANSWER_MS, MOVE_AFTER_MS)
}

interface Slow {
  readonly share: TestShare
  readonly agent: ScriptedAgent
  readonly client: TestClient
  readonly call: Call
  readonly events: EventReader
  /** By which the client can come back. */
  readonly id: string
}

/** A client whose stream is open, and whose server has not answered initialize. */
async function slow(): Promise<Slow> {
  openAtOnce()
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const client = new TestClient(share)
  const response = await client.initialize()
  await agent.expect('open')
  const { header } = await agent.expect('call')
  const events = new EventReader(response)
  return { share, agent, client, call: header, events, id: await events.nextId() }
}

/** Lets the time pass for which a session waits for a client that has left. */
async function passTime(share: TestShare): Promise<void> {
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + LEFT_SESSION_MS + 1)
  await runDurableObjectAlarm(stubOf(share))
}

async function sessionsOf(share: TestShare): Promise<number> {
  return (await factsOf(share)).sessions
}

describe('a session whose client leaves before the answer to initialize', () => {
  test('ends at once, with its child, when the client was not told its id', async () => {
    verifies('promise.6.left-initialize')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const leaving = new AbortController()
    const headers = {
      authorization: `Bearer ${share.clientToken}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    }
    const gone = fetchRelay(share.url, { method: 'POST', body: INITIALIZE, headers, signal: leaving.signal })
    const { header } = await agent.expect('open')
    await agent.expect('call')
    leaving.abort()
    await expect(gone).rejects.toThrow()
    expect((await agent.expect('close')).header.ch).toBe(header.ch)
    expect(await sessionsOf(share)).toBe(0)
  })

  test('waits for a client that can come back, and ends when it does not, though the Share has slept', async () => {
    verifies('promise.6.left-initialize')
    const { share, agent, call, events } = await slow()
    await events.cancel()
    await vi.waitFor(async () => expect(await runDurableObjectAlarm(stubOf(share))).toBe(true))
    expect(await sessionsOf(share)).toBe(1)
    await evictDurableObject(stubOf(share))
    await passTime(share)
    expect((await agent.expect('close')).header.ch).toBe(call.ch)
    expect(await sessionsOf(share)).toBe(0)
  })

  test('goes on when its client comes back, which gets the answer', async () => {
    verifies('promise.6.left-initialize')
    const { share, agent, client, call, events, id } = await slow()
    await events.cancel()
    const again = new EventReader(await client.resume(id))
    await agent.expect('receipt')
    await agent.expect('replay')
    await passTime(share)
    agent.answer(call, '0', BARE_SERVER)
    expect(await again.next()).toContain('"serverInfo"')
    expect(await sessionsOf(share)).toBe(1)
  })

  test('ends when its principal begins anew instead', async () => {
    verifies('promise.6.left-initialize')
    const { share, agent, call, events } = await slow()
    await events.cancel()
    await vi.waitFor(async () => expect(await runDurableObjectAlarm(stubOf(share))).toBe(true))
    void new TestClient(share).initialize()
    expect((await agent.expect('close')).header.ch).toBe(call.ch)
    expect((await agent.expect('open')).header.ch).not.toBe(call.ch)
  })

  test('ends at once when its principal has begun anew before that was noticed', async () => {
    verifies('promise.6.left-initialize', 'promise.2.start-taken-over')
    const { share, agent, call, events } = await slow()
    void new TestClient(share).initialize()
    expect((await agent.expect('open')).header.ch).not.toBe(call.ch)
    await agent.expect('call')
    await events.cancel()
    expect((await agent.expect('close')).header.ch).toBe(call.ch)
    expect(await sessionsOf(share)).toBe(1)
  })

  test('ends at once when the client has cancelled it', async () => {
    verifies('promise.6.left-initialize', 'promise.2.start-taken-over')
    const { share, agent, client, call, events } = await slow()
    const cancelled = client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}')
    const { header } = await agent.expect('notify')
    agent.send({ type: 'receipts', keys: [header.key] })
    agent.fail(call, 'CANCELLED', 'unknown')
    expect((await cancelled).status).toBe(202)
    expect(await events.next()).toContain('CANCELLED')
    expect((await agent.expect('close')).header.ch).toBe(call.ch)
    expect(await sessionsOf(share)).toBe(0)
  })
})
