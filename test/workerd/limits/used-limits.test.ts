/** What is used of limits outlives sleep, agents, crashes and deploys, is counted once on many lanes, and costs next to nothing. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, test, vi } from 'vitest'
import { Share } from '../../../worker/share/share.ts'
import { verifies } from '../../requirements/verifies.ts'
import { connectAll, LANES } from '../harness/all-lanes.ts'
import { factsOf, resetShare, stubOf, type TestShare } from '../harness/relay.ts'
import { ScriptedAgent } from '../harness/scripted-agent.ts'
import { LIMITED_CALLS, serveCalls, limitedCall, limitedClient, letThrough, limitedShare } from '../harness/scenes/limited-share.ts'

describe('what is used', () => {
  test('outlives sleep, at any moment', async () => {
    verifies('promise.12.outlives')
    const share = await limitedShare({ calls: `${LIMITED_CALLS}/hour` })
    serveCalls(await ScriptedAgent.connect(share))
    const client = await limitedClient(share)
    expect(await letThrough([client], 4)).toBe(4)
    await evictDurableObject(stubOf(share))
    expect(await letThrough([client], 3)).toBe(3)
    await evictDurableObject(stubOf(share))
    expect(await letThrough([client])).toBe(3)
    await evictDurableObject(stubOf(share))
    expect(await letThrough([client], 5)).toBe(0)
  })

  test('outlives the agent, which comes back or is another', async () => {
    const share = await limitedShare({ calls: `${LIMITED_CALLS}/hour` })
    const agent = await ScriptedAgent.connect(share)
    serveCalls(agent)
    const client = await limitedClient(share)
    expect(await letThrough([client], 4)).toBe(4)
    await agent.leave()
    serveCalls(await ScriptedAgent.connect(share, { instance: 'two' }))
    expect(await letThrough([client])).toBe(LIMITED_CALLS - 4)
  })

  test('outlives a crash and a deploy', async () => {
    const share = await limitedShare({ calls: `${LIMITED_CALLS}/hour` })
    const agent = await ScriptedAgent.connect(share)
    serveCalls(agent)
    const client = await limitedClient(share)
    expect(await letThrough([client])).toBe(LIMITED_CALLS)
    await resetShare(share)
    await agent.closed
    serveCalls(await ScriptedAgent.connect(share))
    expect(await letThrough([client])).toBe(0)
  })

  test('outlives a crash a moment after the last call', async () => {
    const share = await limitedShare({ calls: `${LIMITED_CALLS}/hour` })
    const agent = await ScriptedAgent.connect(share)
    serveCalls(agent)
    const client = await limitedClient(share)
    expect(await letThrough([client], 4)).toBe(4)
    await expect.poll(() => notedRow(share)).toContain('calls')
    await resetShare(share)
    await agent.closed
    serveCalls(await ScriptedAgent.connect(share))
    expect(await letThrough([client])).toBe(LIMITED_CALLS - 4)
  })

  test('is used once by a call that is under way in a crash, and is made again', async () => {
    const share = await limitedShare({ calls: `${LIMITED_CALLS}/hour`, concurrent: 100 })
    const agent = await ScriptedAgent.connect(share)
    const kept = serveCalls(agent)
    const client = await limitedClient(share)
    const running = Array.from({ length: 4 }, (_, id) => client.post(limitedCall(id + 1, 'kept')))
    await expect.poll(() => kept.length).toBe(4)
    await expect.poll(() => notedRow(share)).toContain('calls')
    await resetShare(share)
    await agent.closed
    const again = await ScriptedAgent.connect(share, { instance: 'one', channels: [{ ch: kept[0]?.ch ?? '', n: 1 }] })
    const resent = serveCalls(again)
    await expect.poll(() => resent.length).toBe(4)
    for (const call of resent) again.answer(call, String(resent.indexOf(call) + 1), '{}')
    await Promise.all(running.map(async (response) => expect((await response).status).toBe(200)))
    expect(await letThrough([client])).toBe(LIMITED_CALLS - 4)
  })

  test('is counted once on 8 lanes', async () => {
    verifies('promise.12.lanes')
    const share = await limitedShare({ calls: `${LIMITED_CALLS}/hour` }, { lanes: LANES })
    for (const agent of await connectAll(share)) serveCalls(agent)
    const clients = await Promise.all(Array.from({ length: 12 }, () => limitedClient(share)))
    expect(await letThrough(clients)).toBe(LIMITED_CALLS)
    for (let lane = 0; lane < LANES; lane++) await evictDurableObject(stubOf(share, lane))
    expect(await letThrough(clients)).toBe(0)
  })

  test('costs a call one request to another lane at most, one more if more than calls is counted, and none where nothing is limited', async () => {
    const meter = vi.spyOn(Share.prototype, 'meter')
    const mostAsked = async (limits: object, lanes: number): Promise<number> => {
      const share = await limitedShare(limits, { lanes })
      const agents = lanes === 1 ? [await ScriptedAgent.connect(share)] : await connectAll(share)
      for (const agent of agents) serveCalls(agent)
      // The limit is kept by one lane, so that a session on another one asks.
      const clients = await Promise.all(Array.from({ length: 8 }, () => limitedClient(share)))
      let most = 0
      for (const client of clients) {
        meter.mockClear()
        expect((await client.post(limitedCall(1))).status).toBe(200)
        most = Math.max(most, meter.mock.calls.length)
      }
      return most
    }
    expect(await mostAsked({}, LANES)).toBe(0)
    expect(await mostAsked({ calls: '1000/hour' }, 1)).toBe(0)
    expect(await mostAsked({ calls: '1000/hour' }, LANES)).toBe(1)
    expect(await mostAsked({ concurrent: 9 }, LANES)).toBe(2)
    vi.restoreAllMocks()
  })

  test('writes no row for a call, and none at all where nothing is limited', async () => {
    verifies('promise.12.no-rows')
    const rowsOf = async (limits: object, count: number): Promise<number> => {
      const share = await limitedShare(limits)
      serveCalls(await ScriptedAgent.connect(share))
      const client = await limitedClient(share)
      expect((await client.post(limitedCall(1))).status).toBe(200)
      await expect.poll(() => notedRow(share)).toContain(limits === UNLIMITED ? '' : 'calls')
      const before = (await factsOf(share)).counters.total_changes
      for (let id = 2; id < count + 2; id++) expect((await client.post(limitedCall(id))).status).toBe(200)
      return (await factsOf(share)).counters.total_changes - before
    }
    expect(await rowsOf(UNLIMITED, 40)).toBe(0)
    // One each 2 s at most.
    expect(await rowsOf({ calls: '1000/hour' }, 40)).toBeLessThanOrEqual(1)
  })
})

const UNLIMITED = {}

/** What the object has noted in its row. */
function notedRow(share: TestShare): Promise<string> {
  return runInDurableObject(stubOf(share), (_, { storage }) => {
    const made = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'used_limits'").toArray()
    return made.length === 0 ? '' : String(storage.sql.exec('SELECT used FROM used_limits').toArray()[0]?.['used'])
  })
}
