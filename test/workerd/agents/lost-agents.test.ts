/** Agents that are lost before a session has begun on them, or that fall silent, or never say a word. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CLOSE, LINK_SUBPROTOCOL } from '../../../protocol/handshake.ts'
import { GRACE_MS, HELLO_MS } from '../../../protocol/limits.ts'
import { UNANSWERED_MS } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { createShare, factsOf, fetchRelay, stubOf, TestClient } from '../harness/relay.ts'
import { BARE_SERVER, connected, ScriptedAgent, survivorOf, takeOver } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a session whose agent is lost before it has begun', () => {
  test('is told of no wait when its client says initialized: another agent takes it over', async () => {
    verifies('promise.3.unbegun-moves')
    const { share, agent, client } = await connected()
    const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica' })
    await agent.leave()
    expect((await client.post(INITIALIZED)).status).toBe(202)
    const response = client.post(CALL)
    other.answer(await takeOver(other), '7', '{"by":"other"}')
    expect(await (await response).json()).toMatchObject({ result: { by: 'other' } })
    // What the first agent still has of it nobody wants.
    const back = await ScriptedAgent.dial(share, { join: 'replica', channels: [{ ch: `${client.session}.1`, n: 1 }] })
    expect((await back.expect('welcome')).header.unwanted).toEqual([`${client.session}.1`])
  })

  test('in the middle of initialize begins with another agent', async () => {
    verifies('promise.3.unbegun-moves')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = new TestClient(share)
    const begun = client.initialize()
    await agent.expect('open')
    await agent.expect('call')
    const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica' })
    await agent.leave()
    await other.expect('open')
    const { header } = await other.expect('call')
    expect(header.method).toBe('initialize')
    other.answer(header, '0', BARE_SERVER)
    expect((await begun).status).toBe(200)
  })

  test('waits for it while a call of the session is under way there, or no other agent is', async () => {
    const { share, agent, client, ch } = await connected()
    const called = client.post(CALL)
    const { header } = await agent.expect('call')
    await ScriptedAgent.connect(share, { agent: 'other', join: 'replica' })
    await agent.leave()
    const notified = client.post(INITIALIZED)
    const back = await ScriptedAgent.connect(share, { join: 'replica', ...survivorOf(ch, agent, [header.key]) })
    back.send({ type: 'receipts', keys: [(await back.expect('notify')).header.key] })
    expect((await notified).status).toBe(202)
    back.answer(header, '7', '{"kept":true}')
    expect(await (await called).json()).toMatchObject({ result: { kept: true } })
  })
})

describe('an agent of which nothing is heard', () => {
  /** Sets the clock of relay and test ahead. */
  function later(ms: number): void {
    const now = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => now + ms)
  }

  test('leaves the list at the end of the grace time after a call, which then fails', async () => {
    verifies('promise.3.silent-ends')
    const { share, agent, client } = await connected()
    const response = client.post(CALL)
    await agent.expect('call')
    later(UNANSWERED_MS + 1000)
    // Any stream that opens, as that of a call which has waited, brings it to light.
    await client.listen()
    expect((await factsOf(share)).agents).toHaveLength(1)
    later(GRACE_MS)
    expect(await runDurableObjectAlarm(stubOf(share))).toBe(true)
    expect(await (await response).json()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    expect((await factsOf(share)).agents).toEqual([])
    expect((await agent.closed).code).toBe(CLOSE.GOING_AWAY)
  })

  test('leaves the list as well when the call came over HTTP+SSE', async () => {
    verifies('promise.3.silent-ends')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const real = setInterval
    vi.spyOn(globalThis, 'setInterval').mockImplementation(((tick: () => void) => real(tick, 1000)) as typeof setInterval)
    const client = await SseClient.connect(share)
    await client.initialize()
    await agent.expect('open')
    await agent.expect('call')
    later(UNANSWERED_MS + 1000)
    await vi.waitFor(
      async () =>
        expect(await runInDurableObject(stubOf(share), (_, { storage }) => storage.getAlarm())).toBeLessThan(Date.now() + GRACE_MS),
      5000,
    )
    later(GRACE_MS)
    expect(await runDurableObjectAlarm(stubOf(share))).toBe(true)
    expect(await client.next()).toMatchObject({ id: 0, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    expect((await factsOf(share)).agents).toEqual([])
  })

  test('is spared when it says a word in time', async () => {
    const { share, agent, client } = await connected()
    const response = client.post(CALL)
    const { header } = await agent.expect('call')
    later(UNANSWERED_MS + 1000)
    await client.listen()
    await agent.expect('resume')
    agent.send({ type: 'receipts', keys: [header.key] })
    agent.notify(header.ch, '{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}')
    later(GRACE_MS + 1000)
    await runDurableObjectAlarm(stubOf(share))
    expect((await factsOf(share)).agents).toHaveLength(1)
    agent.answer(header, '7', '{"late":true}')
    expect(await (await response).json()).toMatchObject({ result: { late: true } })
  })

  test('is closed when it does not say hello in time', async () => {
    verifies('promise.10.no-hello')
    const share = await createShare()
    const { webSocket } = await fetchRelay(`/agent/${share.id}`, {
      headers: { upgrade: 'websocket', authorization: `Bearer ${share.agentToken}`, 'sec-websocket-protocol': LINK_SUBPROTOCOL },
    })
    const closed = new Promise<number>((resolve) => webSocket?.addEventListener('close', ({ code }) => resolve(code)))
    webSocket?.accept()
    const greeted = await ScriptedAgent.connect(share)
    later(HELLO_MS)
    expect(await runDurableObjectAlarm(stubOf(share))).toBe(true)
    expect(await closed).toBe(CLOSE.NO_HELLO)
    expect((await factsOf(share)).agents).toHaveLength(1)
    greeted.close()
  })
})
