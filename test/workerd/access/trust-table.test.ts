/** Who gets in: every MCP route of the app, with every kind of credential, in every state of the share, against what is written here. */
import { evictDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { mintAccessToken } from '../../../worker/access/access-token.ts'
import { claimedRelay } from '../../../worker/access/secrets/keys.ts'
import app from '../../../worker/index.ts'
import { verifies } from '../../requirements/verifies.ts'
import { order, registryStub } from '../harness/orders.ts'
import { NAMED, SENT, SERVER } from '../harness/scenes/sent-to-routes.ts'
import { invite, SigningIn } from '../harness/sign-in.ts'
import { cameFrom, createShare, fetchRelay, linkIdOf, ORIGIN, ownerKey, serverOf, stubOf, type TestShare } from '../harness/relay.ts'

const STATES = ['live', 'paused', 'expired', 'deleted', 'unknown'] as const
type State = (typeof STATES)[number]

const FAULTS = ['good', 'wrong', 'foreign', 'over', 'revoked'] as const
type Fault = (typeof FAULTS)[number]
/** A credential and where it stands. A bearer decides, whatever the path has. */
type Credential = `bearer ${Fault}` | `access ${Fault}` | 'bearer agent' | 'bearer owner' | `key ${Fault}` | 'none'
const CREDENTIALS: readonly Credential[] = [
  ...FAULTS.map((fault) => `bearer ${fault}` as const),
  ...FAULTS.map((fault) => `access ${fault}` as const),
  'bearer agent',
  'bearer owner',
  ...FAULTS.map((fault) => `key ${fault}` as const),
  'none',
]

interface Told {
  readonly status: number
  readonly code?: string
}

/** The written expectation, in the order of the checks. */
function expected(state: State, credential: Credential): Told | 'served' {
  const [kind, fault] = credential.split(' ')
  if (state === 'unknown') return { status: 404, code: 'SHARE_NOT_FOUND' }
  if (kind === 'none') return { status: 401, code: 'UNAUTHORIZED' }
  if (fault === 'wrong' || fault === 'foreign' || fault === 'agent' || fault === 'owner')
    return kind === 'key' ? { status: 404, code: 'LINK_NOT_FOUND' } : { status: 401, code: 'UNAUTHORIZED' }
  if (state === 'deleted') return { status: 404 }
  if (state === 'expired') return { status: 410, code: 'SHARE_EXPIRED' }
  if (fault === 'over' || fault === 'revoked') {
    if (kind !== 'key') return { status: 401, code: 'UNAUTHORIZED' }
    return { status: 410, code: fault === 'over' ? 'LINK_EXPIRED' : 'LINK_REVOKED' }
  }
  return state === 'paused' ? { status: 503, code: 'SHARE_PAUSED' } : 'served'
}

/** The same for a web app: an access token is for the URL of an MCP endpoint. */
function expectedOfApp(state: State, credential: Credential): Told | 'served' {
  const isAccess = credential.startsWith('access') && state !== 'unknown'
  return isAccess ? { status: 401, code: 'UNAUTHORIZED' } : expected(state, credential)
}

interface Door {
  readonly share: TestShare
  readonly path: (credential: Credential) => string
  /** `path`: of the route, since an access token is for one URL. */
  readonly bearer: (credential: Credential, path: string) => string | undefined
}

/** By endpoint. */
type AccessTokens = ReadonlyMap<string, string>

/** What a person holds for each endpoint: an access code is good for one client. */
async function accessTokens(
  share: TestShare,
  members: object = {},
): Promise<{ readonly tokens: AccessTokens; readonly ids: readonly string[] }> {
  const signing = new SigningIn(share)
  const tokens = new Map<string, string>()
  const ids: string[] = []
  const keys = (await claimedRelay(env))?.keys
  if (keys === undefined) throw new Error('nobody has claimed the relay')
  for (const endpoint of ['mcp', 'sse']) {
    const { id: link, code } = await invite(share, { name: 'Ann', ...members })
    ids.push(link)
    tokens.set(`/${endpoint}`, (await signing.signIn(code, { resource: `${signing.base}/${endpoint}` })).access_token)
    // What signing in there makes is shown elsewhere.
    const resource = `${signing.base}/${SERVER}/${endpoint}`
    const facts = { resource, share: share.id, link, client: 'c', grant: 'g', scope: 'mcp', expiresAtMs: Date.now() + 3_600_000 }
    tokens.set(`${NAMED}/${endpoint}`, await mintAccessToken(keys.accessToken, signing.base, facts, Date.now()))
  }
  return { tokens, ids }
}

/** A route's path as a client writes it. */
function inPath(path: string): string {
  return path.replace(NAMED, `/${SERVER}`).replace('*', '')
}

/** The endpoint whose tokens open a route: what is posted to `messages` belongs to a stream. */
function endpointOf(path: string): string {
  return path.endsWith('/mcp') ? path : path.replace(/[^/]+$/, 'sse')
}

function forged(tokens: AccessTokens): AccessTokens {
  return new Map(Array.from(tokens, ([endpoint, token]) => [endpoint, `${token.slice(0, -8)}AAAAAAAA`]))
}

let doors: Readonly<Record<State, Door>>

async function doorOf(state: State, foreign: TestShare): Promise<Door> {
  const share = await createShare()
  await registryStub().addServer(share.id, SERVER)
  const link = async (kind: string, more: object = {}): Promise<Record<string, unknown>> =>
    (await order('POST', `/api/shares/${share.id}/tokens`, { kind, ...more })).told
  const keyIn = (told: Record<string, unknown>): string => /\/k\/([^/]+)\//.exec(String(told['share_url']))?.[1] ?? ''
  const made = {
    bearer: [await link('client'), await link('client'), await link('client')],
    key: [await link('key'), await link('key'), await link('key')],
  }
  const [good = {}, over = {}, revoked = {}] = made.bearer
  const [goodKey = {}, overKey = {}, revokedKey = {}] = made.key
  const tokens = `/api/shares/${share.id}/tokens`
  for (const { id } of [over, overKey]) await order('PATCH', `${tokens}/${String(id)}`, { expires_in: 1 })
  for (const { id } of [revoked, revokedKey]) await order('DELETE', `${tokens}/${String(id)}`)
  const foreignKey = keyIn((await order('POST', `/api/shares/${foreign.id}/tokens`, { kind: 'key' })).told)
  const bearers: Partial<Record<Credential, string>> = {
    'bearer good': String(good['token']),
    'bearer wrong': `${share.clientToken.slice(0, -8)}AAAAAAAA`,
    'bearer foreign': foreign.clientToken,
    'bearer over': String(over['token']),
    'bearer revoked': String(revoked['token']),
    'bearer agent': share.agentToken,
    'bearer owner': await ownerKey(),
  }
  const keys: Partial<Record<Credential, string>> = {
    'key good': keyIn(goodKey),
    'key wrong': 'a'.repeat(keyIn(goodKey).length),
    'key foreign': foreignKey,
    'key over': keyIn(overKey),
    'key revoked': keyIn(revokedKey),
  }
  const people = { good: await accessTokens(share), revoked: await accessTokens(share), over: await accessTokens(share, { expires_in: 2 }) }
  const elsewhere = await accessTokens(foreign)
  for (const id of people.revoked.ids) await order('DELETE', `/api/shares/${share.id}/people/${id}`)
  const access: Readonly<Record<Fault, AccessTokens>> = {
    good: people.good.tokens,
    revoked: people.revoked.tokens,
    over: people.over.tokens,
    wrong: forged(people.good.tokens),
    foreign: elsewhere.tokens,
  }
  expect(linkIdOf(String(good['token']))).toBe(good['id'])
  if (state === 'paused') await order('PATCH', `/api/shares/${share.id}`, { paused: true })
  if (state === 'expired') await order('PATCH', `/api/shares/${share.id}`, { expires_in: 1 })
  if (state === 'deleted') await order('DELETE', `/api/shares/${share.id}`)
  const id = state === 'unknown' ? `${share.id.slice(0, -1)}${share.id.endsWith('a') ? 'b' : 'a'}` : share.id
  return {
    share,
    path: (credential) => (keys[credential] === undefined ? `/s/${id}` : `/s/${id}/k/${keys[credential]}`),
    bearer: (credential, path) => {
      const [kind, fault] = credential.split(' ')
      return kind === 'access' ? access[fault as Fault].get(endpointOf(path)) : bearers[credential]
    },
  }
}

beforeAll(async () => {
  const foreign = await createShare()
  const entries = await Promise.all(STATES.map(async (state) => [state, await doorOf(state, foreign)] as const))
  doors = Object.fromEntries(entries) as Record<State, Door>
  // What is over in a second is over for all that follows.
  const statusOf = async (path: string): Promise<number> =>
    (await fetchRelay(`${path}/sse`, { headers: { accept: 'text/event-stream' } })).status
  for (const path of [doors.expired.path('key good'), doors.live.path('key over'), doors.paused.path('key over')])
    await vi.waitFor(async () => expect(await statusOf(path)).toBe(410), { timeout: 5000, interval: 100 })
  const authorization = `Bearer ${doors.live.bearer('access over', '/sse')}`
  const isOver = async (): Promise<boolean> =>
    (await fetchRelay(`/s/${doors.live.share.id}/sse`, { headers: { authorization, accept: 'text/event-stream' } })).status === 401
  await vi.waitFor(async () => expect(await isOver()).toBe(true), { timeout: 5000, interval: 100 })
}, 30_000)

let asked = 0

/** Its refusals are problems (RFC 9457), and challenge for no sign-in. */
const WEB_APP = '/http/*'

/** The challenge of a 401: whoever has shown nothing, or has signed in before, is told where to sign in. */
function challengeFor(door: Door, credential: Credential, path: string): string {
  const isAccess = credential.startsWith('access')
  if (credential !== 'none' && !isAccess) return 'Bearer'
  return `Bearer ${isAccess ? 'error="invalid_token", ' : ''}resource_metadata="${ORIGIN}/.well-known/oauth-protected-resource${door.path(credential)}${inPath(endpointOf(path))}"`
}

/** Of the sign-in, and of agents of other makes, whose doors are tried elsewhere. */
const OTHER_DOORS = /\/(?:register|authorize|token|reverse-proxy\/ws)$/

/** Every MCP route of the app, with its method. */
const ROUTES = [
  ...new Set(
    app.routes
      .filter(({ path }) => path.startsWith('/s/') && !OTHER_DOORS.test(path))
      .map(({ method, path }) => `${method} ${path.replace(/^\/s\/:share(\/k\/:key)?/, '')}`),
  ),
]

test('every MCP route of the app is in the table, and none that it does not have', () => {
  expect(ROUTES.toSorted()).toEqual(Object.keys(SENT).toSorted())
})

describe.each(STATES)('a share that is %s', (state) => {
  test.each(CREDENTIALS)('and a credential that is: %s', async (credential) => {
    verifies('promise.9.no-challenge', 'promise.9.gate')
    const door = doors[state]
    for (const route of ROUTES) {
      const [method = '', path = ''] = route.split(' ')
      for (const { what, init, query = '', served: wantedStatus } of SENT[route] ?? []) {
        const served = path.startsWith(NAMED) ? serverOf(door.share, SERVER) : door.share
        if (state === 'live' || state === 'paused') await evictDurableObject(stubOf(served)).catch(() => undefined)
        const bearer = door.bearer(credential, path)
        const headers = new Headers(init.headers)
        if (bearer !== undefined) headers.set('authorization', `Bearer ${bearer}`)
        // From an address of its own: who goes on with wrong ones from one would be slowed.
        const sent = cameFrom(`192.0.${++asked >> 8}.${asked & 255}`, { method, ...init, headers: Object.fromEntries(headers) })
        const response = await fetchRelay(`${door.path(credential)}${inPath(path)}${query}`, sent)
        const where = `${route}, ${what}`
        const wanted = path === WEB_APP ? expectedOfApp(state, credential) : expected(state, credential)
        const isOfApp = path === WEB_APP
        if (wanted === 'served' || (method === 'ALL' && !isOfApp)) {
          expect(response.status, where).toBe(wantedStatus)
          await response.body?.cancel()
          continue
        }
        const text = await response.text()
        expect(response.status, `${where}: ${text}`).toBe(wanted.status)
        const told = wanted.code === undefined ? {} : isOfApp ? { code: wanted.code } : { error: { data: { code: wanted.code } } }
        expect(JSON.parse(text), where).toMatchObject(told)
        if (isOfApp) continue
        expect(response.headers.get('www-authenticate'), where).toBe(wanted.status === 401 ? challengeFor(door, credential, path) : null)
        if (wanted.status === 503) expect(response.headers.get('retry-after'), where).toBe('30')
      }
    }
  })
})
