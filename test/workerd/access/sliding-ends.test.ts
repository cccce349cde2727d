/** Ends of shares that slide with use, in the real runtime: when they move, what that costs, and that nobody is sent away meanwhile. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest'
import { Registry } from '../../../worker/registry/registry.ts'
import { verifies } from '../../requirements/verifies.ts'
import { order, registryStub } from '../harness/orders.ts'
import { createShare, factsOf, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { initialize, ScriptedAgent } from '../harness/scripted-agent.ts'

const MINUTE_MS = 60_000
const HOUR_S = 3600
const HOUR_MS = HOUR_S * 1000
const CALL = '{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"a:b"}}'

let asked: MockInstance<Registry['slideShare']>
let aheadMs = 0

/** Lets time have passed, of day only: what waits for an alarm is told by the test. */
function pass(ms: number): void {
  aheadMs += ms
}

beforeEach(() => {
  const now = Date.now.bind(Date)
  aheadMs = 0
  vi.spyOn(Date, 'now').mockImplementation(() => now() + aheadMs)
  asked = vi.spyOn(Registry.prototype, 'slideShare')
})
afterEach(() => {
  vi.restoreAllMocks()
})

interface Used {
  readonly share: TestShare
  readonly agent: ScriptedAgent
  readonly client: TestClient
}

async function used(members: object, lane = 0): Promise<Used> {
  const share = await createShare({ expires_in: HOUR_S, ...members })
  const agent = await ScriptedAgent.connect(share, {}, lane)
  const client = new TestClient(share)
  await initialize(agent, client)
  await write(share)
  return { share, agent, client }
}

async function call({ agent, client }: Used): Promise<void> {
  const response = client.post(CALL)
  agent.answer((await agent.expect('call')).header, '7', '{}')
  expect((await response).status).toBe(200)
}

/** Has written what was counted of calls. */
async function write(share: TestShare, lane = 0): Promise<void> {
  expect(await runDurableObjectAlarm(stubOf(share, lane))).toBe(true)
}

/** Minutes until the share ends. */
async function left({ id }: Pick<TestShare, 'id'>): Promise<number> {
  const { told } = await order('GET', `/api/shares/${id}`)
  return Math.round((Date.parse(String(told['expires_at'])) - Date.now()) / MINUTE_MS)
}

describe('an end that slides', () => {
  test('moves when what was counted is written, once for many calls, and no sooner again than a step later', async () => {
    verifies('promise.7.sliding')
    const share = await used({ sliding: true })
    pass(30 * MINUTE_MS)
    const before = await factsOf(share.share)
    for (let count = 0; count < 20; count++) await call(share)
    const { counters } = await factsOf(share.share)
    expect(counters.total_changes - before.counters.total_changes).toBeLessThanOrEqual(1)
    expect([asked.mock.calls.length, await left(share.share)]).toEqual([0, 30])
    await write(share.share)
    expect([asked.mock.calls.length, await left(share.share)]).toEqual([1, 60])
    pass(MINUTE_MS / 2)
    await call(share)
    await write(share.share)
    expect(asked).toHaveBeenCalledOnce()
    pass(MINUTE_MS)
    await call(share)
    await write(share.share)
    expect([asked.mock.calls.length, await left(share.share)]).toEqual([2, 60])
  })

  test('outlives its first end, and sleep, for as long as the share is used', async () => {
    const share = await used({ sliding: true })
    for (let round = 0; round < 4; round++) {
      pass(40 * MINUTE_MS)
      await call(share)
      await write(share.share)
      await evictDurableObject(stubOf(share.share))
      expect(await left(share.share)).toBe(60)
    }
  })

  test('comes when the share is used no more, and an agent that connects does not use it', async () => {
    const { share, client } = await used({ sliding: true })
    pass(40 * MINUTE_MS)
    await ScriptedAgent.connect(share, { instance: 'two' })
    await write(share)
    expect([asked.mock.calls.length, await left(share)]).toEqual([0, 20])
    pass(HOUR_MS)
    expect((await client.post(CALL)).status).toBe(410)
    await registryStub().slideShare(share.id, Date.now())
    expect([(await client.post(CALL)).status, await left(share)]).toEqual([410, -40])
  })

  test('is moved by whichever lane is used, and no other sends its clients away', async () => {
    const share = await createShare({ sliding: true, expires_in: HOUR_S, lanes: 2 })
    const agents = await Promise.all([0, 1].map((lane) => ScriptedAgent.connect(share, {}, lane)))
    const client = new TestClient(share)
    const response = client.initialize()
    const lane = await Promise.race(agents.map((agent, index) => agent.hasFrame().then(() => index)))
    const agent = agents[lane]
    if (agent === undefined) throw new Error('there is no such lane')
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '0', '{"protocolVersion":"2025-11-25","capabilities":{}}')
    await response
    for (let round = 0; round < 3; round++) {
      pass(40 * MINUTE_MS)
      const called = client.post(CALL)
      for (let frame = await agent.next(); ; frame = await agent.next()) {
        if (frame.header.type !== 'call') continue
        agent.answer(frame.header, '7', '{}')
        break
      }
      expect((await called).status).toBe(200)
      await write(share, lane)
    }
    // Its own alarm is of the first end.
    await write(share, 1 - lane)
    const other = await stubOf(share, 1 - lane).admin({ op: 'describe' })
    expect([other?.agents.length, await left(share)]).toEqual([1, 60])
  })

  test('stays where it is when the registry cannot be asked, and is moved a step later', async () => {
    const share = await used({ sliding: true })
    asked.mockRejectedValueOnce(new Error('out of order'))
    pass(30 * MINUTE_MS)
    await call(share)
    await write(share.share)
    expect(await left(share.share)).toBe(30)
    pass(MINUTE_MS)
    await call(share)
    await write(share.share)
    expect([asked.mock.calls.length, await left(share.share)]).toEqual([2, 60])
  })

  test('is not moved beyond the time until which any of its credentials can hold', async () => {
    const share = await used({ sliding: true })
    await runInDurableObject(registryStub(), (_, { storage }) => {
      storage.sql.exec('UPDATE links SET ceiling_ms = ? WHERE share = ?', Date.now() + 70 * MINUTE_MS, share.share.id)
    })
    pass(30 * MINUTE_MS)
    await call(share)
    await write(share.share)
    expect(await left(share.share)).toBe(40)
  })

  test('slides in an object whose rows were made before ends did', async () => {
    const share = await used({ sliding: true })
    await runInDurableObject(stubOf(share.share), (_, { storage }) => {
      storage.sql.exec('ALTER TABLE share_trust DROP COLUMN sliding_ms')
    })
    await evictDurableObject(stubOf(share.share))
    pass(30 * MINUTE_MS)
    // What the object has heard before says nothing of it; what its owner orders now does.
    await order('PATCH', `/api/shares/${share.share.id}`, { sliding: true })
    await call(share)
    await write(share.share)
    expect(await left(share.share)).toBe(60)
  })
})

describe('its owner', () => {
  test('sees whether it slides, says so when making a share or later, and takes it back', async () => {
    const { told: made } = await order('POST', '/api/shares', { sliding: true })
    const path = `/api/shares/${String(made['share'])}`
    expect([made['sliding'], (await order('GET', path)).told['sliding']]).toEqual([true, true])
    expect((await order('PATCH', path, { name: 'x' })).told['sliding']).toBe(true)
    expect((await order('PATCH', path, { sliding: false })).told['sliding']).toBe(false)
    expect((await order('POST', '/api/shares', {})).told['sliding']).toBe(false)
    for (const sliding of [1, 'yes', null])
      expect((await order('PATCH', path, { sliding })).told).toMatchObject({
        code: 'BODY_INVALID',
        detail: expect.stringMatching(/^sliding must be true or false\./) as string,
      })
  })

  test('lengthens and shortens it, and it goes on with that life', async () => {
    const share = await used({ sliding: true })
    const path = `/api/shares/${share.share.id}`
    for (const hours of [5, 2]) {
      await order('PATCH', path, { expires_in: hours * HOUR_S })
      expect(await left(share.share)).toBe(60 * hours)
      pass(30 * MINUTE_MS)
      await call(share)
      await write(share.share)
      expect(await left(share.share)).toBe(60 * hours)
    }
  })

  test('lets an end slide that did not, by the life that was said last, and stops it where it is', async () => {
    const share = await used({ expires_in: 2 * HOUR_S })
    const path = `/api/shares/${share.share.id}`
    pass(HOUR_MS)
    await call(share)
    await write(share.share)
    expect([asked.mock.calls.length, await left(share.share)]).toEqual([0, 60])
    await order('PATCH', path, { sliding: true })
    expect(await left(share.share)).toBe(60)
    await call(share)
    await write(share.share)
    expect(await left(share.share)).toBe(120)
    await order('PATCH', path, { sliding: false })
    pass(HOUR_MS)
    await call(share)
    await write(share.share)
    expect([asked.mock.calls.length, await left(share.share)]).toEqual([1, 60])
  })
})
