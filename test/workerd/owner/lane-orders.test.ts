/** A share that several objects carry, as its owner sees it, and how its objects come to be and end. */
import { evictDurableObject, listDurableObjectIds, runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CLOSE } from '../../../protocol/handshake.ts'
import { Registry } from '../../../worker/registry/registry.ts'
import { Share } from '../../../worker/share/share.ts'
import { askAsOwner, createShare, revokeShare, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { BARE_SERVER, ScriptedAgent } from '../harness/scripted-agent.ts'
import { LANES, connectAll, seat } from '../harness/all-lanes.ts'
import type { AdminCommand } from '../../../worker/contract/share-admin.ts'

async function describeShare(share: TestShare): Promise<Record<string, unknown>> {
  const response = await askAsOwner('GET', `/api/shares/${share.id}`)
  expect(response.status).toBe(200)
  return response.json()
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('the owner of a share with lanes', () => {
  test('sees its agents once, and its sessions and counters of all lanes', async () => {
    const share = await createShare({ lanes: LANES })
    const agents = await connectAll(share)
    for (let round = 0; round < 5; round++) await seat(share, agents)
    const facts = await describeShare(share)
    const lanes = Array.from({ length: LANES }, (_, lane) => lane)
    expect(facts).toMatchObject({ lanes: LANES, sessions: 5, agents: [{ name: 'scripted', lanes }] })
    expect(facts).not.toHaveProperty('unreached_lanes')
    const byLane = (facts['counters'] as { by_lane: { sessions: number }[] }).by_lane
    expect(byLane.map(({ sessions }) => sessions).reduce((sum, count) => sum + count)).toBe(5)
  })

  test('ends it on every lane', async () => {
    const share = await createShare({ lanes: LANES })
    const agents = await connectAll(share)
    expect((await revokeShare(share)).status).toBe(204)
    for (const agent of agents) expect(await agent.closed).toMatchObject({ code: CLOSE.SHARE_GONE })
    for (let lane = 0; lane < LANES; lane++) {
      await expect(ScriptedAgent.dial(share, {}, lane)).rejects.toThrow('404')
      expect(await stubOf(share, lane).admin({ op: 'describe' })).toBeUndefined()
    }
    expect((await new TestClient(share).initialize()).status).toBe(404)
  })

  test('hears which lanes have not ended, and can say it again until all have', async () => {
    const share = await createShare({ lanes: LANES })
    const agents = await connectAll(share)
    const admin = Object.getOwnPropertyDescriptor(Share.prototype, 'admin')?.value as (order: AdminCommand) => Promise<undefined>
    const broken = vi.spyOn(Share.prototype, 'admin').mockImplementation(function (
      this: Share & { ctx: DurableObjectState },
      order: AdminCommand,
    ) {
      if (this.ctx.id.name?.endsWith('.3') === true) throw new Error('out of order')
      return Reflect.apply(admin, this, [order])
    })
    const refused = await revokeShare(share)
    expect([refused.status, await refused.json()]).toMatchObject([
      503,
      { code: 'LANES_UNREACHED', detail: expect.stringContaining('3 of 8') as string },
    ])
    expect(await describeShare(share)).toMatchObject({ ending: true, unreached_lanes: [3] })
    broken.mockRestore()
    expect((await agents[0]?.closed)?.code).toBe(CLOSE.SHARE_GONE)
    expect((await revokeShare(share)).status).toBe(204)
    expect((await agents[3]?.closed)?.code).toBe(CLOSE.SHARE_GONE)
    expect((await revokeShare(share)).status).toBe(404)
  })

  test('need not be there when it expires: every lane ends by itself', async () => {
    const share = await createShare({ lanes: LANES, expires_in: 60 })
    const agents = await connectAll(share)
    const laterMs = Date.now() + 61_000
    vi.spyOn(Date, 'now').mockReturnValue(laterMs)
    for (let lane = 0; lane < LANES; lane++) expect(await runDurableObjectAlarm(stubOf(share, lane))).toBe(true)
    for (const agent of agents) expect(await agent.closed).toMatchObject({ code: CLOSE.SHARE_GONE })
  })

  test.each([0, 3, 65, 128, 1.5, '8', null])('cannot have %j lanes', async (lanes) => {
    const made = await askAsOwner('POST', '/api/shares', { lanes })
    expect([made.status, await made.json()]).toMatchObject([
      400,
      { code: 'BODY_INVALID', detail: expect.stringContaining('1, 2, 4, 8, 16, 32, 64') as string },
    ])
  })

  test('can ask for a jurisdiction where the platform has such, and is told where it has not', async () => {
    const made = await askAsOwner('POST', '/api/shares', { jurisdiction: 'eu' })
    expect([made.status, await made.json()]).toMatchObject([409, { code: 'JURISDICTION_UNAVAILABLE' }])
  })
})

describe('the objects of a share', () => {
  const idsOf = async (): Promise<string[]> => (await listDurableObjectIds(env.SHARE)).map(String)

  test('come to be when they are first asked for, and not because their owner looks', async () => {
    const before = await idsOf()
    const share = await createShare({ lanes: LANES })
    await describeShare(share)
    expect(await idsOf()).toEqual(before)
    expect((await revokeShare(share)).status).toBe(204)
    expect(await idsOf()).toEqual(before)
    await expect(ScriptedAgent.dial(share)).rejects.toThrow('404')
  })

  test('are one of the share’s own name for a share of one lane', async () => {
    const before = new Set(await idsOf())
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = new TestClient(share)
    const response = client.initialize()
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '0', BARE_SERVER)
    await response
    await describeShare(share)
    expect((await idsOf()).filter((id) => !before.has(id))).toEqual([env.SHARE.idFromName(share.id).toString()])
  })

  test('come to be at once where a location was asked for', async () => {
    const before = new Set(await idsOf())
    const share = await createShare({ lanes: 2, location: 'weur' })
    const made = (await idsOf()).filter((id) => !before.has(id))
    expect(new Set(made)).toEqual(new Set([share.id, `${share.id}.1`].map((name) => env.SHARE.idFromName(name).toString())))
    expect(await describeShare(share)).toMatchObject({ location: 'weur', lanes: 2 })
  })

  test('learn what they must know once: awake again, they neither ask nor write', async () => {
    const share = await createShare({ name: 'files' })
    const stub = stubOf(share)
    expect(await stub.admin({ op: 'describe' })).toMatchObject({ id: share.id, name: 'files' })
    await evictDurableObject(stub)
    const asked = vi.spyOn(Registry.prototype, 'adopt')
    expect(await stub.admin({ op: 'describe' })).toMatchObject({ name: 'files', counters: { total_changes: 0 } })
    expect(asked).not.toHaveBeenCalled()
  })
})
