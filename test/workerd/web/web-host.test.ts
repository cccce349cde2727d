/** A share's web app on a host of its own, in the real runtime: who is let in by what, what the app sees, and what of its answer passes. */
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { CAVEAT_NONCE_BYTES } from '../../../protocol/narrowing/caveat.ts'
import { narrowCredential } from '../../../protocol/narrowing/narrow.ts'
import app from '../../../worker/index.ts'
import { verifies } from '../../requirements/verifies.ts'
import { askAsOwner, createShare, stubOf, type TestShare } from '../harness/relay.ts'
import { ScriptedAgent } from '../harness/scripted-agent.ts'
import { fieldOf, keyOf, servedApp, WebAgent } from '../harness/web-agent.ts'

const DOMAIN = 'share.example'
const hosted = { ...env, SHARE_DOMAIN: DOMAIN }
const encoder = new TextEncoder()

function hostOf(share: TestShare): string {
  return `https://${share.id}-app.${DOMAIN}`
}

/** A request to the app's host; redirects are not followed. */
function ask(
  share: TestShare,
  path = '/',
  { headers, ...init }: RequestInit & { headers?: Record<string, string> } = {},
): Promise<Response> {
  const request = new Request(`${hostOf(share)}${path}`, { redirect: 'manual', ...init, headers: headers ?? {} })
  return Promise.resolve(app.fetch(request, hosted, createExecutionContext()))
}

function bearer(share: TestShare): Record<string, string> {
  return { authorization: `Bearer ${share.clientToken}` }
}

const SAME = { 'sec-fetch-site': 'same-origin' }

describe('who is let in', () => {
  test('a bearer token, which the app does not see', async () => {
    verifies('promise.14.who', 'promise.14.credential', 'promise.14.as-sent')
    const { share, web } = await servedApp()
    const { open, response } = await web.serve(ask(share, '/a%2Fb?q=1', { headers: { ...bearer(share), 'x-mine': '1' } }))
    expect(await response.text()).toBe('hello')
    expect(open).toMatchObject({ method: 'GET', target: '/a%2Fb?q=1', origin: hostOf(share) })
    expect(open.hasBody).toBeUndefined()
    expect(fieldOf(open, 'authorization')).toBeUndefined()
    expect(fieldOf(open, 'x-mine')).toBe('1')
    expect(fieldOf(open, 'x-forwarded-proto')).toBe('https')
    expect(fieldOf(open, 'x-forwarded-host')).toBe(new URL(hostOf(share)).host)
    await web.gone()
  })

  test('a bearer token that its holder has narrowed, which the app does not see either, also where all are let in', async () => {
    verifies('promise.14.who', 'promise.14.credential')
    const { share, web } = await servedApp()
    const narrowed = await narrowCredential(share.clientToken, {}, crypto.getRandomValues(new Uint8Array(CAVEAT_NONCE_BYTES)))
    const authorization = `Bearer ${narrowed.ok ? narrowed.value : narrowed.error}`
    const { open, response } = await web.serve(ask(share, '/', { headers: { authorization } }))
    expect(await response.text()).toBe('hello')
    expect(fieldOf(open, 'authorization')).toBeUndefined()
    await web.gone()
    const { key } = await keyOf(share)
    const both = await web.serve(ask(share, '/', { headers: { authorization, cookie: `__Host-mcpe=${key}` } }))
    expect(fieldOf(both.open, 'authorization')).toBeUndefined()
  })

  test('a key that is none is told so, however it is spelled', async () => {
    const { share } = await servedApp()
    expect((await ask(share, '/?mcp_edge_key=%')).status).toBe(404)
    expect((await ask(share, '/?mcp_edge_key=%E0%A4')).status).toBe(404)
  })

  test('a key in the URL becomes a cookie, on the same page of the same host, and no app sees either', async () => {
    verifies('promise.14.who', 'promise.14.credential')
    const { share, web } = await servedApp()
    const { key } = await keyOf(share)
    const entered = await ask(share, `//evil.example/x?a=1&mcp_edge_key=${key}&b=%20`)
    expect(entered.status).toBe(303)
    expect(entered.headers.get('location')).toBe(`${hostOf(share)}//evil.example/x?a=1&b=%20`)
    expect(entered.headers.get('referrer-policy')).toBe('no-referrer')
    expect(entered.headers.get('cache-control')).toBe('no-store')
    const cookie = entered.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^__Host-mcpe=[^;]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=\d+$/)
    const [pair = ''] = cookie.split(';')
    const { open } = await web.serve(ask(share, '/x', { headers: { cookie: `a=1; ${pair}; b=2`, authorization: 'Basic own' } }))
    expect(fieldOf(open, 'cookie')).toBe('a=1; b=2')
    expect(fieldOf(open, 'authorization')).toBe('Basic own')
    await web.gone()
    const posted = await web.serve(ask(share, `/x?mcp_edge_key=${key}`, { method: 'POST', body: 'x', headers: { ...bearer(share) } }))
    expect(posted.open.target).toBe('/x')
  })

  test('nobody else: not another share’s key, a wrong one, an agent, or whoever shows nothing', async () => {
    verifies('promise.14.who')
    const { share } = await servedApp()
    const { key } = await keyOf(await createShare())
    expect((await ask(share, `/?mcp_edge_key=${key}`)).status).toBe(404)
    expect((await ask(share, '/', { headers: { cookie: `__Host-mcpe=${key}` } })).status).toBe(401)
    expect((await ask(share, '/', { headers: { authorization: `Bearer ${share.agentToken}` } })).status).toBe(401)
    expect((await ask(share, '/', { headers: { authorization: 'Bearer own' } })).status).toBe(401)
    const bare = await ask(share, '/', { headers: { accept: 'text/html' } })
    expect(bare.status).toBe(401)
    expect(bare.headers.get('content-type')).toContain('text/html')
  })

  test('a share that is none is one wrong try for each request', async () => {
    await createShare()
    const request = (): Request =>
      new Request(`https://${'a'.repeat(32)}-app.${DOMAIN}/`, { headers: { 'cf-connecting-ip': '192.0.2.77' } })
    const statuses = new Set<number>()
    for (let tries = 0; tries < 20; tries++) statuses.add((await app.fetch(request(), hosted, createExecutionContext())).status)
    expect([...statuses]).toEqual([404])
  })

  test('whoever shows nothing, where the owner says so, with the app’s own sign-in', async () => {
    verifies('promise.14.who', 'promise.14.credential')
    const share = await createShare({ anonymous: { access: 'read' } })
    const web = await WebAgent.connect(share)
    const { open } = await web.serve(ask(share, '/', { headers: { authorization: 'Bearer own' } }))
    expect(fieldOf(open, 'authorization')).toBe('Bearer own')
    expect((await ask(share, '/', { method: 'POST', body: 'x' })).status).toBe(403)
    const relays = await ask(share, '/', { headers: { authorization: `Bearer ${share.agentToken}` } })
    expect(relays.status).toBe(401)
  })

  test('nothing of the relay is there: each path is the app’s', async () => {
    verifies('promise.14.own-host')
    const { share, web } = await servedApp()
    for (const path of [
      '/healthz',
      '/mcp',
      '/sse',
      '/authorize',
      '/token',
      '/api/shares',
      '/.well-known/oauth-protected-resource',
      `/s/${share.id}/mcp`,
    ]) {
      const { open, response } = await web.serve(ask(share, path, { headers: bearer(share) }))
      expect([open.target, await response.text()], path).toEqual([path, 'hello'])
      await web.gone()
    }
  })
})

describe('a cookie', () => {
  async function withCookie(share: TestShare): Promise<Record<string, string>> {
    return { cookie: `__Host-mcpe=${(await keyOf(share)).key}` }
  }

  test('counts for unsafe methods and upgrades of the app’s own pages alone', async () => {
    verifies('promise.14.cookie-origin')
    const { share, web } = await servedApp()
    const cookie = await withCookie(share)
    const origin = hostOf(share)
    const post = (headers: Record<string, string>): Promise<Response> =>
      ask(share, '/', { method: 'POST', body: 'x', headers: { ...cookie, ...headers } })
    for (const headers of [
      {},
      { origin },
      SAME,
      { origin: 'https://relay.example', ...SAME },
      { origin: `https://${share.id}.${DOMAIN}`, ...SAME },
      { origin: 'null', ...SAME },
      { origin, 'sec-fetch-site': 'same-site' },
      { origin, 'sec-fetch-site': 'none' },
    ])
      expect((await post(headers)).status, JSON.stringify(headers)).toBe(403)
    const upgrade = (headers: Record<string, string>): Promise<Response> =>
      ask(share, '/', { headers: { ...cookie, upgrade: 'websocket', ...headers } })
    for (const headers of [{}, { origin: 'https://evil.example' }, { origin, 'sec-fetch-site': 'same-site' }])
      expect((await upgrade(headers)).status, JSON.stringify(headers)).toBe(403)
    expect((await web.serve(post({ origin, ...SAME }))).response.status).toBe(200)
  })

  test('lets other pages follow a link, and read nothing', async () => {
    verifies('promise.14.cookie-origin')
    const { share, web } = await servedApp()
    const cookie = await withCookie(share)
    const get = (headers: Record<string, string>): Promise<Response> => ask(share, '/', { headers: { ...cookie, ...headers } })
    for (const site of ['same-site', 'cross-site'])
      for (const headers of [
        { 'sec-fetch-site': site, 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
        { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' },
        { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
      ])
        expect((await get(headers)).status, JSON.stringify(headers)).toBe(403)
    expect((await get({ origin: 'https://evil.example' })).status).toBe(403)
    const followed = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
    expect((await web.serve(get(followed))).response.status).toBe(200)
  })

  test('of the relay’s name is never the app’s to set, and its others are for this host alone', async () => {
    verifies('promise.14.credential')
    const { share, web } = await servedApp()
    const { response } = await web.serve(ask(share, '/', { headers: bearer(share) }), {
      headers: [
        ['set-cookie', 'a=1; Domain=share.example; Path=/; HttpOnly'],
        ['set-cookie', 'b=2;domain = .share.example'],
        ['Set-Cookie', '__Host-mcpe=evil; Path=/; Secure'],
        ['set-cookie', ' __host-MCPE=evil'],
        ['set-cookie', '=__Host-mcpe=evil'],
        ['clear-site-data', '"cookies"'],
        ['alt-svc', 'h3=":443"'],
        ['etag', '"1"'],
      ],
    })
    expect(response.headers.getSetCookie()).toEqual(['a=1; Path=/; HttpOnly', 'b=2'])
    expect(response.headers.get('clear-site-data')).toBeNull()
    expect(response.headers.get('alt-svc')).toBeNull()
    expect(response.headers.get('etag')).toBe('"1"')
  })
})

describe('what a link allows', () => {
  test('with access read: GET and HEAD, and no upgrade', async () => {
    verifies('promise.14.policy')
    const { share, web } = await servedApp()
    const { key } = await keyOf(share, { access: 'read' })
    const cookie = { cookie: `__Host-mcpe=${key}`, origin: hostOf(share), ...SAME }
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      expect((await ask(share, '/', { method, headers: cookie })).status, method).toBe(403)
    expect((await ask(share, '/', { headers: { ...cookie, upgrade: 'websocket' } })).status).toBe(403)
    for (const name of ['X-HTTP-Method-Override', 'x-http-method', 'x-method-override'])
      expect((await ask(share, '/', { headers: { ...cookie, [name]: 'DELETE' } })).status, name).toBe(403)
    for (const method of ['GET', 'HEAD']) {
      expect((await web.serve(ask(share, '/', { method, headers: cookie }))).response.status).toBe(200)
      await web.gone()
    }
  })

  test('and more is refused with what the link allows: to people in a page, to programs as a problem', async () => {
    verifies('promise.14.policy')
    const { share } = await servedApp()
    const { key } = await keyOf(share, { access: 'read' })
    const from = (accept: string) => ({ cookie: `__Host-mcpe=${key}`, origin: hostOf(share), ...SAME, accept })
    const posted = (accept: string): Promise<Response> => ask(share, '/save', { method: 'POST', body: 'a=1', headers: from(accept) })
    const page = await posted('text/html,application/xhtml+xml,*/*;q=0.8')
    expect([page.status, page.headers.get('allow'), page.headers.get('content-type')]).toEqual([
      403,
      'GET, HEAD',
      'text/html; charset=utf-8',
    ])
    const html = await page.text()
    for (const part of ['a web app that somebody shares', 'may only read: GET and HEAD', 'Ask the owner of the share', 'WEB_NOT_ALLOWED'])
      expect(html).toContain(part)
    for (const accept of ['application/json', '*/*']) {
      const problem = await posted(accept)
      expect([problem.status, problem.headers.get('allow'), problem.headers.get('content-type')]).toEqual([
        403,
        'GET, HEAD',
        'application/problem+json',
      ])
      expect(await problem.json()).toMatchObject({
        code: 'WEB_NOT_ALLOWED',
        status: 403,
        detail: expect.stringContaining('may only read: GET and HEAD') as string,
      })
    }
    const socket = await ask(share, '/', { headers: { ...from('*/*'), upgrade: 'websocket' } })
    expect([socket.status, socket.headers.get('allow')]).toEqual([403, 'GET, HEAD'])
    const ofTools = await keyOf(share, { access: 'admin', tools: { allow: ['a'] } })
    const refused = await ask(share, '/', { headers: { cookie: `__Host-mcpe=${ofTools.key}`, accept: 'text/html' } })
    expect([refused.status, refused.headers.get('allow')]).toEqual([403, null])
    expect(await refused.text()).toContain('MCP server, and opens no web app')
  })

  test('what the agent lets nobody do is refused as such, with what may be done', async () => {
    verifies('promise.14.policy')
    const { share, web } = await servedApp()
    const { key } = await keyOf(share)
    const headers = { cookie: `__Host-mcpe=${key}`, origin: hostOf(share), ...SAME, accept: 'text/html' }
    const posting = ask(share, '/save', { method: 'POST', headers })
    const { x } = await web.opened()
    web.agent.send({ type: 'web_failed', x, code: 'APP_REQUEST_REFUSED', detail: 'READ_ONLY.' })
    const refused = await posting
    expect([refused.status, refused.headers.get('allow')]).toEqual([403, 'GET, HEAD'])
    expect(await refused.text()).toContain('lets nobody do more than read it: GET and HEAD')
  })

  test('a policy on tools opens no app, unless it says so', async () => {
    verifies('promise.14.policy')
    const { share, web } = await servedApp()
    const closed = await keyOf(share, { access: 'admin', tools: { allow: ['a'] } })
    expect((await ask(share, '/', { headers: { cookie: `__Host-mcpe=${closed.key}` } })).status).toBe(403)
    const open = await keyOf(share, { access: 'admin', tools: { allow: ['a'] }, web: true })
    expect((await web.serve(ask(share, '/', { headers: { cookie: `__Host-mcpe=${open.key}` } }))).response.status).toBe(200)
    const none = await keyOf(share, { web: false })
    expect((await ask(share, '/', { headers: { cookie: `__Host-mcpe=${none.key}` } })).status).toBe(403)
  })

  test('revocation cuts a download that is under way', async () => {
    verifies('promise.14.cut')
    const { share, web } = await servedApp()
    const { key, id } = await keyOf(share)
    const answering = ask(share, '/', { headers: { cookie: `__Host-mcpe=${key}` } })
    const { x } = await web.opened()
    web.agent.send({ type: 'web_head', x, status: 200, headers: [] })
    web.agent.send({ type: 'web_data', x, at: 1 }, encoder.encode('a'))
    const reader = (await answering).body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('a')
    const cut = expect(reader?.read()).rejects.toThrow()
    expect((await askAsOwner('DELETE', `/api/shares/${share.id}/tokens/${id}`)).status).toBe(204)
    await cut
    await web.gone()
    expect((await ask(share, '/', { headers: { cookie: `__Host-mcpe=${key}` } })).status).toBe(410)
  })

  test('a limit of the share counts requests, and the audit names them without their queries', async () => {
    verifies('promise.14.limits')
    const share = await createShare({ limits: { calls: '2/hour' } })
    const web = await WebAgent.connect(share)
    for (let at = 0; at < 2; at++) {
      await (await web.serve(ask(share, '/p?secret=1', { headers: bearer(share) }))).response.text()
      await web.gone()
    }
    const refused = await ask(share, '/', { headers: bearer(share) })
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    const { events }: { events: readonly Record<string, unknown>[] } = await (
      await askAsOwner('GET', `/api/shares/${share.id}/audit`)
    ).json()
    expect(events.filter(({ method }) => method === 'web GET /p')).toMatchObject([
      { outcome: 'ok', status: 200 },
      { status: 200, bytes: 5 },
    ])
  })
})

describe('an agent', () => {
  test('that is away, has no app, or goes in the middle is told of as such', async () => {
    verifies('promise.14.failures')
    const share = await createShare()
    expect((await ask(share, '/', { headers: bearer(share) })).status).toBe(503)
    const plain = await ScriptedAgent.connect(share)
    const none = await ask(share, '/', { headers: bearer(share) })
    expect([none.status, (await none.json<{ code: string }>()).code]).toEqual([404, 'NO_WEB_APP'])
    plain.close()
    const { share: other, web } = await servedApp()
    const waiting = ask(other, '/', { headers: bearer(other) })
    await web.opened()
    web.agent.close()
    const lost = await waiting
    expect([lost.status, (await lost.json<{ code: string }>()).code]).toEqual([502, 'APP_LINK_LOST'])
  })

  test('says how its app has failed', async () => {
    verifies('promise.14.failures')
    const { share, web } = await servedApp()
    const waiting = ask(share, '/', { headers: bearer(share) })
    const { x } = await web.opened()
    web.agent.send({ type: 'web_failed', x, code: 'APP_UNREACHABLE', detail: 'ECONNREFUSED.' })
    const failed = await waiting
    expect([failed.status, await failed.json()]).toMatchObject([
      502,
      { code: 'APP_UNREACHABLE', detail: expect.stringContaining('ECONNREFUSED') as string },
    ])
    await web.gone()
  })

  test('is not sent what its link cannot carry', async () => {
    verifies('promise.14.failures')
    const { share, web } = await servedApp()
    const many = Object.fromEntries(Array.from({ length: 1100 }, (_, at) => [`x-${at}`, '1']))
    const refused = await ask(share, '/', { headers: { ...bearer(share), ...many } })
    expect([refused.status, (await refused.json<{ code: string }>()).code]).toEqual([403, 'APP_REQUEST_REFUSED'])
    await web.gone()
    expect((await web.serve(ask(share, '/', { headers: bearer(share) }))).response.status).toBe(200)
  })

  test('that ends an answer which it has not begun has broken it', async () => {
    const { share, web } = await servedApp()
    const response = ask(share, '/', { headers: bearer(share) })
    web.agent.send({ type: 'web_end', x: (await web.opened()).x })
    expect((await response).status).toBe(502)
  })

  test('cannot speak for an exchange of another', async () => {
    const { share, web } = await servedApp()
    const other = await ScriptedAgent.connect(share, { agent: 'other', join: 'replica', serves: 'web' })
    const waiting = ask(share, '/', { headers: bearer(share) })
    const first = await Promise.race([web.agent.hasFrame().then(() => web.agent), other.hasFrame().then(() => other)])
    const [mine, theirs] = first === other ? [other, web.agent] : [web.agent, other]
    const { x } = (await mine.expect('web_open')).header
    new WebAgent(theirs).answer(x, 'evil')
    new WebAgent(mine).answer(x, 'right')
    expect(await (await waiting).text()).toBe('right')
  })
})

describe('bodies', () => {
  test('go up within credit, and down as they are taken', async () => {
    verifies('promise.14.flow')
    const { share, web } = await servedApp()
    const body = new Uint8Array(100_000).fill(7)
    const waiting = ask(share, '/', { method: 'PUT', body, headers: bearer(share) })
    const { x, hasBody } = await web.opened()
    expect(hasBody).toBe(true)
    let received = 0
    let upto = 16 * 1024
    for (;;) {
      const { header, body: part } = await web.agent.next()
      if (header.type === 'web_end') break
      if (header.type !== 'web_data') continue
      received += part.length
      expect(header.at).toBe(received)
      expect(received).toBeLessThanOrEqual(upto)
      if (received === upto) web.agent.send({ type: 'web_credit', x, upto: (upto += 30_000) })
    }
    expect(received).toBe(body.length)
    web.answer(x)
    expect(await (await waiting).text()).toBe('hello')
  })

  test('give credit for what a client takes, and none for what it does not', async () => {
    verifies('promise.14.flow')
    const { share, web } = await servedApp()
    const waiting = ask(share, '/', { headers: bearer(share) })
    const { x } = await web.opened()
    web.agent.send({ type: 'web_head', x, status: 200, headers: [['content-length', '16384']] })
    web.agent.send({ type: 'web_data', x, at: 16_384 }, new Uint8Array(16_384))
    const { header } = await web.agent.expect('web_credit')
    expect(header.upto).toBeGreaterThan(16_384)
    web.agent.send({ type: 'web_end', x })
    const response = await waiting
    expect(response.headers.get('content-length')).toBe('16384')
    expect((await response.arrayBuffer()).byteLength).toBe(16_384)
  })
})

test('an object with an idle event stream of an app may sleep, and goes on with it', async () => {
  verifies('promise.14.sleeps')
  const { share, web } = await servedApp()
  const waiting = ask(share, '/', { headers: bearer(share) })
  const { x } = await web.opened()
  web.agent.send({ type: 'web_head', x, status: 200, headers: [['content-type', 'text/event-stream']] })
  const reader = (await waiting).body?.getReader()
  const { evictDurableObject } = await import('cloudflare:test')
  await evictDurableObject(stubOf(share))
  web.agent.send({ type: 'web_data', x, at: 3 }, encoder.encode('abc'))
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('abc')
  await reader?.cancel()
  await web.gone()
})

describe('a WebSocket', () => {
  async function connected(
    protocol?: string,
  ): Promise<{ web: WebAgent; x: string; socket: WebSocket; response: Response; share: TestShare }> {
    const { share, web } = await servedApp()
    const asked = protocol === undefined ? {} : { 'sec-websocket-protocol': 'news, chat' }
    const waiting = ask(share, '/ws', { headers: { ...bearer(share), upgrade: 'websocket', ...asked } })
    const { x, upgrade, protocols } = await web.opened()
    expect(upgrade).toBe(true)
    if (protocol !== undefined) expect(protocols).toEqual(['news', 'chat'])
    web.agent.send({ type: 'web_head', x, status: 101, headers: [], ...(protocol === undefined ? {} : { protocol }) })
    const response = await waiting
    const socket = response.webSocket
    if (socket === null) throw new Error(`no WebSocket: ${response.status}`)
    socket.binaryType = 'arraybuffer'
    return { web, x, socket, response, share }
  }

  test('carries text and binary messages both ways, and the subprotocol', async () => {
    verifies('promise.14.websocket')
    const { web, x, socket, response } = await connected('chat')
    expect(response.headers.get('sec-websocket-protocol')).toBe('chat')
    const came: unknown[] = []
    const both = Promise.withResolvers<void>()
    socket.addEventListener('message', ({ data }) => {
      came.push(typeof data === 'string' ? data : [...new Uint8Array(data as ArrayBuffer)])
      if (came.length === 3) both.resolve()
    })
    socket.accept()
    socket.send('hi')
    socket.send(Uint8Array.of(1, 2))
    socket.send('')
    expect((await web.agent.expect('web_message')).header).toMatchObject({ kind: 'text', at: 2 })
    const second = await web.agent.expect('web_message')
    expect([second.header.kind, ...second.body]).toEqual(['binary', 1, 2])
    expect((await web.agent.expect('web_message')).body.length).toBe(0)
    web.agent.send({ type: 'web_message', x, at: 2, kind: 'text', more: true }, encoder.encode('a\u00e4').subarray(0, 2))
    web.agent.send({ type: 'web_message', x, at: 3, kind: 'text' }, encoder.encode('\u00e4').subarray(1))
    web.agent.send({ type: 'web_message', x, at: 4, kind: 'binary' }, Uint8Array.of(9))
    web.agent.send({ type: 'web_message', x, at: 4, kind: 'text' })
    await both.promise
    expect(came).toEqual(['a\u00e4', [9], ''])
  })

  test.each([1000, 1001, 1011, 3000, 4999])('is closed by the app with code %i', async (code) => {
    verifies('promise.14.websocket')
    const { web, x, socket } = await connected()
    const closed = new Promise<readonly [number, string]>((resolve) => {
      socket.addEventListener('close', (event) => resolve([event.code, event.reason]))
    })
    socket.accept()
    web.agent.send({ type: 'web_close', x, code, reason: 'why' })
    expect(await closed).toEqual([code, 'why'])
    await web.gone()
  })

  test.each([1000, 4001])('is closed by the client with code %i', async (code) => {
    verifies('promise.14.websocket')
    const { web, socket } = await connected()
    socket.accept()
    socket.close(code, 'bye')
    expect((await web.agent.expect('web_close')).header).toMatchObject({ code, reason: 'bye' })
    await web.gone()
  })

  test('counts with each message, also with an empty one', async () => {
    verifies('promise.14.limits')
    const { web, x, socket, share } = await connected()
    socket.accept()
    for (let sent = 0; sent < 10; sent++) {
      socket.send('')
      await web.agent.expect('web_message')
    }
    const heard = new Promise((resolve) => socket.addEventListener('message', resolve))
    web.agent.send({ type: 'web_message', x, at: 1, kind: 'text' }, encoder.encode('a'))
    await heard
    socket.close(1000)
    await web.gone()
    const { events } = await (
      await askAsOwner('GET', `/api/shares/${share.id}/audit`)
    ).json<{ events: readonly Record<string, unknown>[] }>()
    expect(events.filter(({ method }) => method === 'web GET /ws')).toMatchObject([{ bytes: 11 * 8 + 1 }])
  })

  test('ends when its link is revoked', async () => {
    verifies('promise.14.cut')
    const { socket, share } = await connected()
    const closed = new Promise<number>((resolve) => {
      socket.addEventListener('close', ({ code }) => resolve(code))
    })
    socket.accept()
    await askAsOwner('PATCH', `/api/shares/${share.id}`, { paused: true })
    expect(await closed).toBe(1011)
  })

  test('that the app refuses is answered as the app does', async () => {
    const { share, web } = await servedApp()
    const waiting = ask(share, '/ws', { headers: { ...bearer(share), upgrade: 'websocket' } })
    const { x } = await web.opened()
    web.answer(x, 'no', { status: 403 })
    const response = await waiting
    expect([response.status, await response.text()]).toEqual([403, 'no'])
  })
})
