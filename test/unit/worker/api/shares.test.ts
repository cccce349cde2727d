/** Making a share where the platform can do all that is asked for: which objects are asked for, and how. */
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { requireClaimed, type RouteEnv } from '../../../../worker/access/owner/claim-gate.ts'
import { knownShareFacts } from '../../../../worker/access/share-id.ts'
import { shares } from '../../../../worker/api/shares.ts'
import type { Env } from '../../../../worker/env.ts'
import { LOCATIONS } from '../../../../worker/contract/registry/locations.ts'

const OWNER_KEY = 'owner-key-of-the-test'
const api = new Hono<RouteEnv>().use(requireClaimed).route('/', shares)

interface Asked {
  readonly jurisdiction: string | undefined
  readonly name: string
  readonly hint: string | undefined
}

/** A platform with jurisdictions, which notes what it is asked for. */
function platform(): { readonly env: Env; readonly asked: Asked[]; readonly listed: unknown[] } {
  const asked: Asked[] = []
  const listed: unknown[] = []
  const namespace = (jurisdiction?: string): object => ({
    jurisdiction: (wanted: string) => namespace(wanted),
    getByName: (name: string, options?: { locationHint: string }) => {
      asked.push({ jurisdiction, name, hint: options?.locationHint })
      return { admin: () => Promise.resolve(undefined) }
    },
  })
  const addShare = (_owner: string, settings: object, location?: string): Promise<string> => {
    listed.push([settings, location])
    return Promise.resolve('added')
  }
  const env: object = { OWNER_KEY, SIGNING_KEY: 's'.repeat(32), SHARE: namespace(), REGISTRY: { getByName: () => ({ addShare }) } }
  return { env: env as Env, asked, listed }
}

async function make(env: Env, body: object): Promise<{ readonly status: number; readonly made: Record<string, unknown> }> {
  const headers = { authorization: `Bearer ${OWNER_KEY}`, 'content-type': 'application/json' }
  const response = await api.request('http://relay/', { method: 'POST', headers, body: JSON.stringify(body) }, env)
  return { status: response.status, made: await response.json() }
}

test('a share asks for no object when it is made', async () => {
  const { env, asked, listed } = platform()
  expect(await make(env, { lanes: 8 })).toMatchObject({ status: 201, made: { lanes: 8, jurisdiction: 'none' } })
  expect([asked, listed.length]).toEqual([[], 1])
})

test.each(['eu', 'fedramp'] as const)('a share of the jurisdiction %s says so in its id', async (jurisdiction) => {
  const { env } = platform()
  const { status, made } = await make(env, { jurisdiction })
  expect([status, made['jurisdiction'], knownShareFacts(String(made['share']))]).toEqual([201, jurisdiction, { lanes: 1, jurisdiction }])
})

test.each(LOCATIONS)('a share at %s has each of its objects made with that hint, in its jurisdiction', async (location) => {
  const { env, asked, listed } = platform()
  const { made } = await make(env, { location, jurisdiction: 'eu', lanes: 2 })
  const share = String(made['share'])
  expect(asked).toEqual([share, `${share}.1`].map((name) => ({ jurisdiction: 'eu', name, hint: location })))
  expect(listed).toMatchObject([[{ id: share }, location]])
})

test.each([{ location: 'mars' }, { location: '' }, { jurisdiction: 'us' }, { jurisdiction: 'EU' }, { lanes: 6 }])(
  'a share of %j is refused, and leaves nothing',
  async (body) => {
    const { env, asked, listed } = platform()
    expect(await make(env, body)).toMatchObject({ status: 400, made: { code: 'BODY_INVALID' } })
    expect([asked, listed]).toEqual([[], []])
  },
)
