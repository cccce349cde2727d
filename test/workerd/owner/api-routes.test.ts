/** Every route of the owner's API, as the app itself names them, for every kind of credential and every state of a share, against what is written here. */
import { runInDurableObject } from 'cloudflare:test'
import { beforeAll, describe, expect, type MockInstance, test, vi } from 'vitest'
import app from '../../../worker/index.ts'
import { verifies } from '../../requirements/verifies.ts'
import { order, registryStub } from '../harness/orders.ts'
import { askAsOwner, cameFrom, fetchRelay, ownerKey } from '../harness/relay.ts'

const DAY_MS = 24 * 60 * 60_000

const STATES = ['live', 'paused', 'expired', 'expired long ago', 'revoked', 'unknown', 'forged'] as const
type State = (typeof STATES)[number]

const CREDENTIALS = [
  'none',
  'empty',
  'another scheme',
  'malformed',
  'guessed',
  'very long',
  'deployer',
  'owner',
  'foreign owner',
  'expired owner',
  'removed owner',
  'client token',
  'client token of another share',
  'agent token',
  'path key',
  'share URL',
] as const
type Credential = (typeof CREDENTIALS)[number]

/** What whoever owns the share is answered. Of one that is not there all calls say the same. */
const SHARE_ROUTES: Readonly<Record<string, Readonly<Record<'live' | 'paused' | 'expired', string>>>> = {
  'GET /api/shares/:share': { live: '200', paused: '200', expired: '200' },
  'PATCH /api/shares/:share': { live: '200', paused: '200', expired: '200' },
  'DELETE /api/shares/:share': { live: '204', paused: '204', expired: '204' },
  'POST /api/shares/:share/rotate': { live: '201', paused: '201', expired: '410 SHARE_EXPIRED' },
  'POST /api/shares/:share/tokens': { live: '201', paused: '201', expired: '410 SHARE_EXPIRED' },
  'GET /api/shares/:share/tokens': { live: '200', paused: '200', expired: '200' },
  'PATCH /api/shares/:share/tokens/:token': { live: '200', paused: '200', expired: '200' },
  'DELETE /api/shares/:share/tokens/:token': { live: '204', paused: '204', expired: '204' },
  'POST /api/shares/:share/people': { live: '201', paused: '201', expired: '410 SHARE_EXPIRED' },
  'GET /api/shares/:share/people': { live: '200', paused: '200', expired: '200' },
  'DELETE /api/shares/:share/people/:person': { live: '204', paused: '204', expired: '204' },
  'GET /api/shares/:share/audit': { live: '200', paused: '200', expired: '200' },
  'GET /api/shares/:share/approvals': { live: '200', paused: '200', expired: '200' },
  // Nothing waits.
  'POST /api/shares/:share/approvals/:approval': {
    live: '404 APPROVAL_NOT_FOUND',
    paused: '404 APPROVAL_NOT_FOUND',
    expired: '404 APPROVAL_NOT_FOUND',
  },
  'DELETE /api/shares/:share/approvals/:approval': {
    live: '404 APPROVAL_NOT_FOUND',
    paused: '404 APPROVAL_NOT_FOUND',
    expired: '404 APPROVAL_NOT_FOUND',
  },
  'GET /api/shares/:share/server.json': { live: '200', paused: '200', expired: '410 SHARE_EXPIRED' },
  'GET /api/shares/:share/tools': { live: '200', paused: '200', expired: '200' },
  'GET /api/shares/:share/tools/diff': { live: '200', paused: '200', expired: '200' },
  'POST /api/shares/:share/tools/accept': { live: '200', paused: '200', expired: '200' },
  'GET /api/shares/:share/sessions': { live: '200', paused: '200', expired: '200' },
  // No agent has served one.
  'DELETE /api/shares/:share/servers/:server': {
    live: '404 SERVER_NOT_FOUND',
    paused: '404 SERVER_NOT_FOUND',
    expired: '404 SERVER_NOT_FOUND',
  },
  // Nobody has begun one.
  'DELETE /api/shares/:share/sessions/:session': {
    live: '404 SESSION_NOT_FOUND',
    paused: '404 SESSION_NOT_FOUND',
    expired: '404 SESSION_NOT_FOUND',
  },
}

const REFUSED = '401 OWNER_KEY_NEEDED'
const FORBIDDEN = '403 INSUFFICIENT_PERMISSIONS'

/** What the three who are let in are answered by the routes that are about no share. */
const OTHER_ROUTES: Readonly<Record<string, { readonly deployer: string; readonly owners: string; readonly others: string }>> = {
  'POST /api/claim': { deployer: '409 RELAY_CLAIMED', owners: '409 RELAY_CLAIMED', others: '409 RELAY_CLAIMED' },
  // It tells no secret.
  'GET /api/openapi.json': { deployer: '200', owners: '200', others: '200' },
  'POST /api/shares': { deployer: '201', owners: '201', others: REFUSED },
  'GET /api/catalog': { deployer: '200', owners: '200', others: REFUSED },
  'GET /api/shares': { deployer: '200', owners: '200', others: REFUSED },
  'POST /api/owners': { deployer: '201', owners: FORBIDDEN, others: REFUSED },
  'GET /api/owners': { deployer: '200', owners: FORBIDDEN, others: REFUSED },
  'DELETE /api/owners/:owner': { deployer: '204', owners: FORBIDDEN, others: REFUSED },
}

const BODIES: Readonly<Record<string, object>> = {
  'POST /api/shares/:share/tokens': { kind: 'key' },
  'POST /api/shares/:share/people': { name: 'n' },
  'POST /api/shares/:share/tools/accept': { all: true },
  'POST /api/owners': { name: 'n' },
  'POST /api/shares/:share/approvals/:approval': { decision: 'allow' },
}

interface Made {
  readonly share: string
  readonly share_url: string
  readonly client_token: string
  readonly agent_token: string
  /** Ids of one of its tokens, and of one of its people. */
  readonly token: string
  readonly person: string
}

const tokens: Record<string, string> = {}
const headers = new Map<Credential, Record<string, string>>()
/** All that must stand in no refusal and in no log. */
const secrets = new Set<string>()
let logged: MockInstance<typeof console.log>

async function makeOwner(): Promise<{ readonly id: string; readonly owner_token: string }> {
  return (await order('POST', '/api/owners', { name: 'n' })).told as unknown as { id: string; owner_token: string }
}

async function makeShare(state: State): Promise<Made> {
  const { told } = await order('POST', '/api/shares', {}, tokens['owner'])
  const share = String(told['share'])
  const list = (await order('GET', `/api/shares/${share}/tokens`, undefined, tokens['owner'])).told['tokens'] as {
    id: string
    kind: string
  }[]
  const token = list.find(({ kind }) => kind === 'client')?.id ?? ''
  const { told: person } = await order('POST', `/api/shares/${share}/people`, { name: 'n' }, tokens['owner'])
  secrets.add(String(person['code']))
  const made = { ...told, share, token, person: person['id'] } as unknown as Made
  for (const secret of [made.client_token, made.agent_token, made.share_url]) secrets.add(secret)
  if (state === 'paused') await order('PATCH', `/api/shares/${share}`, { paused: true }, tokens['owner'])
  if (state === 'expired') await endBefore(share, DAY_MS)
  if (state === 'expired long ago') await endBefore(share, 31 * DAY_MS)
  if (state === 'revoked') await order('DELETE', `/api/shares/${share}`, undefined, tokens['owner'])
  // Another relay's id has a wrong check; one that this relay has made and lost has a right one.
  if (state === 'forged') return { ...made, share: share.slice(0, -1) + (share.endsWith('a') ? 'b' : 'a') }
  if (state === 'unknown')
    await runInDurableObject(registryStub(), (_, { storage }) => void storage.sql.exec('DELETE FROM shares WHERE id = ?', share))
  return made
}

async function endBefore(share: string, agoMs: number): Promise<void> {
  await runInDurableObject(registryStub(), (_, { storage }) => {
    storage.sql.exec('UPDATE shares SET expires_at_ms = ? WHERE id = ?', Date.now() - agoMs, share)
  })
}

let asked = 0

/** Status, and the code of a refusal. */
async function ask(
  route: string,
  { share, token, person }: Pick<Made, 'share' | 'token' | 'person'>,
  credential: Credential,
  owner = '',
): Promise<string> {
  const [method = '', path = ''] = route.split(' ')
  const body = BODIES[route]
  const response = await fetchRelay(
    path.replace(':share', share).replace(':token', token).replace(':person', person).replace(':owner', owner),
    // Each from an address of its own: who goes on with wrong ones from one would be slowed.
    cameFrom(`192.0.${++asked >> 8}.${asked & 255}`, {
      method,
      headers: { ...headers.get(credential), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
    }),
  )
  const text = await response.text()
  if (response.status >= 400) expect([...secrets].filter((secret) => text.includes(secret))).toEqual([])
  if (response.status === 401) expect(response.headers.get('www-authenticate')).toBe('Bearer')
  if (response.status < 400) return String(response.status)
  const { code, status }: { code?: unknown; status?: unknown } = JSON.parse(text)
  expect([response.headers.get('content-type'), status]).toEqual(['application/problem+json', response.status])
  return `${response.status} ${String(code)}`
}

function expectedOf(route: string, credential: Credential, state: State): string {
  if (credential === 'deployer' || credential === 'foreign owner') return '404 SHARE_NOT_FOUND'
  if (credential !== 'owner') return REFUSED
  return state === 'live' || state === 'paused' || state === 'expired' ? (SHARE_ROUTES[route]?.[state] ?? '') : '404 SHARE_NOT_FOUND'
}

/** All that an owner can see of a share. */
async function lookAt({ share }: Made): Promise<unknown> {
  return [
    await order('GET', `/api/shares/${share}`, undefined, tokens['owner']),
    await order('GET', `/api/shares/${share}/tokens`, undefined, tokens['owner']),
  ]
}

beforeAll(async () => {
  logged = vi.spyOn(console, 'log').mockImplementation(() => {})
  const [owner, foreign, expired, removed] = [await makeOwner(), await makeOwner(), await makeOwner(), await makeOwner()]
  tokens['owner'] = owner.owner_token
  await runInDurableObject(registryStub(), (_, { storage }) => {
    storage.sql.exec('UPDATE owners SET expires_at_ms = ? WHERE id = ?', Date.now(), expired.id)
  })
  await order('DELETE', `/api/owners/${removed.id}`)
  const [own, other] = [await makeShare('live'), await makeShare('live')]
  const key = /\/k\/([^/]+)\//.exec(own.share_url)?.[1] ?? ''
  const bearers: Readonly<Record<Exclude<Credential, 'none' | 'another scheme'>, string>> = {
    empty: '',
    malformed: `${owner.owner_token} ${owner.owner_token}`,
    guessed: `${owner.owner_token.slice(0, -1)}${owner.owner_token.endsWith('A') ? 'B' : 'A'}`,
    'very long': `mcpe_owner_${'a'.repeat(10_000)}`,
    deployer: await ownerKey(),
    owner: owner.owner_token,
    'foreign owner': foreign.owner_token,
    'expired owner': expired.owner_token,
    'removed owner': removed.owner_token,
    'client token': own.client_token,
    'client token of another share': other.client_token,
    'agent token': own.agent_token,
    'path key': key,
    'share URL': own.share_url,
  }
  headers.set('none', {}).set('another scheme', { authorization: `Basic ${owner.owner_token}` })
  for (const [credential, bearer] of Object.entries(bearers)) {
    headers.set(credential as Credential, { authorization: `Bearer ${bearer}` })
    if (bearer !== '') secrets.add(bearer)
  }
})

test('every route of the API is spoken of here', () => {
  const routes = app.routes
    .filter(({ method, path }) => path.startsWith('/api/') && method !== 'ALL')
    .map(({ method, path }) => `${method} ${path}`)
  expect(new Set(routes)).toEqual(new Set([...Object.keys(SHARE_ROUTES), ...Object.keys(OTHER_ROUTES)]))
})

describe.each(STATES)('of a share that is %s', (state) => {
  test.each(Object.keys(SHARE_ROUTES))(
    '%s answers each credential as it shall, and nobody who is refused changes anything',
    async (route) => {
      verifies('promise.9.every-route')
      const made = await makeShare(state)
      const before = await lookAt(made)
      const told: Record<string, string> = {}
      for (const credential of CREDENTIALS) if (credential !== 'owner') told[credential] = await ask(route, made, credential)
      expect(await lookAt(made)).toEqual(before)
      told['owner'] = await ask(route, made, 'owner')
      expect(told).toEqual(Object.fromEntries(CREDENTIALS.map((credential) => [credential, expectedOf(route, credential, state)])))
    },
  )
})

test.each(Object.entries(OTHER_ROUTES))('%s answers each credential as it shall', async (route, { deployer, owners, others }) => {
  verifies('promise.9.every-route')
  const told: Record<string, string> = {}
  for (const credential of CREDENTIALS)
    told[credential] = await ask(route, { share: '', token: '', person: '' }, credential, (await makeOwner()).id)
  const expected = CREDENTIALS.map((credential) => {
    if (credential === 'deployer') return [credential, deployer]
    return [credential, credential === 'owner' || credential === 'foreign owner' ? owners : others]
  })
  expect(told).toEqual(Object.fromEntries(expected))
})

test('any other method names those that there are, and is refused as they are', async () => {
  const { share, token } = await makeShare('live')
  const paths = new Map<string, string[]>()
  for (const route of [...Object.keys(SHARE_ROUTES), ...Object.keys(OTHER_ROUTES)]) {
    const [method = '', path = ''] = route.split(' ')
    paths.set(path, [...(paths.get(path) ?? []), method])
  }
  for (const [path, methods] of paths) {
    const at = path.replace(':share', share).replace(':token', token).replace(':person', token).replace(':owner', 'x')
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((other) => !methods.includes(other))) {
      const response = await askAsOwner(method, at)
      expect(response.status, `${method} ${path}`).toBe(405)
      expect(new Set(response.headers.get('allow')?.split(', ')), path).toEqual(new Set(methods))
      const refused = await fetchRelay(at, { method })
      expect(refused.status, `${method} ${path}`).toBe(['/api/claim', '/api/openapi.json'].includes(path) ? 405 : 401)
    }
  }
})

test.each(['/api', '/api/', '/api/nothing', '/api/claim/x', '/api/health'])('there is nothing at %s, for nobody', async (path) => {
  for (const credential of CREDENTIALS) {
    const response = await fetchRelay(path, { headers: headers.get(credential) ?? {} })
    const { code }: { code: string } = await response.json()
    expect([response.status, code]).toEqual([404, 'ROUTE_NOT_FOUND'])
  }
})

test('nothing of a credential was logged meanwhile', () => {
  verifies('promise.9.not-in-logs')
  const text = logged.mock.calls.flat().map(String).join('\n')
  expect([...secrets].filter((secret) => text.includes(secret))).toEqual([])
  expect(secrets.size).toBeGreaterThan(100)
})
