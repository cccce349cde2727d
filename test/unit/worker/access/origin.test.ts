import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { guardOrigin, isLoopbackName, refuseOrigin, shareOfAppHost, shareOfHost, webAppUrl } from '../../../../worker/access/origin.ts'
import { readSettings } from '../../../../worker/env.ts'
import { verifies } from '../../../requirements/verifies.ts'

const LOCAL = { LOOPBACK: '1' }
const CLOUD = {}
const HOSTED = { SHARE_DOMAIN: 'share.example' }
const ID = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)

test.each([
  ['no origin', CLOUD, 'https://relay.example/s/x/mcp', undefined, undefined],
  ['its own origin', CLOUD, 'https://relay.example/s/x/mcp', 'https://relay.example', undefined],
  ['a foreign page', CLOUD, 'https://relay.example/s/x/mcp', 'https://evil.example', 'ORIGIN_REFUSED'],
  ['its own name over http', CLOUD, 'https://relay.example/s/x/mcp', 'http://relay.example', 'ORIGIN_REFUSED'],
  ['an opaque origin', CLOUD, 'https://relay.example/s/x/mcp', 'null', 'ORIGIN_REFUSED'],
  ['a loopback page on a public relay', CLOUD, 'https://relay.example/s/x/mcp', 'http://localhost:6274', 'ORIGIN_REFUSED'],
  [
    'an allowed page',
    { ALLOWED_ORIGINS: 'https://a.example, https://B.example/' },
    'https://relay.example/',
    'https://b.example',
    undefined,
  ],
  ['any page when all are allowed', { ALLOWED_ORIGINS: '*' }, 'https://relay.example/', 'https://evil.example', undefined],
  [
    'an origin that only begins like an allowed one',
    { ALLOWED_ORIGINS: 'https://a.example' },
    'https://relay.example/',
    'https://a.example.evil',
    'ORIGIN_REFUSED',
  ],
  ['a loopback page on a loopback relay', LOCAL, 'http://127.0.0.1:8787/', 'http://localhost:6274', undefined],
  ['a foreign page on a loopback relay', LOCAL, 'http://127.0.0.1:8787/', 'https://evil.example', 'ORIGIN_REFUSED'],
  ['a rebound name', LOCAL, 'http://evil.example:8787/', 'http://evil.example:8787', 'HOST_REFUSED'],
  ['a rebound name without an origin', LOCAL, 'http://evil.example:8787/', undefined, 'HOST_REFUSED'],
  ['an allowed host', { LOOPBACK: '1', ALLOWED_HOSTS: 'mcp.example' }, 'http://mcp.example:8787/', undefined, undefined],
  ['an allowed host with its port', { LOOPBACK: '1', ALLOWED_HOSTS: 'mcp.example:8787' }, 'http://mcp.example:8787/', undefined, undefined],
  [
    'an allowed host with another port',
    { LOOPBACK: '1', ALLOWED_HOSTS: 'mcp.example:8787' },
    'http://mcp.example:1/',
    undefined,
    'HOST_REFUSED',
  ],
  [
    'the host of the public URL',
    { LOOPBACK: '1', PUBLIC_URL: 'https://mcp.example' },
    'http://mcp.example/',
    'https://mcp.example',
    undefined,
  ],
  [
    'a loopback page through a proxy',
    { LOOPBACK: '1', PUBLIC_URL: 'https://mcp.example' },
    'http://mcp.example/',
    'http://localhost:1',
    'ORIGIN_REFUSED',
  ],
  ['an app’s page to its own share', HOSTED, `https://relay.example/s/${ID}/mcp`, `https://${ID}-app.share.example`, undefined],
  ['an app’s page to its share’s host', HOSTED, `https://${ID}.share.example/mcp`, `https://${ID}-app.share.example`, undefined],
  ['an app’s page to another share', HOSTED, `https://relay.example/s/${OTHER}/mcp`, `https://${ID}-app.share.example`, 'ORIGIN_REFUSED'],
  [
    'an app’s page to another share’s host',
    HOSTED,
    `https://${OTHER}.share.example/mcp`,
    `https://${ID}-app.share.example`,
    'ORIGIN_REFUSED',
  ],
  ['an app’s page to the owner’s API', HOSTED, 'https://relay.example/api/shares', `https://${ID}-app.share.example`, 'ORIGIN_REFUSED'],
  ['a share host’s page to the owner’s API', LOCAL, 'http://127.0.0.1:8787/api/shares', `http://${ID}.localhost:8787`, 'ORIGIN_REFUSED'],
  ['an app’s page on a loopback relay', LOCAL, 'http://127.0.0.1:8787/', `http://${ID}-app.localhost:8787`, 'ORIGIN_REFUSED'],
  [
    'an app’s page on a loopback relay, to its share',
    LOCAL,
    `http://127.0.0.1:8787/s/${ID}/mcp`,
    `http://${ID}-app.localhost:8787`,
    undefined,
  ],
  [
    'an app’s page, when all pages are allowed',
    { ...LOCAL, ALLOWED_ORIGINS: '*' },
    'http://127.0.0.1:8787/',
    `http://${ID}-app.localhost:8787`,
    'ORIGIN_REFUSED',
  ],
  ['another page of this machine on a loopback relay', LOCAL, 'http://127.0.0.1:8787/', 'http://app.localhost:5173', undefined],
  ['another host when hosts are listed', { ALLOWED_HOSTS: 'mcp.example' }, 'https://relay.example/', undefined, 'HOST_REFUSED'],
])('refuseOrigin() decides about %s', (_what, variables, url, origin, expected) => {
  verifies('promise.9.origins', 'http.origin.validated')
  expect(refuseOrigin(readSettings(variables), new URL(url), origin)).toBe(expected)
})

test.each(['localhost', 'a.localhost', '127.0.0.1', '127.1.2.3', '[::1]'])('isLoopbackName() knows %s', (name) => {
  expect(isLoopbackName(name)).toBe(true)
})

test.each(['localhost.evil.example', '127.0.0.1.evil.example', 'notlocalhost', '128.0.0.1', '[::2]', '0.0.0.0', ''])(
  'isLoopbackName() is not fooled by %j',
  (name) => {
    expect(isLoopbackName(name)).toBe(false)
  },
)

const app = new Hono().use(guardOrigin).all('*', () => new Response('secret', { headers: { vary: 'Accept' } }))
const PAGE = 'https://page.example'
const ask = (init: RequestInit, variables: Record<string, string> = { ALLOWED_ORIGINS: PAGE }) =>
  app.request('https://relay.example/s/x/mcp', init, variables)

test('guardOrigin answers a preflight with 204 before the route is reached, and allows the headers asked for', async () => {
  verifies('promise.9.preflight')
  const asked = 'authorization,content-type,mcp-protocol-version,x-own'
  const headers = { origin: PAGE, 'access-control-request-method': 'POST', 'access-control-request-headers': asked }
  const response = await ask({ method: 'OPTIONS', headers })
  expect(response.status).toBe(204)
  expect(await response.text()).toBe('')
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'access-control-allow-origin': PAGE,
    'access-control-allow-methods': 'GET, POST, PATCH, DELETE, OPTIONS',
    'access-control-allow-headers': asked,
    vary: 'Origin, Access-Control-Request-Headers',
  })
})

test('guardOrigin does not echo a malformed list of headers', async () => {
  const headers = { origin: PAGE, 'access-control-request-method': 'POST', 'access-control-request-headers': 'a b;c' }
  expect((await ask({ method: 'OPTIONS', headers })).headers.get('access-control-allow-headers')).toContain('last-event-id')
})

test('guardOrigin refuses a preflight of a foreign page with 403 and no CORS header', async () => {
  const response = await ask({ method: 'OPTIONS', headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' } })
  expect(response.status).toBe(403)
  expect(response.headers.has('access-control-allow-origin')).toBe(false)
  expect(await response.json()).toMatchObject({ code: 'ORIGIN_REFUSED' })
})

test('guardOrigin lets an allowed page read the answer and the headers of MCP', async () => {
  const response = await ask({ headers: { origin: PAGE } })
  expect(await response.text()).toBe('secret')
  expect(response.headers.get('access-control-allow-origin')).toBe(PAGE)
  expect(response.headers.get('access-control-expose-headers')).toMatch(/mcp-session-id.*www-authenticate/)
  expect(response.headers.get('vary')).toBe('Accept, Origin')
})

test('guardOrigin leaves alone what no page has asked for', async () => {
  const response = await ask({})
  expect(response.headers.has('access-control-allow-origin')).toBe(false)
  expect(await response.text()).toBe('secret')
})

test('guardOrigin looks at hosts and pages as strictly after a request that it let in', async () => {
  const variables = { LOOPBACK: '1' }
  const statusOf = async (url: string, headers: Record<string, string> = {}): Promise<number> =>
    (await app.request(url, { headers }, variables)).status
  expect(await statusOf('http://127.0.0.1:8787/s/x/mcp')).toBe(200)
  expect(await statusOf('http://127.0.0.1:8787/s/y/mcp')).toBe(200)
  expect(await statusOf('http://127.0.0.1:8787/s/x/mcp', { origin: 'https://evil.example' })).toBe(403)
  for (const url of ['http://127.0.0.1.evil.example:8787/', 'http://evil.example:8787/', 'http://evil.example/127.0.0.1:8787/'])
    expect([url, await statusOf(url)]).toEqual([url, 403])
})

test('shareOfAppHost() knows the hosts of web apps, and shareOfHost() does not', () => {
  verifies('promise.14.own-host')
  const settings = readSettings(HOSTED)
  expect(shareOfAppHost(settings, `https://${ID}-app.share.example/x`)).toBe(ID)
  for (const host of [
    `${ID}.share.example`,
    `x-app.share.example`,
    `${ID}-app.evil.example`,
    `${ID}-app.share.example.evil`,
    `a.${ID}-app.share.example`,
  ])
    expect(shareOfAppHost(settings, `https://${host}/`), host).toBeUndefined()
  expect(shareOfHost(settings, `https://${ID}-app.share.example/`)).toBeUndefined()
})

test('webAppUrl() is on a host that the world can find, or below the relay’s own', () => {
  const key = 'k'.repeat(52)
  const url = (variables: object, relay: string): string => webAppUrl(readSettings(variables), relay, ID, key)
  expect(url(HOSTED, 'https://relay.example')).toBe(`https://${ID}-app.share.example/?mcp_edge_key=${key}`)
  expect(url(LOCAL, 'http://127.0.0.1:8787')).toBe(`http://${ID}-app.localhost:8787/?mcp_edge_key=${key}`)
  expect(url(CLOUD, 'https://relay.example')).toBe(`https://relay.example/s/${ID}/k/${key}/http/`)
  const proxied = { ...LOCAL, PUBLIC_URL: 'https://mcp.example' }
  expect(url(proxied, 'https://mcp.example')).toBe(`https://mcp.example/s/${ID}/k/${key}/http/`)
})
