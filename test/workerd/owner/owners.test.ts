/** Several owners on one relay, in the real runtime: who may order what, and what becomes of the shares of one who is removed. */
import { runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { order, registryStub, watchOrders } from '../harness/orders.ts'
import { askAsOwner, stubOf, type TestShare } from '../harness/relay.ts'

interface TestOwner {
  readonly id: string
  readonly owner_token: string
  readonly expires_at: string
}

afterEach(() => {
  vi.restoreAllMocks()
})

async function makeOwner(members: object = {}): Promise<TestOwner> {
  const { status, told } = await order('POST', '/api/owners', { name: 'Ann', ...members })
  expect(status).toBe(201)
  return told as unknown as TestOwner
}

async function makeShare(owner: TestOwner): Promise<TestShare> {
  const { told } = await order('POST', '/api/shares', {}, owner.owner_token)
  return { id: String(told['share']) } as TestShare
}

async function idsOf(token?: string): Promise<string[]> {
  const list = (await order('GET', '/api/shares', undefined, token)).told['shares'] as { share: string }[]
  return list.map(({ share }) => share)
}

async function codeOf(asked: Promise<Response>): Promise<unknown> {
  const response = await asked
  const body: unknown = response.status === 204 ? {} : await response.json()
  return `${response.status} ${String((body as { code?: unknown }).code ?? '')}`
}

describe('an owner', () => {
  test('has a token that is shown once and kept as a hash, a name and an end', async () => {
    verifies('promise.9.shown-once', 'promise.9.hashed')
    const owner = await makeOwner({ expires_in: 60 })
    expect(owner).toMatchObject({ name: 'Ann', id: expect.stringMatching(/^[\da-f]{24}$/) as string })
    expect(owner.owner_token).toMatch(/^mcpe_owner_[\w-]{65}$/)
    expect(Math.round((Date.parse(owner.expires_at) - Date.now()) / 1000)).toBe(60)
    const { told } = await order('GET', '/api/owners')
    const { owner_token: token, ...facts } = owner
    expect(told['owners']).toContainEqual(facts)
    expect(JSON.stringify(told)).not.toContain(token)
    const kept = await runInDurableObject(registryStub(), (_, { storage }) =>
      JSON.stringify(storage.sql.exec('SELECT * FROM owners').toArray()),
    )
    expect(kept).not.toContain(token.slice('mcpe_owner_'.length))
  })

  test('sees and orders its own shares, and no others, the deployer included', async () => {
    verifies('promise.9.own-shares')
    const [ann, bob] = [await makeOwner(), await makeOwner({ name: 'Bob' })]
    const share = await makeShare(ann)
    expect(await idsOf(ann.owner_token)).toEqual([share.id])
    expect(await idsOf(bob.owner_token)).toEqual([])
    expect(await idsOf()).not.toContain(share.id)
    for (const foreign of [bob.owner_token, undefined]) {
      for (const [method, path] of [
        ['GET', ''],
        ['PATCH', ''],
        ['DELETE', ''],
        ['POST', '/rotate'],
        ['GET', '/tokens'],
        ['POST', '/tokens'],
      ] as const)
        expect(await codeOf(askAsOwner(method, `/api/shares/${share.id}${path}`, undefined, foreign)), `${method} ${path}`).toBe(
          '404 SHARE_NOT_FOUND',
        )
    }
    expect((await order('GET', `/api/shares/${share.id}`, undefined, ann.owner_token)).status).toBe(200)
  })

  test('does not make, list or remove owners', async () => {
    const owner = await makeOwner()
    for (const [method, path] of [
      ['POST', ''],
      ['GET', ''],
      ['DELETE', `/${owner.id}`],
    ] as const)
      expect(await codeOf(askAsOwner(method, `/api/owners${path}`, undefined, owner.owner_token))).toBe('403 INSUFFICIENT_PERMISSIONS')
  })

  test('is refused once its token has ended, and its shares go on', async () => {
    const owner = await makeOwner()
    const share = await makeShare(owner)
    await runInDurableObject(registryStub(), (_, { storage }) => {
      storage.sql.exec('UPDATE owners SET expires_at_ms = ? WHERE id = ?', Date.now(), owner.id)
    })
    const refused = await askAsOwner('GET', '/api/shares', undefined, owner.owner_token)
    expect([refused.status, await refused.json()]).toMatchObject([401, { detail: expect.stringContaining('has expired') as string }])
    expect(await registryStub().shareTrust(share.id)).toMatchObject({ isPaused: false })
  })

  test.each([{}, { name: '' }, { name: 'x', expires_in: 0 }, { name: 'x', expires_in: 1e9 }, { name: 'x', id: 'y' }])(
    'is not made of %j',
    async (body) => {
      expect(await codeOf(askAsOwner('POST', '/api/owners', body))).toBe('400 BODY_INVALID')
    },
  )
})

describe('an owner who is removed', () => {
  test('is refused by the next request; its shares are paused, told to be, and the deployer’s', async () => {
    verifies('promise.9.owner-asked')
    const owner = await makeOwner()
    const share = await makeShare(owner)
    await stubOf(share).admin({ op: 'describe' })
    const told = watchOrders()
    expect((await order('DELETE', `/api/owners/${owner.id}`)).status).toBe(204)
    expect(told).toMatchObject([{ lane: share.id, command: { op: 'share_changed', trust: { isPaused: true } } }])
    expect(await codeOf(askAsOwner('GET', '/api/shares', undefined, owner.owner_token))).toBe('401 OWNER_KEY_NEEDED')
    expect((await order('GET', `/api/shares/${share.id}`)).told).toMatchObject({ share: share.id, paused: true })
    expect(await idsOf()).toContain(share.id)
    expect((await order('PATCH', `/api/shares/${share.id}`, { paused: false })).told).toMatchObject({ paused: false })
    expect(await codeOf(askAsOwner('DELETE', `/api/owners/${owner.id}`))).toBe('404 OWNER_NOT_FOUND')
  })
})
