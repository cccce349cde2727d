/** Signing in as a way into a web app on its own host, in the real runtime: who is sent there, who comes back with a cookie, and in which browser only. */
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import app from '../../../worker/index.ts'
import { verifies } from '../../requirements/verifies.ts'
import { askAsOwner, createShare, ORIGIN, ownerKey, type TestShare } from '../harness/relay.ts'
import { invite, type Person, signedIn, SigningIn } from '../harness/sign-in.ts'
import { fieldOf, keyOf, servedApp } from '../harness/web-agent.ts'

const DOMAIN = 'share.example'
const hosted = { ...env, SHARE_DOMAIN: DOMAIN }
/** As browsers ask for a page that is typed or followed to. */
const VISIT = { accept: 'text/html,*/*', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': 'none' }

type Init = RequestInit & { readonly headers?: Readonly<Record<string, string>> }

function appHost(share: Pick<TestShare, 'id'>): string {
  return `https://${share.id}-app.${DOMAIN}`
}

function fetchFrom(url: string, init: Init = {}): Promise<Response> {
  return Promise.resolve(app.fetch(new Request(url, { redirect: 'manual', ...init }), hosted, createExecutionContext()))
}

function visit(share: Pick<TestShare, 'id'>, path = '/', headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetchFrom(appHost(share) + path, { headers: { ...VISIT, ...headers } })
}

function locationOf(response: Response): string {
  return response.headers.get('location') ?? ''
}

/** The cookies that a response sets, as a browser sends them back. */
function cookiesOf(response: Response): string {
  const pairs = response.headers.getSetCookie().map((cookie) => cookie.split(';')[0] ?? '')
  return pairs.filter((pair) => !pair.endsWith('=')).join('; ')
}

interface Page {
  readonly html: string
  readonly sealed: string
  readonly cookie: string
  readonly response: Response
}

async function opened(url: string): Promise<Page> {
  const response = await fetchFrom(url, { headers: { accept: 'text/html' } })
  const html = await response.text()
  return { html, sealed: /name="request" value="([^"]*)"/.exec(html)?.[1] ?? '', cookie: cookiesOf(response), response }
}

function decide(share: TestShare, page: Pick<Page, 'sealed' | 'cookie'>, fields: Record<string, string>, headers = {}): Promise<Response> {
  const base = `https://${share.id}.${DOMAIN}`
  const sent = { origin: base, 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded', cookie: page.cookie }
  const body = new URLSearchParams({ request: page.sealed, decision: 'allow', ...fields }).toString()
  return fetchFrom(`${base}/authorize/app`, { method: 'POST', headers: { ...sent, ...headers }, body })
}

/** From the app to the way back: what one browser has by then. */
async function approved(share: TestShare, { code }: Pick<Person, 'code'>, path = '/') {
  const sent = await visit(share, path)
  const back = await decide(share, await opened(locationOf(sent)), { code })
  return { entryCookie: cookiesOf(sent), back: locationOf(back), response: back }
}

/** The same, until the browser has its cookie. */
async function entered(share: TestShare, person: Pick<Person, 'code'>): Promise<{ readonly response: Response; readonly cookie: string }> {
  const { entryCookie, back } = await approved(share, person, '/x?a=1')
  const response = await fetchFrom(back, { headers: { ...VISIT, cookie: entryCookie } })
  return { response, cookie: cookiesOf(response) }
}

describe('a browser that shows nothing', () => {
  test('is sent to the sign-in of a share that has people, for a page alone', async () => {
    verifies('promise.14.sign-in')
    const { share } = await servedApp()
    expect((await visit(share)).status).toBe(401)
    const { share: other } = await servedApp()
    await invite(other)
    const sent = await visit(other, '/x?a=1')
    expect([sent.status, locationOf(sent).split('?')[0]]).toEqual([303, `https://${other.id}.${DOMAIN}/authorize/app`])
    expect(sent.headers.get('cache-control')).toBe('no-store')
    expect(sent.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^__Host-mcpe-in-[\w-]{8}=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=660$/),
    ])
    for (const headers of [
      { 'sec-fetch-dest': 'iframe' },
      { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
      { accept: 'application/json' },
      { authorization: `Bearer ${share.clientToken}` },
    ])
      expect((await visit(other, '/', headers)).status, JSON.stringify(headers)).toBe(401)
    expect((await fetchFrom(appHost(other), { method: 'POST', headers: VISIT, body: 'x' })).status).toBe(401)
    expect((await fetchFrom(appHost(other), { method: 'HEAD', headers: VISIT })).status).toBe(401)
  })

  test('is let in without it where the owner says so, and sent there by no relay without a host for it', async () => {
    verifies('promise.14.sign-in')
    const { share, web } = await servedApp({ anonymous: { access: 'read' } })
    await invite(share)
    expect((await web.serve(visit(share))).response.status).toBe(200)
    const { share: other } = await servedApp()
    await invite(other)
    const plain = new Request(`https://relay.example/s/${other.id}/http/`, { headers: VISIT })
    expect((await app.fetch(plain, env, createExecutionContext())).status).toBe(401)
  })
})

describe('whoever signs in', () => {
  test('comes back to the page with a cookie, and uses the app as a person, which the app does not see', async () => {
    verifies('promise.14.sign-in', 'promise.14.credential')
    const { share, web } = await servedApp()
    const person = await invite(share)
    const page = await opened(locationOf(await visit(share)))
    expect(page.html).toContain(`${share.id}-app.${DOMAIN}`)
    expect(page.response.headers.get('content-security-policy')).toContain(`form-action 'self' ${appHost(share)};`)
    expect(page.response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    const { response, cookie } = await entered(share, person)
    expect([response.status, locationOf(response)]).toEqual([303, `${appHost(share)}/x?a=1`])
    const [session = '', ended = ''] = response.headers.getSetCookie()
    expect(session).toMatch(/^__Host-mcpe=[\w.-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=2592000$/)
    expect(ended).toMatch(/^__Host-mcpe-in-[\w-]{8}=; .*Max-Age=0$/)
    const served = await web.serve(visit(share, '/x?a=1', { cookie: `a=1; ${cookie}; __Host-mcpe-in-old=x` }))
    expect([served.response.status, served.open.target, fieldOf(served.open, 'cookie')]).toEqual([200, '/x?a=1', 'a=1'])
    expect(served.response.headers.getSetCookie()).toEqual([])
    await web.gone()
    // People may read unless their owner says more.
    const origin = appHost(share)
    const posted = await fetchFrom(origin, { method: 'POST', body: 'x', headers: { cookie, origin, 'sec-fetch-site': 'same-origin' } })
    expect([posted.status, (await posted.json<{ code: string }>()).code]).toEqual([403, 'WEB_NOT_ALLOWED'])
    const { events }: { events: readonly Record<string, unknown>[] } = await (
      await askAsOwner('GET', `/api/shares/${share.id}/audit`)
    ).json()
    expect(events.filter(({ method }) => method === 'web GET /x')).toMatchObject([{ principal: `person:${person.id}` }])
  })

  test('with a cookie that a day has passed over gets it anew, with a page alone', async () => {
    const { share, web } = await servedApp()
    const { cookie } = await entered(share, await invite(share))
    const now = Date.now
    Date.now = () => now() + 2 * 24 * 3600_000
    try {
      const other = await web.serve(
        visit(share, '/style.css', { cookie, 'sec-fetch-dest': 'style', 'sec-fetch-mode': 'no-cors', 'sec-fetch-site': 'same-origin' }),
      )
      expect(other.response.headers.getSetCookie()).toEqual([])
      await web.gone()
      const page = await web.serve(visit(share, '/', { cookie }))
      const again = cookiesOf(page.response)
      expect(again).toMatch(/^__Host-mcpe=/)
      expect(again).not.toBe(cookie)
    } finally {
      Date.now = now
    }
  })

  test('uses its code once, and gets nowhere with a wrong one', async () => {
    verifies('promise.14.sign-in')
    const { share } = await servedApp()
    const person = await invite(share)
    const wrong = await decide(share, await opened(locationOf(await visit(share))), { code: (await invite(await createShare())).code })
    expect([wrong.status, locationOf(wrong)]).toEqual([403, ''])
    await entered(share, person)
    const again = await decide(share, await opened(locationOf(await visit(share))), { code: person.code })
    expect([again.status, await again.text()]).toEqual([403, expect.stringContaining('used already') as string])
    const refused = await decide(share, await opened(locationOf(await visit(share))), {
      decision: 'deny',
      code: (await invite(share)).code,
    })
    expect([refused.status, locationOf(refused)]).toEqual([403, ''])
  })

  test('is out at once when the owner removes it, and may sign in anew with another code', async () => {
    verifies('promise.14.sign-in', 'promise.14.cut')
    const { share } = await servedApp()
    const person = await invite(share)
    await invite(share, { name: 'Bob' })
    const { cookie } = await entered(share, person)
    expect((await askAsOwner('DELETE', `/api/shares/${share.id}/people/${person.id}`)).status).toBe(204)
    expect((await fetchFrom(appHost(share), { headers: { cookie } })).status).toBe(401)
    expect(locationOf(await visit(share, '/', { cookie }))).toContain('/authorize/app?request=')
  })
})

describe('a sign-in of another browser', () => {
  test('ends nowhere: not without its cookie, with another’s, nor at another app', async () => {
    verifies('promise.14.sign-in')
    const { share } = await servedApp()
    const { share: other } = await servedApp()
    const { back, entryCookie } = await approved(share, await invite(share))
    const victims = cookiesOf(await visit(share))
    const flow = /^__Host-mcpe-in-([\w-]+)=/.exec(entryCookie)?.[1] ?? ''
    const tossed = victims.replace(/-in-[\w-]+=/, `-in-${flow}=`)
    for (const [url, cookie] of [
      [back, ''],
      [back, victims],
      [back, tossed],
      [back.replace(share.id, other.id), entryCookie],
      [back.replace(/sign_in=./, 'sign_in=_'), entryCookie],
      [back.slice(0, -1), entryCookie],
    ] as const) {
      const response = await fetchFrom(url, { headers: { ...VISIT, cookie } })
      expect([response.status, response.headers.getSetCookie()], url).toEqual([403, []])
    }
    expect((await fetchFrom(back, { headers: { ...VISIT, cookie: entryCookie } })).status).toBe(303)
  })

  test('is asked about by nobody else’s form or page, and leads to no other place', async () => {
    verifies('promise.14.sign-in')
    const { share } = await servedApp()
    const person = await invite(share)
    const url = locationOf(await visit(share))
    const page = await opened(url)
    for (const headers of [{ origin: appHost(share) }, { 'sec-fetch-site': 'same-site' }, { cookie: '' }])
      expect((await decide(share, page, { code: person.code }, headers)).status, JSON.stringify(headers)).toBe(403)
    const { share: other } = await servedApp()
    await invite(other)
    expect((await opened(url.replace(share.id, other.id))).response.status).toBe(400)
    const [payload = '', seal = ''] = (new URL(url).searchParams.get('request') ?? '').split('.')
    const forged = btoa(atob(payload.replaceAll('-', '+').replaceAll('_', '/')).replace(appHost(share), 'https://evil.example'))
    const sealed = `${forged.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}.${seal}`
    expect((await opened(`${url.split('?')[0]}?request=${sealed}`)).response.status).toBe(400)
    expect((await opened(url.replace(/request=.*/, ''))).response.status).toBe(400)
  })

  test('of a client is none of an app, and the other way round', async () => {
    verifies('promise.14.sign-in')
    const { share } = await servedApp()
    const { tokens } = await signedIn(share)
    expect((await visit(share, '/', { cookie: `__Host-mcpe=${tokens.access_token}` })).status).toBe(303)
    expect((await fetchFrom(appHost(share), { headers: { cookie: `__Host-mcpe=${tokens.access_token}` } })).status).toBe(401)
    const { cookie } = await entered(share, await invite(share, { name: 'Bob' }))
    const token = cookie.split('=')[1] ?? ''
    const signing = new SigningIn(share)
    expect((await signing.use(token)).status).toBe(401)
    expect((await fetchFrom(appHost(share), { headers: { authorization: `Bearer ${token}` } })).status).toBe(401)
    const { share: other } = await servedApp()
    expect((await fetchFrom(appHost(other), { headers: { cookie } })).status).toBe(401)
    // Each form is for the page that it was made for.
    const base = `https://${share.id}.${DOMAIN}`
    const clients = new SigningIn(share, { base, fetch: (request) => app.fetch(request, hosted, createExecutionContext()) })
    await clients.register()
    const page = await clients.open()
    const person = await invite(share, { name: 'Eve' })
    expect((await decide(share, page, { code: person.code })).status).toBe(403)
  })
})

test('a key that is revoked gets no cookie', async () => {
  verifies('promise.14.who')
  const { share } = await servedApp()
  const { key, id } = await keyOf(share)
  expect((await askAsOwner('DELETE', `/api/shares/${share.id}/tokens/${id}`)).status).toBe(204)
  const response = await fetchFrom(`${appHost(share)}/?mcp_edge_key=${key}`, { headers: VISIT })
  expect([response.status, response.headers.getSetCookie()]).toEqual([410, []])
})

test('an invitation says where the web app is opened, as a key does, where apps have hosts and an agent can share one', async () => {
  verifies('promise.14.sign-in')
  const headers = { authorization: `Bearer ${await ownerKey()}`, 'content-type': 'application/json' }
  const asked = async (path: string, body: object): Promise<Record<string, unknown>> =>
    (await fetchFrom(`${ORIGIN}/api/shares${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json()
  const { id } = await createShare()
  expect(await asked(`/${id}/people`, { name: 'Ann' })).toMatchObject({
    url: `https://${id}.${DOMAIN}/mcp`,
    web_url: `${appHost({ id })}/`,
  })
  expect(new URL(String((await asked(`/${id}/tokens`, { kind: 'key' }))['web_url'])).origin).toBe(appHost({ id }))
  const { share } = await asked('', { upstream: { url: 'https://mcp.example.com/mcp' } })
  expect(await asked(`/${String(share)}/people`, { name: 'Ann' })).not.toHaveProperty('web_url')
  const pathed = await askAsOwner('POST', `/api/shares/${id}/people`, { name: 'Bob' })
  expect(await pathed.json()).not.toHaveProperty('web_url')
})
