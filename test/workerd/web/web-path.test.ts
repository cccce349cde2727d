/** A share's web app below a path of the relay's own origin, in the real runtime: what its pages are kept from, and what of them is rewritten. */
import { describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { askAsOwner, fetchRelay, ORIGIN, type TestShare } from '../harness/relay.ts'
import { fieldOf, keyOf, servedApp, type WebAgent } from '../harness/web-agent.ts'

const SANDBOX = 'sandbox allow-scripts allow-forms allow-modals allow-downloads'

interface Below {
  readonly share: TestShare
  readonly web: WebAgent
  /** Where the app stands. */
  readonly base: string
  readonly id: string
}

async function below(policy?: object): Promise<Below> {
  const { share, web } = await servedApp()
  const { key, id } = await keyOf(share, policy)
  return { share, web, base: `/s/${share.id}/k/${key}/http`, id }
}

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetchRelay(path, { redirect: 'manual', ...init })
}

/** What the page of the app becomes. */
async function page(
  html: string,
  headers: readonly (readonly [string, string])[] = [['content-type', 'text/html; charset=utf-8']],
): Promise<{ text: string; base: string; response: Response }> {
  const { web, base } = await below()
  const { response } = await web.serve(ask(`${base}/dir/page`), { headers }, html)
  return { text: (await response.text()).replaceAll(base, 'BASE'), base, response }
}

describe('every response below a path', () => {
  test('is sandboxed, and loses what reaches beyond it', async () => {
    verifies('promise.14.sandbox')
    const { web, base } = await below()
    const { response } = await web.serve(ask(`${base}/x`), {
      headers: [
        ['content-type', 'image/png'],
        ['set-cookie', 'a=1'],
        ['clear-site-data', '"*"'],
        ['service-worker-allowed', '/'],
        ['content-security-policy', "default-src 'self'"],
        ['referrer-policy', 'unsafe-url'],
        ['access-control-allow-origin', 'https://evil.example'],
        ['access-control-allow-credentials', 'true'],
        ['www-authenticate', 'Basic'],
        ['refresh', '0; url=/api'],
        ['link', '</x>; rel=preload'],
        ['strict-transport-security', 'max-age=1'],
        ['x-frame-options', 'DENY'],
        ['etag', '"1"'],
        ['accept-ranges', 'bytes'],
        ['cache-control', 'max-age=5'],
      ],
    })
    expect(Object.fromEntries(response.headers)).toEqual({
      'accept-ranges': 'bytes',
      'cache-control': 'max-age=5',
      'content-security-policy': `${SANDBOX}, default-src 'self'`,
      'content-type': 'image/png',
      etag: '"1"',
      'referrer-policy': 'no-referrer',
      vary: 'Origin',
    })
  })

  test('also of the relay’s own, and of any status and method', async () => {
    verifies('promise.14.sandbox')
    const { web, base, share } = await below()
    const refused = [
      await ask(`/s/${share.id}/k/wrong/http/`, { headers: { accept: 'text/html' } }),
      await ask(`/s/${share.id}/http/`),
      await ask(base),
      await ask(`${base}/`, { method: 'TRACE' }).catch(() => undefined),
      await ask(`${base}/`, { headers: { origin: 'https://evil.example' } }),
      await ask(`${base}/sw.js`, { headers: { 'service-worker': 'script' } }),
      await ask(`${base}/`, { method: 'OPTIONS', headers: { origin: 'null', 'access-control-request-method': 'PUT' } }),
    ]
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PROPFIND']) {
      for (const status of [200, 302, 404, 500]) {
        refused.push((await web.serve(ask(`${base}/`, { method }), { status, headers: [['location', '/next']] })).response)
        await web.gone()
      }
    }
    for (const response of refused) {
      expect(response?.headers.get('content-security-policy') ?? SANDBOX).toContain(SANDBOX)
      expect(response?.headers.get('referrer-policy') ?? 'no-referrer').toBe('no-referrer')
    }
  })
})

describe('who', () => {
  test('a key in the path, a bearer, or nobody in particular, and no cookie of the relay’s reaches an app', async () => {
    verifies('promise.14.who', 'promise.14.credential')
    const { web, base, share } = await below()
    const keyed = await web.serve(
      ask(`${base}/a%2Fb?q=1`, { headers: { cookie: 'owner=secret', authorization: 'Basic own', 'accept-encoding': 'gzip' } }),
    )
    expect(keyed.open).toMatchObject({ target: '/a%2Fb?q=1', origin: ORIGIN })
    expect([fieldOf(keyed.open, 'cookie'), fieldOf(keyed.open, 'authorization')]).toEqual([undefined, 'Basic own'])
    expect(fieldOf(keyed.open, 'accept-encoding')).toBe('identity')
    await web.gone()
    const borne = await web.serve(ask(`/s/${share.id}/http/x`, { headers: { authorization: `Bearer ${share.clientToken}` } }))
    expect([borne.open.target, fieldOf(borne.open, 'authorization')]).toEqual(['/x', undefined])
    const open = await servedApp({ anonymous: { access: 'read' } })
    expect((await open.web.serve(ask(`/s/${open.share.id}/http/`))).response.status).toBe(200)
    expect((await ask(`/s/${open.share.id}/http/`, { method: 'POST' })).status).toBe(403)
    expect((await ask(`/s/${share.id}/http/`)).status).toBe(401)
  })

  test('methods need no redirect, and the first page gets its slash', async () => {
    const { web, base } = await below()
    expect((await web.serve(ask(base, { method: 'POST', body: 'x' }))).open).toMatchObject({ method: 'POST', target: '/', hasBody: true })
    const slash = await ask(`${base}?a=1`)
    expect([slash.status, slash.headers.get('location')]).toEqual([308, `${base}/?a=1`])
  })

  test('a key that its client spells in another way leads to the same, and its pages stay where it has come', async () => {
    const { web, base } = await below()
    const spelled = base.replace(/\/k\/./, (start) => `/k/%${start.charCodeAt(3).toString(16)}`)
    expect((await ask(spelled)).headers.get('location')).toBe(`${spelled}/`)
    const head = { headers: [['content-type', 'text/html']] } as const
    const { open, response } = await web.serve(ask(`${spelled}/dir`), head, '<a href="/x">')
    expect(open.target).toBe('/dir')
    expect(await response.text()).toBe(`<a href="${spelled}/x">`)
  })

  test('pages of an opaque origin may read what they ask for; other pages may not ask', async () => {
    verifies('promise.14.sandbox')
    const { web, base } = await below()
    const own = await web.serve(ask(`${base}/`, { headers: { origin: 'null' } }))
    expect(own.response.headers.get('access-control-allow-origin')).toBe('null')
    expect(own.response.headers.get('access-control-allow-credentials')).toBeNull()
    expect(fieldOf(own.open, 'origin')).toBe(ORIGIN)
    await web.gone()
    const preflight = await ask(`${base}/`, {
      method: 'OPTIONS',
      headers: { origin: 'null', 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a, content-type' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-methods')).toBe('PUT')
    expect(preflight.headers.get('access-control-allow-headers')).toBe('x-a, content-type')
    const foreign = await ask(`${base}/`, { headers: { origin: 'https://evil.example' } })
    expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([403, null])
  })

  test('no service worker is installed', async () => {
    verifies('promise.14.sandbox')
    const { base } = await below()
    const refused = await ask(`${base}/sw.js`, { headers: { 'service-worker': 'script' } })
    expect([refused.status, (await refused.json<{ code: string }>()).code]).toEqual([403, 'SERVICE_WORKER_REFUSED'])
  })

  test('revoking the key ends it', async () => {
    const { base, share, id } = await below()
    await askAsOwner('DELETE', `/api/shares/${share.id}/tokens/${id}`)
    expect((await ask(`${base}/`)).status).toBe(410)
  })
})

describe('what is rewritten', () => {
  test('URLs of the app’s root in attributes, style sheets and refreshes, and no others', async () => {
    verifies('promise.14.rewritten')
    const { text, response } = await page(
      `<!doctype html><base href="/app/"><meta http-equiv="Refresh" content="5; url=/later"><meta name="x" content="/same">
<link rel="stylesheet" href="/a.css" integrity="sha384-x"><script src='/a.js' integrity="sha384-y">fetch("/api")</script>
<a href="/x?y=1#z">/text</a><a href="//other.example/x">o</a><a href="https://other.example/x">o</a><a href="rel">r</a><a href="#h">h</a>
<a href="${ORIGIN}/mine">m</a><a href=/unquoted>u</a><a href="\\\\evil.example">e</a><a href="/\\evil.example">e</a>
<img src="/i.png" srcset="/1.png 1x, /2.png 2x,data:image/jpeg;base64,/9j/4AAQ 3x" style="background: url('/b.png')">
<form action="/post"><button formaction="/other">b</button></form><video poster="/p.png"></video><object data="/o"></object>
<style>@import "/c.css"; p { background: url(/d.png) }</style>`,
      [
        ['content-type', 'text/html'],
        ['etag', '"1"'],
        ['content-length', '99999'],
        ['last-modified', 'x'],
        ['accept-ranges', 'bytes'],
      ],
    )
    expect(text)
      .toBe(`<!doctype html><base href="BASE/app/"><meta http-equiv="Refresh" content="5; url=BASE/later"><meta name="x" content="/same">
<link rel="stylesheet" href="BASE/a.css"><script src="BASE/a.js" integrity="sha384-y">fetch("/api")</script>
<a href="BASE/x?y=1#z">/text</a><a href="//other.example/x">o</a><a href="https://other.example/x">o</a><a href="rel">r</a><a href="#h">h</a>
<a href="BASE/mine">m</a><a href="BASE/unquoted">u</a><a href="\\\\evil.example">e</a><a href="/\\evil.example">e</a>
<img src="BASE/i.png" srcset="BASE/1.png 1x, BASE/2.png 2x,data:image/jpeg;base64,/9j/4AAQ 3x" style="background: url('BASE/b.png')">
<form action="BASE/post"><button formaction="BASE/other">b</button></form><video poster="BASE/p.png"></video><object data="BASE/o"></object>
<style>@import "BASE/c.css"; p { background: url(BASE/d.png) }</style>`)
    for (const name of ['etag', 'content-length', 'last-modified', 'accept-ranges']) expect(response.headers.get(name), name).toBeNull()
  })

  test('style sheets, and Location', async () => {
    verifies('promise.14.rewritten')
    const css = await page('@import url("/a.css");a{background:url( /b.png )}b{background:url(//c/d)}', [['content-type', 'text/css']])
    expect(css.text).toBe('@import url("BASE/a.css");a{background:url( BASE/b.png )}b{background:url(//c/d)}')
    const { web, base } = await below()
    for (const [location, expected] of [
      ['/next?a', `${base}/next?a`],
      ['next', 'next'],
      [`${ORIGIN}/next`, `${base}/next`],
      ['https://other.example/', 'https://other.example/'],
      ['//other.example/', '//other.example/'],
    ] as const) {
      const { response } = await web.serve(ask(`${base}/`), { status: 302, headers: [['location', location]] })
      expect(response.headers.get('location')).toBe(expected)
      await web.gone()
    }
  })

  test('nothing else, and no part of a page is asked for', async () => {
    const script = await page('fetch("/api"); url(/x)', [
      ['content-type', 'text/javascript'],
      ['etag', '"1"'],
    ])
    expect([script.text, script.response.headers.get('etag')]).toEqual(['fetch("/api"); url(/x)', '"1"'])
    const { web, base } = await below()
    const asked = await web.serve(ask(`${base}/`, { headers: { range: 'bytes=0-1', accept: 'text/html' } }))
    expect(fieldOf(asked.open, 'range')).toBeUndefined()
    await web.gone()
    const media = await web.serve(ask(`${base}/v.mp4`, { headers: { range: 'bytes=0-1' } }), {
      status: 206,
      headers: [
        ['content-type', 'video/mp4'],
        ['content-range', 'bytes 0-1/9'],
      ],
    })
    expect([fieldOf(media.open, 'range'), media.response.status, media.response.headers.get('content-range')]).toEqual([
      'bytes=0-1',
      206,
      'bytes 0-1/9',
    ])
  })
})
