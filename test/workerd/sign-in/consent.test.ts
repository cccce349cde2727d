/** The consent page in the real runtime: what it shows, who may decide, and that it can be neither framed, forged nor replayed. */
import { describe, expect, test, vi } from 'vitest'
import { Registry } from '../../../worker/registry/registry.ts'
import { CONSENT_MS } from '../../../worker/sign-in/limits.ts'
import { SPARING_ASKS } from '../../../worker/trust-limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { order } from '../harness/orders.ts'
import { createShare, ORIGIN } from '../harness/relay.ts'
import { invite, SigningIn } from '../harness/sign-in.ts'

async function opened(members: object = {}, options: { redirectUri?: string } = {}) {
  const share = await createShare()
  const { code, id } = await invite(share)
  const signing = new SigningIn(share, options)
  await signing.register(members)
  return { share, code, id, signing, page: await signing.open() }
}

describe('the consent page', () => {
  test('is plain HTML without script that nothing may frame, keep or add to', async () => {
    verifies('promise.9.consent')
    const { page } = await opened()
    const { headers } = page.response
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).toContain("form-action 'self' https://claude.ai")
    expect(policy).not.toMatch(/script-src|unsafe/)
    expect([headers.get('x-frame-options'), headers.get('cache-control')]).toEqual(['DENY', 'no-store'])
    expect(page.html).not.toMatch(/<script|onclick|<iframe|javascript:/i)
    expect(headers.get('set-cookie')).toMatch(/^__Host-sign-in-[\w-]+=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict; Max-Age=600$/)
  })

  test('shows where access goes above who claims to ask, what for, and until when', async () => {
    const { share, page } = await opened()
    const places = ['claude.ai', 'It calls itself', 'Claude', 'not verified', `${ORIGIN}/s/${share.id}/mcp`, 'Until', 'GMT'].map((text) =>
      page.html.indexOf(text),
    )
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(places).not.toContain(-1)
  })

  test.each([
    ['http://localhost:8787/callback', 'localhost:8787'],
    ['http://127.0.0.1:33418/', '127.0.0.1:33418'],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'cursor://anysphere.cursor-mcp/oauth/callback'],
  ])('warns of %s, behind which any program of this computer may be', async (redirectUri, shown) => {
    const { page } = await opened({}, { redirectUri })
    expect(page.html).toContain(`<p class="to">${shown}</p>`)
    expect(page.html).toContain('a program on this computer')
  })

  test('takes what others have named for text', async () => {
    const { page } = await opened({ client_name: `</dd><script>alert(1)</script>"'&\u202E` + 'x'.repeat(500) })
    expect(page.html).not.toContain('<script>')
    expect(page.html).toContain('&lt;script&gt;')
    expect(page.html).not.toContain('\u202E')
    expect(page.html).not.toContain('x'.repeat(101))
  })

  test.each([
    [{ client_id: 'nobody' }],
    [{ redirect_uri: 'https://evil.example/callback' }],
    [{ redirect_uri: 'http://claude.ai/api/mcp/auth_callback' }],
    [{ redirect_uri: 'javascript:alert(1)' }],
  ])('is not shown for %j, and the browser is sent nowhere', async (members) => {
    const { signing } = await opened()
    const { response } = await signing.open(members)
    expect([response.status, response.headers.get('location')]).toEqual([400, null])
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  })

  test.each([
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ code_challenge: '' }, 'invalid_request'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ resource: 'https://other.example/mcp' }, 'invalid_target'],
  ])('tells the client what is wrong with %j, and who says so', async (members, error) => {
    const { signing } = await opened()
    const { response } = await signing.open(members)
    const location = new URL(response.headers.get('location') ?? '')
    expect([response.status, location.origin, location.searchParams.get('error')]).toEqual([303, 'https://claude.ai', error])
    expect([location.searchParams.get('iss'), location.searchParams.get('state')]).toEqual([signing.base, 'st'])
  })
})

test('pages that strangers open cost the registry a few requests, and keep nobody from signing in', async () => {
  verifies('promise.9.slowed')
  const share = await createShare()
  const { code } = await invite(share)
  const signing = new SigningIn(share)
  await signing.register({})
  const asked = vi.spyOn(Registry.prototype, 'shareTrust')
  const pages = await Promise.all(Array.from({ length: 50 }, () => signing.open()))
  expect(pages.map(({ response }) => response.status)).toEqual(Array.from({ length: 50 }, () => 200))
  expect(asked.mock.calls.length).toBeLessThanOrEqual(SPARING_ASKS)
  const page = await signing.open()
  expect(asked.mock.calls.length).toBeLessThanOrEqual(SPARING_ASKS)
  asked.mockRestore()
  expect((await signing.decide(page, { code })).status).toBe(303)
})

describe('a decision', () => {
  test('to allow leads back with a code, the state and the issuer, and takes the cookie away', async () => {
    const { signing, page, code } = await opened()
    const response = await signing.decide(page, { code })
    const location = new URL(response.headers.get('location') ?? '')
    expect([response.status, location.href.startsWith('https://claude.ai/api/mcp/auth_callback?code=')]).toEqual([303, true])
    expect([location.searchParams.get('state'), location.searchParams.get('iss')]).toEqual(['st', signing.base])
    expect(response.headers.get('set-cookie')).toContain('Max-Age=0')
    expect(response.headers.get('referrer-policy')).toBe('no-referrer')
  })

  test('to refuse tells the client so, and leaves the access code as it is', async () => {
    const { signing, page, code } = await opened()
    const response = await signing.decide(page, { code, decision: 'deny' })
    const location = new URL(response.headers.get('location') ?? '')
    expect([location.searchParams.get('error'), location.searchParams.get('iss')]).toEqual(['access_denied', signing.base])
    expect((await signing.decide(await signing.open(), { code })).status).toBe(303)
  })

  test.each(['', 'aaaa-aaaa-aaaa-aaaa-aaaa-aaaa', 'guess'])('with the access code %j is asked again, and asks no object', async (code) => {
    const { signing, page } = await opened()
    const response = await signing.decide(page, { code })
    expect([response.status, response.headers.get('location')]).toEqual([403, null])
    expect(await response.text()).toContain('role="alert"')
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  })

  test('with a used, a removed or an ended access code proves nothing', async () => {
    verifies('promise.9.consent')
    const { signing, page, code, share } = await opened()
    expect((await signing.decide(page, { code })).status).toBe(303)
    // Replayed: the same form, and a new one.
    expect((await signing.decide(page, { code })).status).toBe(403)
    expect((await signing.decide(await signing.open(), { code })).status).toBe(403)
    const removed = await invite(share)
    await order('DELETE', `/api/shares/${share.id}/people/${removed.id}`)
    expect((await signing.decide(await signing.open(), { code: removed.code })).status).toBe(403)
    const ended = await invite(share, { name: 'Ann', expires_in: 1 })
    await vi.waitFor(async () => expect((await signing.decide(await signing.open(), { code: ended.code })).status).toBe(403), {
      timeout: 5000,
    })
  })

  test('of two at once with one access code is taken once', async () => {
    const { signing, code } = await opened()
    const pages = [await signing.open(), await signing.open()]
    const decided = await Promise.all(pages.map((page) => signing.decide(page, { code })))
    expect(decided.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([303, 403])
  })

  test.each([
    ['from another origin', { origin: 'https://evil.example' }],
    ['from another share of the same site', { 'sec-fetch-site': 'same-site' }],
    ['from a page without origin', { origin: 'null' }],
    ['without the cookie', { cookie: '' }],
    ['with the cookie of another page', { cookie: `__Host-sign-in-AAAAAAAA=${'A'.repeat(43)}` }],
  ])('%s is refused', async (_, headers) => {
    const { signing, page, code } = await opened()
    const response = await signing.decide(page, { code }, headers)
    expect([response.status, response.headers.get('location')]).toEqual([403, null])
    expect((await signing.decide(page, { code })).status).toBe(303)
  })

  test('on a form that was opened in another browser, changed, or opened for another share is refused', async () => {
    verifies('promise.9.consent')
    const { signing, page, code } = await opened()
    const other = await signing.open()
    const foreign = await opened()
    const [payload = '', seal = ''] = page.sealed.split('.')
    const changed = btoa(atob(payload.replaceAll('-', '+').replaceAll('_', '/')).replace('claude.ai', 'evil.test')).replace(/=+$/, '')
    for (const form of [
      { ...page, cookie: other.cookie },
      { ...page, sealed: other.sealed },
      { ...page, sealed: `${changed}.${seal}` },
      { ...page, sealed: `${payload}.` },
      { ...page, sealed: foreign.page.sealed, cookie: foreign.page.cookie },
    ])
      expect((await signing.decide(form, { code })).status).toBe(403)
  })

  test('comes too late after ten minutes', async () => {
    const { signing, page, code } = await opened()
    vi.useFakeTimers({ now: Date.now() + CONSENT_MS, toFake: ['Date'] })
    expect((await signing.decide(page, { code })).status).toBe(403)
    vi.useRealTimers()
  })

  test('is never taken by GET', async () => {
    const { signing, page, code } = await opened()
    const query = new URLSearchParams({ request: page.sealed, decision: 'allow', code }).toString()
    const response = await signing.ask(`/authorize?${query}`, { headers: { cookie: page.cookie } })
    expect(response.status).toBe(400)
  })
})
