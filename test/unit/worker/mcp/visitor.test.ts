import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { requireClaimed, type RouteEnv } from '../../../../worker/access/owner/claim-gate.ts'
import { claimedRelay } from '../../../../worker/access/secrets/keys.ts'
import { mintPathKey } from '../../../../worker/access/path-key.ts'
import { mintShareId } from '../../../../worker/access/share-id.ts'
import type { Env } from '../../../../worker/env.ts'
import { newSessionId } from '../../../../worker/mcp/session-id.ts'
import { admit } from '../../../../worker/mcp/visitor.ts'

const names: string[] = []
const SHARE_OBJECTS: unknown = { getByName: (name: string) => names.push(name) }
const open = new Set<string>()
const REGISTRY: unknown = {
  getByName: () => ({ shareTrust: (share: string) => Promise.resolve(open.has(share) ? { anonymous: '{"access":"read"}' } : {}) }),
}
const ENV = { OWNER_KEY: 'o'.repeat(16), SIGNING_KEY: 's'.repeat(32), SHARE: SHARE_OBJECTS, REGISTRY } as Env
const { keys } = (await claimedRelay(ENV)) ?? (() => expect.unreachable('a relay with both keys is claimed'))()
const SHARE = await mintShareId(keys.shareId, { lanes: 4, jurisdiction: 'none' }, new Uint8Array(10))
const { text: KEY, principal } = await mintPathKey(keys.pathKey, SHARE, Date.now() + 60_000, '0'.repeat(24))

/** Who is admitted to a route, or what it is told. */
async function admitted(path: string, headers: Record<string, string> = {}) {
  let result: Awaited<ReturnType<typeof admit>> | undefined
  const app = new Hono<RouteEnv>().use(requireClaimed)
  for (const route of ['/s/:share/mcp', '/s/:share/k/:key/mcp'] as const)
    app.get(route, async (c) => {
      result = await admit(c)
      return c.body(null)
    })
  await app.request(`https://relay.example${path}`, { headers }, ENV)
  return result
}

test('admit() proves the client of a share, and knows its path and the keys of the relay', async () => {
  const result = await admitted(`/s/${SHARE}/k/${KEY}/mcp`, { 'mcp-protocol-version': '2025-11-25' })
  expect(result).toMatchObject({
    ok: true,
    value: { isAnonymous: false, basePath: `/s/${SHARE}/k/${KEY}`, revision: '2025-11-25', stateKey: keys.requestState },
  })
  expect(result?.ok === true && result.value.principalIn('any')).toBe(principal)
})

test('admit() lets whoever shows nothing into an open share, as another principal in each session', async () => {
  const share = await mintShareId(keys.shareId, { lanes: 1, jurisdiction: 'none' }, new Uint8Array(10).fill(7))
  open.add(share)
  const result = await admitted(`/s/${share}/mcp`)
  if (result?.ok !== true) throw new Error('refused')
  const { principalIn, isAnonymous, basePath } = result.value
  const session = newSessionId()
  expect([isAnonymous, basePath]).toEqual([true, `/s/${share}`])
  expect([principalIn(session), principalIn('x')]).toEqual([`anonymous:${session.slice(0, 13)}`, 'anonymous:none'])
  expect(await admitted(`/s/${share}/mcp`, { authorization: 'Bearer wrong' })).toMatchObject({ ok: false, error: { code: 'UNAUTHORIZED' } })
  expect(await admitted(`/s/${share}/k/wrong/mcp`)).toMatchObject({ ok: false, error: { code: 'LINK_NOT_FOUND' } })
})

test.each([
  ['2027-01-01', '2025-11-25'],
  ['2025-12-01', '2025-11-25'],
  ['2025-06-18', '2025-06-18'],
])('admit() reads %s as %s in the session of a client that is newer than the relay, and as it is in another', async (version, read) => {
  for (const [proposed, revision] of [
    ['2026-05-11', read],
    ['2025-11-25', version],
  ] as const) {
    const headers = { 'mcp-protocol-version': version, 'mcp-session-id': newSessionId(proposed) }
    expect(await admitted(`/s/${SHARE}/k/${KEY}/mcp`, headers)).toMatchObject({ ok: true, value: { revision } })
  }
})

test('admit() finds the lane of each session by its name', async () => {
  const result = await admitted(`/s/${SHARE}/k/${KEY}/mcp`)
  if (result?.ok !== true) throw new Error('refused')
  names.length = 0
  const ids = Array.from({ length: 20 }, (_, n) => result.value.shareFor(`session-${n}`).id)
  expect(names).toEqual(ids)
  expect(new Set(ids).size).toBe(4)
})

test.each([
  ['/s/unknown/mcp', 'SHARE_NOT_FOUND'],
  [`/s/${SHARE}/mcp`, 'UNAUTHORIZED'],
  [`/s/${SHARE}/k/unknown/mcp`, 'LINK_NOT_FOUND'],
])('admit() refuses %s with %s', async (path, code) => {
  expect(await admitted(path)).toMatchObject({ ok: false, error: { code } })
})
