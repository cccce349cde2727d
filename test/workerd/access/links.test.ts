/** The tokens of a share in the owner's API, in the real runtime: what is shown, what lanes are told, and that no lane stays untold. */
import { runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CAVEAT_NONCE_BYTES } from '../../../protocol/narrowing/caveat.ts'
import { narrowCredential } from '../../../protocol/narrowing/narrow.ts'
import { DerivedLinks } from '../../../worker/registry/derived-links.ts'
import { Registry } from '../../../worker/registry/registry.ts'
import { Share } from '../../../worker/share/share.ts'
import { MAX_DERIVED_LINKS_OF_ONE } from '../../../worker/trust-limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { createMade, order, registryStub, ringRegistry, untoldOf, watchOrders } from '../harness/orders.ts'
import { createShare, fetchRelay, TestClient, type TestShare } from '../harness/relay.ts'
import type { AdminCommand } from '../../../worker/contract/share-admin.ts'

const LANES = 4

interface Token {
  readonly id: string
  readonly name: string
  readonly kind: string
  readonly principal: string
  readonly expires_at: string
  readonly token?: string
  readonly share_url?: string
  readonly web_url?: string
}

afterEach(() => {
  vi.restoreAllMocks()
})

async function make(share: TestShare, members: object): Promise<Token> {
  const { status, told } = await order('POST', `/api/shares/${share.id}/tokens`, members)
  expect(status).toBe(201)
  return told as unknown as Token
}

async function list(share: TestShare): Promise<Record<string, unknown>[]> {
  return (await order('GET', `/api/shares/${share.id}/tokens`)).told['tokens'] as Record<string, unknown>[]
}

describe('the tokens of a share', () => {
  test('are its own three at first, which are its owner’s and may do everything', async () => {
    const share = await createShare()
    const own = (await list(share)).toSorted((a, b) => String(a['kind']).localeCompare(String(b['kind'])))
    expect(own).toMatchObject(
      ['agent', 'client', 'key'].map((kind) => ({
        kind,
        name: 'owner',
        policy: kind === 'agent' ? null : { access: 'admin' },
        calls: 0,
        last_used_at: null,
      })),
    )
  })

  test.each(['client', 'agent', 'key'])('of kind %s are shown once, with the id that their principal has', async (kind) => {
    verifies('promise.9.shown-once')
    const share = await createShare()
    const made = await make(share, { kind, name: 'for Ann', expires_in: 60 })
    expect(made).toMatchObject({ kind, name: 'for Ann', principal: `${kind}:${made.id}` })
    expect(made.id).toMatch(/^[\da-f]{24}$/)
    const secret = made.token ?? made.share_url ?? ''
    expect(secret).toMatch(kind === 'key' ? /^https:\/\/relay\.example\/s\/[a-z2-7]{32}\/k\/[a-z2-7]{52}\/mcp$/ : /^ey/)
    const { token: _token, share_url: _url, web_url: _web, ...facts } = made
    expect(await list(share)).toContainEqual(facts)
    expect(JSON.stringify(await list(share))).not.toContain(secret.split('/k/').at(-1))
  })

  test.each([
    [undefined, { access: 'read' }],
    [{ access: 'admin' }, { access: 'admin' }],
    [
      { access: 'write', tools: { deny: ['rm_*'] } },
      { access: 'write', tools: { deny: ['rm_*'] } },
    ],
    [{ arguments: ['read(path^=/a)'] }, { access: 'read', arguments: ['read(path^=/a)'] }],
  ])('with the policy %j may do %j, which lanes are told', async (policy, effective) => {
    verifies('promise.9.read-by-default')
    const share = await createMade(1)
    const made = await make(share, { kind: 'key', ...(policy === undefined ? {} : { policy }) })
    expect(await list(share)).toContainEqual(expect.objectContaining({ id: made.id, policy: effective }))
    expect(JSON.parse((await registryStub().linkTrust(share.id, made.id))?.policy ?? '')).toEqual(effective)
    const told = watchOrders()
    const changed = await order('PATCH', `/api/shares/${share.id}/tokens/${made.id}`, { policy: { access: 'write' } })
    expect(changed.told).toMatchObject({ id: made.id, policy: { access: 'write' } })
    expect(told).toMatchObject([{ command: { op: 'link_changed', trust: { policy: '{"access":"write"}' } } }])
  })

  test('keep their policy when something else of them is changed', async () => {
    const share = await createShare()
    const made = await make(share, { kind: 'key', policy: { access: 'write' } })
    expect((await order('PATCH', `/api/shares/${share.id}/tokens/${made.id}`, { name: 'x' })).told).toMatchObject({
      policy: { access: 'write' },
    })
  })

  test('of agents have no policy', async () => {
    const share = await createShare()
    const made = await make(share, { kind: 'agent' })
    expect(made).toMatchObject({ policy: null })
    const path = `/api/shares/${share.id}/tokens`
    for (const asked of [order('POST', path, { kind: 'agent', policy: {} }), order('PATCH', `${path}/${made.id}`, { policy: {} })])
      expect(await asked).toMatchObject({ status: 400, told: { detail: expect.stringContaining('policy is for clients') as string } })
  })

  test('are changed and revoked by their ids, which no other share knows', async () => {
    const share = await createShare()
    const other = await createShare()
    const made = await make(share, { kind: 'client', name: 'Ann' })
    const path = `/api/shares/${share.id}/tokens/${made.id}`
    expect(await order('PATCH', path, { name: 'Bob', expires_in: 60 })).toMatchObject({ status: 200, told: { id: made.id, name: 'Bob' } })
    expect(await list(share)).toContainEqual(expect.objectContaining({ id: made.id, name: 'Bob' }))
    for (const method of ['PATCH', 'DELETE'])
      expect(await order(method, `/api/shares/${other.id}/tokens/${made.id}`)).toMatchObject({
        status: 404,
        told: { code: 'TOKEN_NOT_FOUND' },
      })
    expect((await order('DELETE', path)).status).toBe(204)
    expect(await list(share)).not.toContainEqual(expect.objectContaining({ id: made.id }))
    for (const method of ['PATCH', 'DELETE'])
      expect(await order(method, path)).toMatchObject({ status: 404, told: { code: 'TOKEN_NOT_FOUND' } })
  })

  test.each([
    ['POST', { kind: 'owner' }],
    ['POST', {}],
    ['POST', { kind: 'key', name: '' }],
    ['POST', { kind: 'key', name: 'x'.repeat(101) }],
    ['POST', { kind: 'key', expires_in: 0 }],
    ['POST', { kind: 'key', expires_in: 1e9 }],
    ['POST', { kind: 'key', calls: 1 }],
    ['POST', { kind: 'key', policy: { access: 'all' } }],
    ['POST', { kind: 'key', policy: null }],
    ['PATCH', { policy: { tool: {} } }],
    ['PATCH', { policy: 'read' }],
    ['PATCH', { kind: 'key' }],
    ['PATCH', { expires_in: '60' }],
    ['PATCH', { name: 7 }],
  ])('are not ordered with %s %j', async (method, body) => {
    const share = await createShare()
    const own = (await list(share)).find(({ kind }) => kind === 'key')
    const path = `/api/shares/${share.id}/tokens${method === 'PATCH' ? `/${String(own?.['id'])}` : ''}`
    expect(await order(method, path, body)).toMatchObject({ status: 400, told: { code: 'BODY_INVALID' } })
  })
})

describe('the lanes of a share', () => {
  test('are told of a change and of an end, and of nothing when a token is made', async () => {
    const share = await createMade(LANES)
    const told = watchOrders()
    const made = await make(share, { kind: 'client' })
    expect(told).toEqual([])
    await order('PATCH', `/api/shares/${share.id}/tokens/${made.id}`, { expires_in: 60 })
    await order('DELETE', `/api/shares/${share.id}/tokens/${made.id}`)
    const commands = told.map(({ command }) => command)
    expect(told.map(({ lane }) => lane)).toEqual([...lanesOf(share), ...lanesOf(share)])
    expect(commands.slice(0, LANES)).toMatchObject(
      lanesOf(share).map(() => ({ op: 'link_changed', trust: { id: made.id, isRevoked: false } })),
    )
    expect(commands.slice(LANES)).toMatchObject(lanesOf(share).map(() => ({ op: 'link_changed', trust: { id: made.id, isRevoked: true } })))
    expect(await untoldOf(share)).toEqual([])
  })

  test('that were not reached are named, and told again by the alarm what holds by then', async () => {
    verifies('promise.9.change-told')
    const share = await createMade(LANES)
    const made = await make(share, { kind: 'client' })
    const path = `/api/shares/${share.id}/tokens/${made.id}`
    let isBroken = true
    const told = watchOrders((lane) => isBroken && /\.[13]$/.test(lane))
    expect(await order('PATCH', path, { name: 'x' })).toMatchObject({ status: 503, told: { code: 'LANES_UNREACHED' } })
    expect(await order('DELETE', path)).toMatchObject({ status: 503, told: { detail: expect.stringContaining('1, 3 of 4') as string } })
    expect(await untoldOf(share)).toEqual([{ subject: `link:${made.id}`, lanes: '1,3' }])
    await ringRegistry()
    expect(await untoldOf(share)).toHaveLength(1)
    told.length = 0
    isBroken = false
    await ringRegistry()
    expect(told).toMatchObject(
      [1, 3].map((lane) => ({ lane: `${share.id}.${lane}`, command: { trust: { id: made.id, isRevoked: true } } })),
    )
    expect(await untoldOf(share)).toEqual([])
    expect(await runInDurableObject(registryStub(), (_, { storage }) => storage.getAlarm())).toBeNull()
  })

  test('hear of a change also when the registry was reset while it told them', async () => {
    verifies('promise.9.change-told')
    const share = await createMade(1)
    const made = await make(share, { kind: 'client' })
    const reached = Promise.withResolvers<undefined>()
    let isSilent = true
    const told: AdminCommand[] = []
    vi.spyOn(Share.prototype, 'admin').mockImplementation((command: AdminCommand) => {
      told.push(command)
      reached.resolve(undefined)
      return isSilent ? new Promise(() => {}) : Promise.resolve(undefined)
    })
    const asked = order('DELETE', `/api/shares/${share.id}/tokens/${made.id}`)
    await reached.promise
    await runInDurableObject(registryStub(), (_, state) => state.abort('reset by a test')).catch(() => undefined)
    await asked.catch(() => undefined)
    isSilent = false
    expect(await untoldOf(share)).toEqual([{ subject: `link:${made.id}`, lanes: 'all' }])
    await ringRegistry()
    expect(told.at(-1)).toMatchObject({ op: 'link_changed', trust: { id: made.id, isRevoked: true } })
    expect(await untoldOf(share)).toEqual([])
  })

  test('that did not hear that their share is deleted are told again, and then the list forgets it', async () => {
    verifies('promise.9.change-told')
    const share = await createMade(2)
    let isBroken = true
    watchOrders((lane) => isBroken && lane.endsWith('.1'))
    expect((await order('DELETE', `/api/shares/${share.id}`)).status).toBe(503)
    expect((await order('GET', `/api/shares/${share.id}`)).told).toMatchObject({ ending: true })
    expect((await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'key' })).told).toMatchObject({ code: 'SHARE_NOT_FOUND' })
    isBroken = false
    await ringRegistry()
    expect((await order('GET', `/api/shares/${share.id}`)).status).toBe(404)
    expect(await untoldOf(share)).toEqual([])
  })
})

function lanesOf(share: TestShare): string[] {
  return Array.from({ length: LANES }, (_, lane) => (lane === 0 ? share.id : `${share.id}.${lane}`))
}

test('links that holders have narrowed from one of the owner’s leave room for those from others', async () => {
  verifies('promise.10.own-first')
  const share = await createShare()
  const [root = '', other = ''] = (await list(share)).filter(({ kind }) => kind !== 'agent').map(({ id }) => String(id))
  const registry = registryStub()
  const derive = async (id: string, parent: string, of: string): Promise<boolean> =>
    (await registry.deriveLink(share.id, { id, parent, root: of, name: '', endMs: 0 })) !== undefined
  // Some of the root, the others of one that is of the root.
  expect(await derive('below', root, root)).toBe(true)
  for (let n = 1; n < MAX_DERIVED_LINKS_OF_ONE; n++) expect(await derive(`narrowed-${n}`, n % 2 === 0 ? root : 'below', root)).toBe(true)
  expect(await derive('one-more', root, root)).toBe(false)
  expect(await derive('one-more', 'narrowed-1', root)).toBe(false)
  expect(await derive('narrowed-1', 'below', root)).toBe(true)
  expect(await derive('theirs', other, other)).toBe(true)
})

test('a link that was narrowed several times costs the registry one request when it comes first, and none after that', async () => {
  const share = await createMade(1)
  let credential = share.clientToken
  for (let depth = 0; depth < 8; depth++) {
    const narrowed = await narrowCredential(credential, {}, crypto.getRandomValues(new Uint8Array(CAVEAT_NONCE_BYTES)))
    credential = narrowed.ok ? narrowed.value : narrowed.error
  }
  const asked = vi.spyOn(Registry.prototype, 'chainTrust')
  for (let count = 0; count < 3; count++) expect((await new TestClient(share, credential).initialize()).status).toBe(503)
  expect(asked).toHaveBeenCalledOnce()
})

test('what is made of a link that is over is refused as it is, and the registry keeps nothing of it', async () => {
  verifies('promise.11.narrowed')
  const share = await createMade(1)
  const { id, token = '' } = await make(share, { kind: 'client' })
  const unseen = await make(share, { kind: 'client' })
  const statusWith = async (credential: string): Promise<number> => (await new TestClient(share, credential).initialize()).status
  const statusBelow = async (of: string): Promise<number> => {
    const narrowed = await narrowCredential(of, {}, crypto.getRandomValues(new Uint8Array(CAVEAT_NONCE_BYTES)))
    return narrowed.ok ? statusWith(narrowed.value) : 0
  }
  expect(await statusWith(token)).toBe(503)
  for (const each of [id, unseen.id]) expect((await order('DELETE', `/api/shares/${share.id}/tokens/${each}`)).status).toBe(204)
  const derived = vi.spyOn(DerivedLinks.prototype, 'derive')
  const asked = vi.spyOn(DerivedLinks.prototype, 'trustOf')
  expect([await statusBelow(token), await statusBelow(token)]).toEqual([401, 401])
  expect(asked).not.toHaveBeenCalled()
  expect(await statusBelow(unseen.token ?? '')).toBe(401)
  expect(derived).not.toHaveBeenCalled()
})

test('a name that another link, or person, has already is said to be no name to tell them by', async () => {
  verifies('promise.11.name-warning')
  const share = await createShare()
  const warning = expect.stringContaining('Another has the same name') as string
  expect(await make(share, { kind: 'key', name: 'Ann' })).not.toHaveProperty('warning')
  expect(await make(share, { kind: 'client', name: 'Ann' })).toMatchObject({ name: 'Ann', warning })
  const bob = await make(share, { kind: 'agent', name: 'Bob' })
  for (let at = 0; at < 2; at++) expect(await make(share, { kind: 'key' })).not.toHaveProperty('warning')
  const path = `/api/shares/${share.id}/tokens/${bob.id}`
  expect((await order('PATCH', path, { name: 'Ann' })).told).toMatchObject({ name: 'Ann', warning })
  expect((await order('PATCH', path, { name: 'Bobby' })).told).not.toHaveProperty('warning')
  const invite = () => order('POST', `/api/shares/${share.id}/people`, { name: 'Eve' })
  const { told } = await invite()
  expect(told).not.toHaveProperty('warning')
  expect((await invite()).told).toMatchObject({ warning })
  const { told: all } = await order('GET', `/api/shares/${share.id}/people`)
  for (const { id } of all['people'] as { id: string }[]) await order('DELETE', `/api/shares/${share.id}/people/${id}`)
  expect((await invite()).told).not.toHaveProperty('warning')
})

test('a name that another living share of its owner, or another owner, has already is said to be no name to tell them by', async () => {
  verifies('promise.11.name-warning')
  const warning = expect.stringContaining('Another has the same name') as string
  const name = `docs ${crypto.randomUUID()}`
  const share = (more: object = {}) => order('POST', '/api/shares', { name, ...more })
  const { told: first } = await share()
  expect(first).not.toHaveProperty('warning')
  const { told: second } = await share()
  expect(second).toMatchObject({ name, share_url: expect.anything() as unknown, warning })
  for (let at = 0; at < 2; at++) expect((await order('POST', '/api/shares', {})).told).not.toHaveProperty('warning')
  const path = `/api/shares/${String(second['share'])}`
  expect((await order('PATCH', path, { paused: true })).told).not.toHaveProperty('warning')
  expect((await order('PATCH', path, { name: `${name} 2` })).told).not.toHaveProperty('warning')
  expect((await order('PATCH', path, { name })).told).toMatchObject({ name, warning })
  const { told: owner } = await order('POST', '/api/owners', { name })
  expect(owner).not.toHaveProperty('warning')
  expect((await order('POST', '/api/owners', { name })).told).toMatchObject({ warning })
  // What others own is nobody else's to hear of.
  const headers = { authorization: `Bearer ${String(owner['owner_token'])}`, 'content-type': 'application/json' }
  const made = await fetchRelay('/api/shares', { method: 'POST', headers, body: JSON.stringify({ name }) })
  expect(await made.json()).not.toHaveProperty('warning')
  await order('DELETE', path)
  await order('PATCH', `/api/shares/${String(first['share'])}`, { expires_in: 1 })
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 2000)
  expect((await share()).told).not.toHaveProperty('warning')
})
