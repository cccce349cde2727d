/** What becomes of calls and streams when the Share is reset or an agent is lost. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { GRACE_MS } from '../../../protocol/limits.ts'
import { KEEPALIVE_MS, LEFT_LOOK_MS, MOVE_AFTER_MS } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { heldTimers } from '../harness/held-timers.ts'
import { createShare, EventReader, factsOf, resetShare, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { connected, initialize, ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'

const LIST_CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'

const MESSAGE = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"begun"}}'

/** Agents' links and streams that are open. */
function socketCount(share: TestShare): Promise<number> {
  return runInDurableObject(stubOf(share), (_, state) => state.getWebSockets().length)
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a reset Share', () => {
  test('is asked again with the same key, and the answer of the agent that holds it arrives', async () => {
    verifies('promise.2.same-key', 'promise.2.holder-only', 'promise.2.nothing-lost')
    const { share, agent, client, ch } = await connected()
    const response = client.post(CALL)
    const { header } = await agent.expect('call')
    await resetShare(share)
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent, [header.key]))
    const again = await back.expect('call')
    expect(again.header).toMatchObject({ ch, key: header.key })
    back.answer(again.header, '7', '{"survived":true}')
    expect(await (await response).json()).toEqual({ jsonrpc: '2.0', id: 7, result: { survived: true } })
  })

  test('whose agent has died under the call says so as soon as another instance is there', async () => {
    verifies('promise.2.assigned-afresh', 'promise.3.new-instance')
    const { share, agent, client } = await connected()
    const response = client.post(CALL)
    await agent.expect('call')
    const pauses = heldTimers(LEFT_LOOK_MS)
    await resetShare(share)
    await vi.waitFor(() => expect(pauses.count).toBeGreaterThanOrEqual(1))
    await ScriptedAgent.connect(share, { instance: 'two' })
    expect(await (await response).json()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
  })

  test.each(['over RPC', 'on a stream'])('asks for a call %s once more when the link that it was resent on broke', async (way) => {
    verifies('promise.2.nothing-lost')
    const { share, agent, client, ch } = await connected()
    const response = client.post(CALL)
    const { header } = await agent.expect('call')
    if (way === 'on a stream') {
      agent.notify(ch, MESSAGE, { ra: header.ra, sure: true })
      await response
    }
    const moves = heldTimers(MOVE_AFTER_MS)
    await resetShare(share)
    const second = await ScriptedAgent.connect(share, survivorOf(ch, agent, [header.key]))
    // This one is lost with the link; the agent has the key since the first, and has answered to nobody meanwhile.
    await second.expect('call')
    if (way === 'on a stream') {
      moves.end()
      await vi.waitFor(async () => expect(await socketCount(share)).toBe(2))
    }
    await second.leave()
    const third = await ScriptedAgent.connect(share, survivorOf(ch, agent, [header.key]))
    const again = await third.expect('call')
    expect(again.header).toMatchObject({ ch, key: header.key })
    third.answer(again.header, '7', '{"kept":true}')
    expect(await (await response).text()).toContain('{"kept":true}')
  })

  test('never says that a call was not executed when its agent does not come back', async () => {
    verifies('promise.2.assigned-afresh', 'promise.3.grace-ends', 'promise.3.says-executed')
    const { share, agent, client } = await connected()
    const response = client.post(CALL)
    await agent.expect('call')
    let nowMs = Date.now()
    // Whoever looks at the clock finds that a third of the grace time has passed.
    vi.spyOn(Date, 'now').mockImplementation(() => (nowMs += GRACE_MS / 3))
    await resetShare(share)
    expect(await (await response).json()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
  })

  test('gets its listening streams back, and they hear what comes next', async () => {
    verifies('promise.5.share-reset')
    const { share, agent, client, ch } = await connected()
    const events = new EventReader(await client.listen())
    await agent.expect('resume')
    await resetShare(share)
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent))
    await back.expect('resume')
    back.notify(ch, LIST_CHANGED)
    expect(await events.next()).toBe(LIST_CHANGED)
    await events.cancel()
  })

  test('gives no call again to another agent', async () => {
    verifies('promise.2.never-twice', 'promise.2.holder-only')
    const { share, agent, client } = await connected()
    const response = client.post(CALL)
    await agent.expect('call')
    await resetShare(share)
    const other = await ScriptedAgent.connect(share, { agent: 'other', instance: 'o1' })
    const laterMs = Date.now() + GRACE_MS + 1
    vi.spyOn(Date, 'now').mockReturnValue(laterMs)
    await runDurableObjectAlarm(stubOf(share))
    expect(await (await response).json()).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    expect(other.waiting).toEqual([])
  })

  test.each(['session', 'share'] as const)('serves sessions by another agent after the grace time (isolation %s)', async (isolation) => {
    verifies('promise.3.grace-ends')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation })
    await initialize(agent, new TestClient(share))
    await resetShare(share)
    const other = await ScriptedAgent.connect(share, { agent: 'other', instance: 'o1', isolation })
    const laterMs = Date.now() + GRACE_MS + 1
    vi.spyOn(Date, 'now').mockReturnValue(laterMs)
    expect(await runDurableObjectAlarm(stubOf(share))).toBe(true)
    const client = new TestClient(share)
    await initialize(other, client)
    expect(client.session).toBeDefined()
  })
})

describe('an agent among others', () => {
  test('that came first may come back while a replica is connected', async () => {
    const share = await createShare()
    const first = await ScriptedAgent.connect(share)
    await ScriptedAgent.connect(share, { agent: 'replica', instance: 'r1', join: 'replica' })
    await first.leave()
    await ScriptedAgent.connect(share)
    expect((await factsOf(share)).agents.map(({ name }) => name).toSorted()).toEqual(['replica', 'scripted'])
  })

  test('that has replaced the others once does not end those that joined since when its link comes back', async () => {
    const share = await createShare()
    const first = await ScriptedAgent.connect(share, { join: 'replace' })
    await ScriptedAgent.connect(share, { agent: 'replica', instance: 'r1', join: 'replica' })
    await first.leave()
    await ScriptedAgent.connect(share, { join: 'replace' })
    expect((await factsOf(share)).agents.map(({ name }) => name).toSorted()).toEqual(['replica', 'scripted'])
  })

  test('is told whom it has replaced, and nothing when only its own link has come back', async () => {
    const share = await createShare()
    const replacedBy = async (hello: Parameters<typeof ScriptedAgent.dial>[1]): Promise<readonly string[] | undefined> => {
      const agent = await ScriptedAgent.dial(share, hello)
      return (await agent.expect('welcome')).header.replaced
    }
    expect(await replacedBy({})).toBeUndefined()
    expect(await replacedBy({})).toBeUndefined()
    expect(await replacedBy({ instance: 'two' })).toEqual(['scripted'])
    expect(await replacedBy({ agent: 'other', instance: 'three', join: 'replace' })).toEqual(['scripted'])
  })
})

describe('a call', () => {
  test.each(['CHANNEL_CLOSED', 'CHILD_DIED'] as const)(
    'that ended unseen (%s) is made again on a new channel, with the same key',
    async (code) => {
      const { agent, client, ch } = await connected()
      const response = client.post(CALL)
      const closed = await agent.expect('call')
      agent.fail(closed.header, code, 'no')
      const open = await agent.expect('open')
      expect(open.header.ch).not.toBe(ch)
      const replay = await agent.expect('call')
      agent.answer(replay.header, '0', '{}')
      await agent.expect('notify')
      const again = await agent.expect('call')
      expect(again.header).toMatchObject({ ch: open.header.ch, key: closed.header.key })
      agent.answer(again.header, '7', '{"reborn":true}')
      expect(await (await response).json()).toMatchObject({ id: 7, result: { reborn: true } })
    },
  )

  test('whose children die before it, one after the other, fails with that', async () => {
    const { agent, client } = await connected()
    const response = client.post(CALL)
    agent.fail((await agent.expect('call')).header, 'CHILD_DIED', 'no')
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '0', '{}')
    await agent.expect('notify')
    agent.fail((await agent.expect('call')).header, 'CHILD_DIED', 'no')
    expect(await (await response).json()).toMatchObject({ id: 7, error: { data: { code: 'CHILD_DIED', executed: 'no' } } })
  })

  test('behind a replayed initialize that was lost with the link goes to yet another channel', async () => {
    const { share, agent, client, ch } = await connected()
    agent.send({ type: 'died', ch, reason: 'exit', exitCode: 1 })
    void client.post(CALL)
    const open = await agent.expect('open')
    const replay = await agent.expect('call')
    // Of that burst only `open` got through.
    await agent.leave()
    const back = await ScriptedAgent.dial(share, { held: [], channels: [{ ch: open.header.ch, n: 0 }] })
    expect((await back.expect('welcome')).header.unwanted).toEqual([open.header.ch])
    const reopened = await back.expect('open')
    expect(reopened.header.ch).not.toBe(open.header.ch)
    const again = await back.expect('call')
    expect(again.header).toMatchObject({ ch: reopened.header.ch, method: 'initialize', gate: true })
    expect(again.header.key).not.toBe(replay.header.key)
  })
})

test('a client whose call waits for a lost agent goes on hearing from the relay, and gets its answer', async () => {
  verifies('promise.3.heartbeats', 'promise.3.cut-waits')
  const repeat = globalThis.setInterval
  const often = (ms: number | undefined): number | undefined => (ms === KEEPALIVE_MS ? 5 : ms)
  vi.spyOn(globalThis, 'setInterval').mockImplementation(((run: () => void, ms?: number) => repeat(run, often(ms))) as typeof setInterval)
  const { share, agent, client, ch } = await connected()
  const response = client.postForEvents(CALL.replace('"name":"t"', '"name":"t","_meta":{"progressToken":"p"}'))
  const { header } = await agent.expect('call')
  agent.notify(ch, '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}', {
    ra: header.ra,
    sure: true,
  })
  const events = new EventReader(await response)
  await agent.leave()
  for (let beat = 0; beat < 3; beat++) expect(await events.next()).toContain('notifications/progress')
  const back = await ScriptedAgent.connect(share, survivorOf(ch, agent, [header.key]))
  back.answer(header, '7', '{"kept":true}')
  let last = await events.next()
  while (last?.includes('notifications/progress') === true) last = await events.next()
  expect(last).toBe('{"jsonrpc":"2.0","id":7,"result":{"kept":true}}')
})
