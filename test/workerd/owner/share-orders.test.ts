/** What an owner orders for a share, in the real runtime: changing it, pausing it, its end and after that, rotating its tokens. */
import { runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { createMade, order, registryStub, ringRegistry, untoldOf, watchOrders } from '../harness/orders.ts'
import { askAsOwner, createShare, fetchRelay, type TestShare } from '../harness/relay.ts'

const DAY_MS = 24 * 60 * 60_000

afterEach(() => {
  vi.restoreAllMocks()
})

function secondsFrom(time: unknown): number {
  return Math.round((Date.parse(String(time)) - Date.now()) / 1000)
}

/** Lets a share have ended so long ago. */
async function endBefore(share: TestShare, agoMs: number): Promise<void> {
  await runInDurableObject(registryStub(), (_, { storage }) => {
    storage.sql.exec('UPDATE shares SET expires_at_ms = ? WHERE id = ?', Date.now() - agoMs, share.id)
  })
}

async function tokensOf(share: TestShare): Promise<Record<string, unknown>[]> {
  return (await order('GET', `/api/shares/${share.id}/tokens`)).told['tokens'] as Record<string, unknown>[]
}

describe('PATCH /api/shares/<id>', () => {
  test('changes name, end and pause, each alone and together', async () => {
    const share = await createShare({ name: 'a', expires_in: 60 })
    const path = `/api/shares/${share.id}`
    expect(await order('PATCH', path, { name: 'b' })).toMatchObject({ status: 200, told: { share: share.id, name: 'b', paused: false } })
    const paused = await order('PATCH', path, { paused: true })
    expect(paused.told).toMatchObject({ name: 'b', paused: true })
    expect(secondsFrom(paused.told['expires_at'])).toBeLessThanOrEqual(60)
    const all = await order('PATCH', path, { name: 'c', paused: false, expires_in: 3600 })
    expect(all.told).toMatchObject({ name: 'c', paused: false })
    expect(secondsFrom(all.told['expires_at'])).toBe(3600)
    expect((await order('PATCH', path, {})).told).toEqual(all.told)
    expect((await order('GET', path)).told).toMatchObject(all.told)
  })

  test.each([
    { name: '' },
    { expires_in: 0 },
    { expires_in: 366 * 86_400 + 1 },
    { paused: 1 },
    { paused: null },
    { owner: 'x' },
    { lanes: 2 },
  ])('refuses %j, and changes nothing', async (body) => {
    const share = await createShare()
    const before = (await order('GET', `/api/shares/${share.id}`)).told
    expect(await order('PATCH', `/api/shares/${share.id}`, body)).toMatchObject({ status: 400, told: { code: 'BODY_INVALID' } })
    expect((await order('GET', `/api/shares/${share.id}`)).told).toEqual(before)
  })

  test('sets a policy, which bounds nothing where it does not say, and stays when something else is changed', async () => {
    const share = await createMade(1)
    const path = `/api/shares/${share.id}`
    const policy = { tools: { deny: ['rm'] } }
    expect((await order('GET', path)).told).toMatchObject({ policy: { access: 'admin' } })
    const told = watchOrders()
    expect((await order('PATCH', path, { policy })).told).toMatchObject({ policy })
    expect(told).toMatchObject([{ command: { op: 'share_changed', trust: { policy: JSON.stringify(policy) } } }])
    expect((await order('PATCH', path, { paused: true })).told).toMatchObject({ policy, paused: true })
    expect(JSON.parse((await registryStub().shareTrust(share.id))?.policy ?? '')).toEqual(policy)
  })

  test('tells every lane what holds now, but for a name, and tells those again that have not heard', async () => {
    verifies('promise.9.change-told')
    const share = await createMade(2)
    let isBroken = true
    const told = watchOrders((lane) => isBroken && lane.endsWith('.1'))
    expect((await order('PATCH', `/api/shares/${share.id}`, { name: 'x' })).status).toBe(200)
    expect(told).toEqual([])
    expect((await order('PATCH', `/api/shares/${share.id}`, { paused: true })).told).toMatchObject({ code: 'LANES_UNREACHED' })
    expect(told).toMatchObject([{ lane: share.id, command: { op: 'share_changed', trust: { isPaused: true } } }])
    await order('PATCH', `/api/shares/${share.id}`, { paused: false })
    told.length = 0
    isBroken = false
    await ringRegistry()
    expect(told).toMatchObject([{ lane: `${share.id}.1`, command: { op: 'share_changed', trust: { isPaused: false } } }])
    expect(await untoldOf(share)).toEqual([])
  })
})

describe('a share that has ended', () => {
  test('is still its owner’s to see, to lengthen and to delete, and nothing is made for it', async () => {
    const share = await createShare()
    await endBefore(share, DAY_MS)
    const path = `/api/shares/${share.id}`
    expect((await order('GET', path)).status).toBe(200)
    expect((await order('GET', `${path}/tokens`)).status).toBe(200)
    for (const sub of ['tokens', 'rotate'])
      expect(await order('POST', `${path}/${sub}`, sub === 'tokens' ? { kind: 'key' } : {})).toMatchObject({
        status: 410,
        told: { code: 'SHARE_EXPIRED' },
      })
    expect(secondsFrom((await order('PATCH', path, { expires_in: 600 })).told['expires_at'])).toBe(600)
    expect((await order('POST', `${path}/tokens`, { kind: 'key' })).status).toBe(201)
    await endBefore(share, DAY_MS)
    expect((await order('DELETE', path)).status).toBe(204)
  })

  test('is unknown after 30 days, to everybody and in every call', async () => {
    const share = await createShare()
    await endBefore(share, 30 * DAY_MS)
    const path = `/api/shares/${share.id}`
    const calls = [
      ['GET', path],
      ['PATCH', path],
      ['DELETE', path],
      ['POST', `${path}/rotate`],
      ['GET', `${path}/tokens`],
      ['POST', `${path}/tokens`],
    ] as const
    for (const [method, at] of calls)
      expect(await order(method, at), `${method} ${at}`).toMatchObject({ status: 404, told: { code: 'SHARE_NOT_FOUND' } })
    const list = (await order('GET', '/api/shares')).told['shares'] as { share: string }[]
    expect(list.map((one) => one.share)).not.toContain(share.id)
    expect(await registryStub().adopt(share.id)).toBeUndefined()
  })
})

describe('POST /api/shares/<id>/rotate', () => {
  test('answers as making a share does, with other credentials, and keeps the tokens of agents', async () => {
    const { status: _, told: made } = await order('POST', '/api/shares', { name: 'n' })
    const share = { id: String(made['share']) } as TestShare
    await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'key', name: 'Ann' })
    const before = await tokensOf(share)
    const { status, told } = await order('POST', `/api/shares/${share.id}/rotate`)
    expect(status).toBe(201)
    expect(Object.keys(told)).toEqual(Object.keys(made))
    for (const name of ['share_url', 'client_token', 'agent_token']) expect(told[name], name).not.toBe(made[name])
    const kept = before.filter(({ kind }) => kind === 'agent')
    const after = await tokensOf(share)
    expect(after).toHaveLength(4)
    for (const token of kept) expect(after).toContainEqual(token)
    expect(after.filter(({ id }) => before.some((one) => one['id'] === id))).toEqual(kept)
  })

  test('revokes the tokens of agents too when it is asked to', async () => {
    const share = await createShare()
    const before = await tokensOf(share)
    expect((await order('POST', `/api/shares/${share.id}/rotate`, { agents: true })).status).toBe(201)
    const after = await tokensOf(share)
    expect(after.map(({ kind, name }) => `${String(kind)} ${String(name)}`).toSorted()).toEqual([
      'agent owner',
      'client owner',
      'key owner',
    ])
    expect(after.filter(({ id }) => before.some((one) => one['id'] === id))).toEqual([])
    for (const { id } of before) expect(await registryStub().linkTrust(share.id, String(id))).toBeUndefined()
  })

  test('told late to a lane, names a state that links made since are not below', async () => {
    verifies('promise.9.change-told')
    const share = await createMade(1)
    let isBroken = true
    const told = watchOrders(() => isBroken)
    const rotated = await order('POST', `/api/shares/${share.id}/rotate`)
    expect(rotated).toMatchObject({ status: 201, told: { unreached_lanes: [0], client_token: expect.any(String) as string } })
    const later = (await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'client' })).told
    await order('PATCH', `/api/shares/${share.id}`, { paused: true })
    isBroken = false
    await ringRegistry()
    const versions = await Promise.all(
      (await tokensOf(share)).map(async ({ id }) => (await registryStub().linkTrust(share.id, String(id)))?.version),
    )
    const rotation = told.map(({ command }) => command).find(({ op }) => op === 'rotated')
    expect(rotation).toMatchObject({ op: 'rotated', keepsAgents: true })
    const at = rotation?.op === 'rotated' ? rotation.trust.version : Infinity
    // The agent's first token is older, and kept.
    expect(versions.filter((version) => version === undefined || version < at)).toHaveLength(1)
    expect((await registryStub().linkTrust(share.id, String(later['id'])))?.version).toBeGreaterThan(at)
    expect(await untoldOf(share)).toEqual([])
  })

  test.each([{ agents: 'yes' }, { agent: true }])('refuses %j', async (body) => {
    const share = await createShare()
    const before = await tokensOf(share)
    expect(await order('POST', `/api/shares/${share.id}/rotate`, body)).toMatchObject({ status: 400, told: { code: 'BODY_INVALID' } })
    expect(await tokensOf(share)).toEqual(before)
  })

  test('is for the owner alone', async () => {
    const share = await createShare()
    for (const token of [share.clientToken, share.agentToken]) {
      const headers = { authorization: `Bearer ${token}` }
      expect((await fetchRelay(`/api/shares/${share.id}/rotate`, { method: 'POST', headers })).status).toBe(401)
    }
    expect((await askAsOwner('GET', `/api/shares/${share.id}/rotate`)).headers.get('allow')).toBe('POST')
  })
})
