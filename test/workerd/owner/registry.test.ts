/** The relay's list of shares in the real runtime: pages, bounds, and what no object may be made for. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test, vi } from 'vitest'
import { MAX_REGISTRY_BYTES } from '../../../worker/trust-limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { askAsOwner, createShare, ORIGIN } from '../harness/relay.ts'
import { DEPLOYER, type NewLink } from '../../../worker/contract/registry/registry-rpc.ts'
import type { RegistryObject } from '../../../worker/contract/objects.ts'
import { ShareTable } from '../../../worker/registry/shares.ts'

const YEAR_MS = 365 * 24 * 60 * 60_000
const OLD_MS = 31 * 24 * 60 * 60_000

const OWNER = { id: 'o', name: 'n', createdAtMs: 1, expiresAtMs: Date.now() + YEAR_MS, hash: new Uint8Array(32) }

function share(id: string, createdAtMs: number, expiresAtMs = Date.now() + YEAR_MS) {
  return { id, name: 'n', createdAtMs, expiresAtMs }
}

function link(id: string, more: Partial<NewLink> = {}): NewLink {
  const createdAtMs = Date.now()
  return { id, kind: 'client', name: 'n', createdAtMs, expiresAtMs: createdAtMs + 60_000, ceilingMs: createdAtMs + YEAR_MS, ...more }
}

function inRegistry<T>(name: string, look: (registry: RegistryObject, sql: SqlStorage) => T | Promise<T>): Promise<T> {
  return runInDurableObject(env.REGISTRY.getByName(name), (registry, { storage }) => look(registry, storage.sql))
}

function countIn(sql: SqlStorage): unknown[] {
  return [sql.exec('SELECT count FROM share_count').one()['count'], sql.exec('SELECT count(*) AS count FROM shares').one()['count']]
}

test('shares() gives every share once, newest first, page by page, those of one millisecond included', async () => {
  const ids = await inRegistry('pages', (registry, sql) => {
    sql.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
       INSERT INTO shares (id, name, created_at_ms, expires_at_ms, made, ending) SELECT printf('s%05d', i), 'n', i / 700, ?, 0, 0 FROM n`,
      Date.now() + YEAR_MS,
    )
    const pages = [registry.shares(DEPLOYER)]
    for (let page = pages[0]; page?.isMore === true; page = pages.at(-1)) pages.push(registry.shares(DEPLOYER, page.records.at(-1)))
    return pages.map(({ records }) => records)
  })
  expect(ids.map((records) => records.length)).toEqual([1000, 1000, 500])
  const all = ids.flat()
  expect(new Set(all.map(({ id }) => id)).size).toBe(2500)
  expect(all.map(({ createdAtMs }) => createdAtMs)).toEqual(all.map(({ createdAtMs }) => createdAtMs).toSorted((a, b) => b - a))
})

test('addShare() counts what comes and goes, and refuses above a million', async () => {
  const told = await inRegistry('count', async (registry, sql) => {
    for (let at = 0; at < 5; at++) registry.addShare(DEPLOYER, share(`s${at}`, at), undefined, [])
    await registry.endShare('s1')
    await registry.endShare('s1')
    const counted = countIn(sql)
    sql.exec('UPDATE share_count SET count = 1000000')
    const refused = registry.addShare(DEPLOYER, share('s9', 9), undefined, [])
    await registry.endShare('s2')
    return { counted, refused, taken: registry.addShare(DEPLOYER, share('s9', 9), undefined, []) }
  })
  expect(told).toEqual({ counted: [4, 4], refused: 'full', taken: 'added' })
})

test('addShare() drops shares that expired 30 days before, and counts them out', async () => {
  const counted = await inRegistry('old', (registry, sql) => {
    const nowMs = Date.now()
    for (let at = 0; at < 3; at++) registry.addShare(DEPLOYER, share(`s${at}`, 0, nowMs - OLD_MS), undefined, [link('a')])
    registry.addShare(DEPLOYER, share('fresh', nowMs), undefined, [])
    return [...countIn(sql), registry.share(DEPLOYER, 's0'), registry.links('s0').length, registry.share(DEPLOYER, 'fresh')?.id]
  })
  expect(counted).toEqual([1, 1, undefined, 0, 'fresh'])
})

test('adopt() lets no object come to be for a share that was deleted, expired long ago or never was; one that has just expired can be lengthened', async () => {
  const adopted = await inRegistry('adopt', (registry, sql) => {
    registry.addShare(DEPLOYER, share('lives', 1), undefined, [])
    registry.addShare(DEPLOYER, share('ends', 1), undefined, [])
    registry.addShare(DEPLOYER, share('expired', 1, Date.now() - 1), undefined, [])
    registry.addShare(DEPLOYER, share('old', 1, Date.now() - OLD_MS), undefined, [])
    sql.exec("UPDATE shares SET ending = 1 WHERE id = 'ends'")
    return ['lives', 'ends', 'expired', 'old', 'never'].map((id) => [registry.adopt(id)?.settings.id, registry.share(DEPLOYER, id)?.isMade])
  })
  expect(adopted).toEqual([
    ['lives', true],
    [undefined, false],
    ['expired', true],
    [undefined, undefined],
    [undefined, undefined],
  ])
})

test('a list of shares from before there were links is read as it is, and its shares get links like others', async () => {
  const told = await inRegistry('old rows', (registry, sql) => {
    sql.exec(`
      DROP TABLE shares;
      CREATE TABLE shares (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, location TEXT, made INTEGER NOT NULL, ending INTEGER NOT NULL) WITHOUT ROWID;
      INSERT INTO shares VALUES ('old', 'n', 1, ${Date.now() + YEAR_MS}, 'weur', 1, 0)`)
    const table = new ShareTable(sql)
    return [table.get('old'), registry.links('old'), registry.addLink('old', link('a'))]
  })
  expect(told).toMatchObject([
    { id: 'old', owner: DEPLOYER, location: 'weur', isMade: true, trust: { version: 1, isPaused: false } },
    [],
    { id: 'a', version: 2, isRevoked: false },
  ])
})

test('linkTrust() and shareTrust() say what is decided, with the state of the share at its last change', async () => {
  const told = await inRegistry('trust', async (registry) => {
    registry.addShare(DEPLOYER, share('s', 1), undefined, [link('first')])
    const made = [registry.shareTrust('s')?.version, registry.linkTrust('s', 'first')?.version]
    registry.addLink('s', link('second', { policy: '{}' }))
    const changed = await registry.changeLink('s', 'second', { expiresAtMs: 5, name: 'x' })
    await registry.changeLink('s', 'first', { isRevoked: true })
    const trusts = ['first', 'second', 'never'].map((id) => registry.linkTrust('s', id))
    return { made, changed, trusts, share: registry.shareTrust('s'), foreign: registry.linkTrust('other', 'first') }
  })
  expect(told).toMatchObject({
    made: [1, 1],
    changed: { value: { name: 'x' }, unreached: [] },
    trusts: [
      { id: 'first', version: 4, kind: 'client', isRevoked: true },
      { id: 'second', version: 3, expiresAtMs: 5, isRevoked: false, policy: '{}' },
      undefined,
    ],
    share: { version: 4, isPaused: false },
  })
  expect(told.foreign).toBeUndefined()
})

test('changeLink() lets no link outlive its credential, and brings none back', async () => {
  const told = await inRegistry('ceiling', async (registry) => {
    registry.addShare(DEPLOYER, share('s', 1), undefined, [link('a', { ceilingMs: 100, expiresAtMs: 200 })])
    const made = registry.linkTrust('s', 'a')?.expiresAtMs
    const longer = await registry.changeLink('s', 'a', { expiresAtMs: 300 })
    await registry.changeLink('s', 'a', { isRevoked: true })
    return [made, longer?.value.expiresAtMs, await registry.changeLink('s', 'a', { expiresAtMs: 50 }), registry.links('s')]
  })
  expect(told).toEqual([100, 100, undefined, []])
})

test('addLink() keeps a thousand that have not ended, and of the others the latest', async () => {
  verifies('promise.10.links')
  const told = await inRegistry('links', async (registry) => {
    registry.addShare(DEPLOYER, share('s', 1), undefined, [])
    for (let at = 0; at < 1000; at++) registry.addLink('s', link(`l${at}`))
    const full = registry.addLink('s', link('more'))
    await registry.changeLink('s', 'l7', { isRevoked: true })
    await registry.changeLink('s', 'l8', { expiresAtMs: Date.now() })
    const taken = [registry.addLink('s', link('one')), registry.addLink('s', link('two')), registry.addLink('s', link('three'))]
    return [full, taken.map((one) => typeof one), registry.linkTrust('s', 'l7'), registry.linkTrust('s', 'l8'), registry.links('s').length]
  })
  expect(told).toEqual(['full', ['object', 'object', 'string'], undefined, undefined, 1000])
})

test('removeOwner() pauses an owner’s shares and gives them to the deployer, of many the rest by alarm', async () => {
  const stub = env.REGISTRY.getByName('departed')
  await runInDurableObject(stub, async (registry: RegistryObject) => {
    registry.addOwner(OWNER)
    registry.addShare(DEPLOYER, share('own', 1), undefined, [])
    for (let at = 0; at < 450; at++) registry.addShare('o', share(`s${at}`, at), undefined, [])
    expect(await registry.removeOwner('o')).toBe(true)
    expect(await registry.removeOwner('o')).toBe(false)
    expect(registry.addShare('o', share('late', 1), undefined, [])).toBe('no_owner')
  })
  const counts: number[] = []
  do {
    counts.push(await runInDurableObject(stub, (registry: RegistryObject) => registry.shares(DEPLOYER).records.length))
  } while (await runDurableObjectAlarm(stub))
  expect(counts).toEqual([201, 401, 451])
  await runInDurableObject(stub, (registry: RegistryObject) => {
    expect(registry.shares('o').records).toEqual([])
    expect(registry.share('o', 's7')).toBeUndefined()
    expect([registry.shareTrust('s7'), registry.shareTrust('own')]).toMatchObject([
      { isPaused: true, version: 2 },
      { isPaused: false, version: 1 },
    ])
  })
})

test('addShare() takes ten thousand shares of one owner, as they come and go, and any number of the deployer’s', async () => {
  verifies('promise.10.own-first')
  const told = await inRegistry('owner shares', async (registry, sql) => {
    for (const id of ['o', 'p']) registry.addOwner({ ...OWNER, id, hash: new Uint8Array(32).fill(id.charCodeAt(0)) })
    registry.addShare('o', share('s1', 1), undefined, [])
    registry.addShare('o', share('s2', 1), undefined, [])
    sql.exec("UPDATE owner_share_count SET count = count + 9998 WHERE owner = 'o'")
    const full = registry.addShare('o', share('s3', 1), undefined, [])
    const others = ['p', DEPLOYER].map((owner) => registry.addShare(owner, share(`of ${owner}`, 1), undefined, []))
    await registry.endShare('s1')
    const again = registry.addShare('o', share('s3', 1), undefined, [])
    await registry.removeOwner('o')
    return { full, others, again, left: sql.exec('SELECT owner, count FROM owner_share_count').toArray() }
  })
  expect(told).toEqual({ full: 'owner_full', others: ['added', 'added'], again: 'added', left: [{ owner: 'p', count: 1 }] })
})

test('addShare() and addLink() take nothing when the registry is as large as it may be', async () => {
  verifies('promise.10.memory')
  const told = await inRegistry('large', (registry, sql) => {
    registry.addShare(DEPLOYER, share('s', 1), undefined, [])
    vi.spyOn(sql, 'databaseSize', 'get').mockReturnValue(MAX_REGISTRY_BYTES)
    const refused = [registry.addShare(DEPLOYER, share('t', 1), undefined, []), registry.addLink('s', link('a'))]
    vi.restoreAllMocks()
    return [refused, typeof registry.addLink('s', link('a'))]
  })
  expect(told).toEqual([['no_room', 'no_room'], 'object'])
})

test('addOwner() takes a thousand, and findOwner() none that has expired or was removed', async () => {
  const hashOf = (at: number): Uint8Array<ArrayBuffer> => new Uint8Array(32).fill(at & 255).fill(at >> 8, 16)
  const told = await inRegistry('owners', async (registry) => {
    const add = (at: number, expiresAtMs = Date.now() + YEAR_MS): boolean =>
      registry.addOwner({ id: `o${at}`, name: 'n', createdAtMs: at, expiresAtMs, hash: hashOf(at) })
    add(0, Date.now() - 1)
    for (let at = 1; at < 1000; at++) add(at)
    const isTaken = add(1000)
    await registry.removeOwner('o2')
    return [isTaken, add(1000), ...[0, 1, 2, 1000, 1001].map((at) => registry.findOwner(hashOf(at), true).kind), registry.owners().length]
  })
  expect(told).toEqual([false, true, 'expired', 'owner', 'unknown', 'owner', 'unknown', 1000])
})

test('shares() gives pages that RPC can carry, whatever is pinned and allowed of their shares', async () => {
  verifies('promise.10.memory')
  const [first, rest] = await inRegistry('heavy', (registry, sql) => {
    sql.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
       INSERT INTO shares (id, name, created_at_ms, expires_at_ms, made, ending, pins, policy)
       SELECT printf('s%05d', i), 'n', i, ?1, 0, 0, printf('{"tools":["%.*c"]}', 100000, 'd'), printf('"%.*c"', 16000, 'p') FROM n`,
      Date.now() + YEAR_MS,
    )
    const page = registry.shares(DEPLOYER)
    return [page, registry.shares(DEPLOYER, page.records.at(-1))]
  })
  expect([first?.isMore, rest?.isMore]).toEqual([true, false])
  const all = [...(first?.records ?? []), ...(rest?.records ?? [])]
  expect(new Set(all.map(({ id }) => id)).size).toBe(400)
  expect(all.every(({ trust }) => trust.pins === '{}')).toBe(true)
  expect(JSON.stringify(first).length).toBeLessThan(5_000_000)
})

test('GET /api/shares gives pages, and refuses a place that it has not given', async () => {
  const { id } = await createShare()
  const get = async (query: string): Promise<Record<string, unknown>> => (await askAsOwner('GET', `/api/shares${query}`)).json()
  const first = (await get('')) as { shares: { share: string; url: string }[]; next?: string }
  expect(first.shares.map((one) => one.share)).toContain(id)
  expect(first.shares[0]?.url).toContain(ORIGIN)
  expect(first).not.toHaveProperty('next')
  expect(await get(`?after=0.${id}`)).toEqual({ shares: [] })
  expect(await get('?after=x')).toMatchObject({ code: 'BODY_INVALID' })
})

test('pin() takes nothing of a server that the share does not have, so that one which comes later finds nothing accepted', async () => {
  const first = '{"tools":["digest"]}'
  const told = await inRegistry('pin-no-server', async (registry) => {
    registry.addShare(DEPLOYER, share('s', 1), undefined, [], { pins: '{}' })
    const refused = await registry.pin('s', { first }, 'ghost')
    registry.addServer('s', 'ghost')
    const before = registry.shareTrust('s')?.pins
    const taken = await registry.pin('s', { first }, 'ghost')
    const after = registry.shareTrust('s')?.pins
    await registry.removeServer('s', 'ghost')
    return { refused, before, isTaken: typeof taken === 'object', after, late: await registry.pin('s', { first }, 'ghost') }
  })
  expect(told).toEqual({ refused: undefined, before: '{}', isTaken: true, after: `{"servers":{"ghost":${first}}}`, late: undefined })
})
