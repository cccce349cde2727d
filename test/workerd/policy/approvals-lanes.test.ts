/** How many calls may be held, and that an approval is one on eight lanes. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { keeperOf, laneOf } from '../../../worker/lanes.ts'
import { Share } from '../../../worker/share/share.ts'
import { MAX_WAITS_OF_APPROVAL } from '../../../worker/trust-limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { connectAll, LANES } from '../harness/all-lanes.ts'
import { runClockFaster } from '../harness/fast-clock.ts'
import { callText, heldCode, heldWaits, Owner, ToolServer } from '../harness/scenes/held-calls.ts'
import { order } from '../harness/orders.ts'
import { heldScene, newSession, tokenOf, answerOf } from '../harness/scenes/held-scene.ts'
import { createShare, linkIdOf, stubOf, type TestClient, type TestShare } from '../harness/relay.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('of one link', () => {
  test('20 calls wait at most, with those of what was narrowed from it; others are not hindered', async () => {
    verifies('promise.10.held')
    const { share, server, owner, client } = await heldScene()
    const responses = Array.from({ length: 20 }, (_, id) => client.post(callText(id + 1, { id })))
    await owner.waiting(20)
    const refused = await client.post(callText(21, { id: 21 }))
    expect(refused.status).toBe(429)
    expect(await refused.json()).toMatchObject({ error: { data: { code: 'APPROVALS_FULL', executed: 'no', detail: '20 of this link' } } })
    const other = await newSession(share, await tokenOf(share))
    const more = other.post(callText(1, { id: 22 }))
    const all = await owner.waiting(21)
    await Promise.all(all.map(({ id }) => owner.decide('deny', id)))
    for (const response of [...responses, more]) expect(heldCode(await answerOf(response))).toBe('APPROVAL_DENIED')
    expect(server.waiting).toBe(0)
  })
})

describe('of one approval', () => {
  test('50 equal calls wait at most; one more is refused at once, and nothing asks again', async () => {
    verifies('promise.10.held')
    const { share, server, owner, client } = await heldScene()
    const responses = Array.from({ length: MAX_WAITS_OF_APPROVAL }, (_, id) => client.post(callText(id + 1)))
    await heldWaits(share, MAX_WAITS_OF_APPROVAL)
    const asked = vi.spyOn(Share.prototype, 'call')
    const refused = await Promise.all(Array.from({ length: 5 }, (_, id) => client.post(callText(id + 101))))
    for (const response of refused) {
      expect(response.status).toBe(429)
      expect(await response.json()).toMatchObject({ error: { data: { code: 'APPROVALS_FULL', executed: 'no', detail: '50 equal ones' } } })
    }
    expect(asked).toHaveBeenCalledTimes(5)
    await owner.decide('deny')
    for (const response of responses) expect(heldCode(await answerOf(response))).toBe('APPROVAL_DENIED')
    expect(server.waiting).toBe(0)
  })

  test('calls that come together wait within the same bound', async () => {
    verifies('promise.10.held')
    const { share, owner, client } = await heldScene()
    const responses = Array.from({ length: 2 * MAX_WAITS_OF_APPROVAL }, (_, id) => client.post(callText(id + 1)))
    await heldWaits(share, MAX_WAITS_OF_APPROVAL)
    await owner.decide('deny')
    const codes = await Promise.all(responses.map(async (response) => heldCode(await answerOf(response)) ?? (await response).status))
    expect(codes.filter((code) => code === 'APPROVAL_DENIED').length).toBeGreaterThanOrEqual(MAX_WAITS_OF_APPROVAL)
  })
})

describe('on eight lanes', () => {
  async function laned() {
    const share = await createShare({ lanes: LANES })
    const servers = (await connectAll(share)).map((agent) => new ToolServer(agent))
    const owner = new Owner(share)
    await owner.holds()
    const next = async (): Promise<ToolServer> => {
      for (;;) {
        const server = servers.find(({ waiting }) => waiting > 0)
        if (server !== undefined) return server
        await Promise.race(servers.map((one) => one.came))
      }
    }
    return { share, servers, owner, next, ran: () => servers.reduce((sum, { waiting }) => sum + waiting, 0) }
  }

  /** Sessions on as many lanes. */
  async function seats(share: TestShare, count: number): Promise<TestClient[]> {
    const byLane = new Map<number, TestClient>()
    while (byLane.size < count) {
      const client = await newSession(share)
      byLane.set(laneOf(share.id, client.session ?? '').index, client)
    }
    return [...byLane.values()]
  }

  test('a call is held by whatever lane, and an allowance lets one through by whatever lane', async () => {
    verifies('promise.11.held-lanes')
    const { share, owner, next, ran } = await laned()
    runClockFaster(40)
    const clients = await seats(share, 3)
    const calls = clients.map((client, id) => client.post(callText(id)))
    const { id } = await owner.sole()
    for (let lane = 0; lane < LANES; lane++)
      expect((await stubOf(share, lane).admin({ op: 'approvals' }))?.approvals?.pending).toHaveLength(
        lane === keeperOf(share.id).index ? 1 : 0,
      )
    await owner.decide('allow', id)
    await (await next()).answerNext()
    expect((await owner.sole()).id).not.toBe(id)
    await owner.decide('deny')
    const codes = await Promise.all(calls.map(async (response) => heldCode(await answerOf(response))))
    expect(codes.filter((code) => code === undefined)).toHaveLength(1)
    expect(codes.filter((code) => code === 'APPROVAL_DENIED')).toHaveLength(2)
    expect(ran()).toBe(0)
  })

  test('what is always allowed is so on all, and on none once it is taken back', async () => {
    verifies('promise.11.held-lanes', 'promise.11.held-always')
    const { share, owner, next, ran } = await laned()
    const clients = await seats(share, 3)
    const first = clients[0]?.post(callText(1))
    const { id } = await owner.decide('always')
    await (await next()).answerNext()
    await first
    for (const client of clients) {
      const response = client.post(callText(2))
      await (await next()).answerNext()
      expect(heldCode(await answerOf(response))).toBeUndefined()
    }
    expect(await owner.forget(id)).toBe(204)
    const held = clients.map((client) => client.post(callText(3)))
    await owner.decide('deny')
    for (const response of held) expect(heldCode(await answerOf(response))).toBe('APPROVAL_DENIED')
    expect(ran()).toBe(0)
  })

  test('a call that is held ends at once when its link is revoked, and nothing of it is left', async () => {
    verifies('promise.11.held-ends')
    const { share, owner, ran } = await laned()
    const clients = await seats(share, 2)
    const calls = clients.map((client, id) => client.post(callText(id, { id })))
    await owner.waiting(2)
    expect((await order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`)).status).toBe(204)
    for (const response of calls) expect(await answerOf(response)).toMatchObject({ error: { data: { code: 'UNAUTHORIZED' } } })
    expect((await owner.list()).approvals).toEqual([])
    expect(ran()).toBe(0)
  })

  test('a call is refused where what is allowed cannot be told', async () => {
    verifies('promise.11.held-lanes')
    const { share, owner, ran } = await laned()
    const keeper = keeperOf(share.id).index
    const clients = (await seats(share, 3)).filter(({ session: id = '' }) => laneOf(share.id, id).index !== keeper)
    const hold = vi.spyOn(Share.prototype, 'hold').mockRejectedValue(new Error('out of order'))
    for (const client of clients) {
      const { error } = await answerOf(client.post(callText(7)))
      expect(error?.data).toMatchObject({ code: 'SHARE_BUSY', executed: 'no' })
    }
    hold.mockRestore()
    expect((await owner.list()).approvals).toEqual([])
    expect(ran()).toBe(0)
  })
})
