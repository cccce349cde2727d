/** The relay's list of shares in the real runtime: pages, bounds, and what no object may be made for. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import { askAsOwner, createShare, ORIGIN } from './harness/relay.ts'
import type { RegistryObject } from '../../worker/contract/objects.ts'

const YEAR_MS = 365 * 24 * 60 * 60_000
const OLD_MS = 31 * 24 * 60 * 60_000

function share(id: string, createdAtMs: number, expiresAtMs = Date.now() + YEAR_MS) {
  return { id, name: 'n', createdAtMs, expiresAtMs }
}

function inRegistry<T>(name: string, look: (registry: RegistryObject, sql: SqlStorage) => T): Promise<T> {
  return runInDurableObject(env.REGISTRY.getByName(name), (registry, { storage }) => look(registry, storage.sql))
}

function countIn(sql: SqlStorage): unknown[] {
  return [sql.exec('SELECT count FROM share_count').one()['count'], sql.exec('SELECT count(*) AS count FROM shares').one()['count']]
}

test('shares() gives every share once, newest first, page by page, those of one millisecond included', async () => {
  const ids = await inRegistry('pages', (registry, sql) => {
    sql.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
       INSERT INTO shares SELECT printf('s%05d', i), 'n', i / 700, ?, NULL, 0, 0 FROM n`,
      Date.now() + YEAR_MS,
    )
    const pages = [registry.shares()]
    for (let page = pages[0]; page?.isMore === true; page = pages.at(-1)) pages.push(registry.shares(page.records.at(-1)))
    return pages.map(({ records }) => records)
  })
  expect(ids.map((records) => records.length)).toEqual([1000, 1000, 500])
  const all = ids.flat()
  expect(new Set(all.map(({ id }) => id)).size).toBe(2500)
  expect(all.map(({ createdAtMs }) => createdAtMs)).toEqual(all.map(({ createdAtMs }) => createdAtMs).toSorted((a, b) => b - a))
})

test('addShare() counts what comes and goes, and refuses above a million', async () => {
  const told = await inRegistry('count', (registry, sql) => {
    for (let at = 0; at < 5; at++) registry.addShare(share(`s${at}`, at), undefined)
    registry.removeShare('s1')
    registry.removeShare('s1')
    const counted = countIn(sql)
    sql.exec('UPDATE share_count SET count = 1000000')
    const refused = registry.addShare(share('s9', 9), undefined)
    registry.removeShare('s2')
    return { counted, refused, taken: registry.addShare(share('s9', 9), undefined) }
  })
  expect(told).toEqual({ counted: [4, 4], refused: false, taken: true })
})

test('addShare() drops shares that expired 30 days before, and counts them out', async () => {
  const counted = await inRegistry('old', (registry, sql) => {
    const nowMs = Date.now()
    for (let at = 0; at < 3; at++) registry.addShare(share(`s${at}`, 0, nowMs - OLD_MS), undefined)
    registry.addShare(share('fresh', nowMs), undefined)
    return [...countIn(sql), registry.share('s0'), registry.share('fresh')?.id]
  })
  expect(counted).toEqual([1, 1, undefined, 'fresh'])
})

test('adopt() lets no object come to be for a share that has ended or expired, or never was', async () => {
  const adopted = await inRegistry('adopt', (registry) => {
    registry.addShare(share('lives', 1), undefined)
    registry.addShare(share('ends', 1), undefined)
    registry.addShare(share('expired', 1, Date.now() - 1), undefined)
    registry.endShare('ends')
    return ['lives', 'ends', 'expired', 'never'].map((id) => [registry.adopt(id)?.id, registry.share(id)?.isMade])
  })
  expect(adopted).toEqual([
    ['lives', true],
    [undefined, false],
    [undefined, false],
    [undefined, undefined],
  ])
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
