/** A share's web app that is out to get more than its own: as its requests reach the relay over real sockets, and, where Debian's Chromium is, as a browser lets it. */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { localhostFetch } from '../../harness/sign-in/localhost-fetch.ts'
import { Program } from '../../harness/program.ts'
import { createShare, type Relay, type Share, startAgent, startRelay, StateFolder } from '../../harness/selfhost.ts'
import { verifies } from '../../requirements/verifies.ts'

const CHROMIUM = '/usr/bin/chromium'
const hasBrowser = existsSync(CHROMIUM)

const stack = new AsyncDisposableStack()

let server: Server
let relay: Relay
/** The share of the hostile app, and one whose owner has nothing to do with it. */
let own: Opened
let other: Opened
/** What the hostile page has reached, by the attack. */
let report = Promise.withResolvers<Readonly<Record<string, string>>>()

interface Opened {
  readonly share: Share
  readonly webUrl: string
  readonly origin: string
  readonly cookie: string
}

/** Each attack resolves with what it has got, or throws. What browsers let nobody see comes out as a throw. */
function attackPage(): string {
  return `<!doctype html><script>
const relay = ${JSON.stringify(relay.origin)}, victim = ${JSON.stringify(other.origin)}, path = ${JSON.stringify(`/s/${other.share.id}/mcp`)}
const read = async (url, init) => (await fetch(url, { credentials: 'include', ...init })).status
const attacks = {
  api: () => read(relay + '/api/shares'),
  apiPost: () => read(relay + '/api/shares', { method: 'POST', body: '{}' }),
  otherShare: () => read(relay + path, { method: 'POST', body: '{}' }),
  otherApp: () => read(victim + '/'),
  otherAppPost: () => read(victim + '/', { method: 'POST', body: 'x' }),
  otherSocket: () => new Promise((resolve, reject) => {
    const socket = new WebSocket(victim.replace('http', 'ws') + '/')
    socket.onopen = () => resolve('open')
    socket.onerror = () => reject(new Error('refused'))
  }),
  frame: () => new Promise((resolve, reject) => {
    const frame = document.createElement('iframe')
    frame.src = relay + '/api/openapi.json'
    // The empty document that a frame begins with is the page's own, and of nobody else.
    frame.onload = () => { try { if (frame.contentDocument.URL !== 'about:blank') resolve(frame.contentDocument.body.innerText.slice(0, 20)) } catch (error) { reject(error) } }
    document.body.append(frame)
    setTimeout(() => reject(new Error('never loaded')), 3000)
  }),
  rootWorker: async () => {
    if (!location.pathname.startsWith('/s/')) throw new Error('its own root')
    await navigator.serviceWorker.register(new URL('sw.js', location.href), { scope: '/' })
    return 'registered'
  },
  ownCookie: () => { if (/__Host-mcpe|mcpe/.test(document.cookie)) return document.cookie; throw new Error('unseen') },
}
addEventListener('load', async () => {
  const reached = {}
  for (const [name, attack] of Object.entries(attacks)) try { reached[name] = String(await attack()) } catch {}
  await fetch(new URL('report', location.href), { method: 'POST', body: JSON.stringify(reached) })
})
</script><body></body>`
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? '/', 'http://app')
  if (pathname === '/report' && request.method === 'POST') {
    void text(request).then((told) => {
      report.resolve(JSON.parse(told) as Record<string, string>)
      response.end()
    })
    return
  }
  response.setHeader('set-cookie', [`tossed=1; Domain=localhost; Path=/`, '__Host-mcpe=evil; Path=/; Secure'])
  response.setHeader('service-worker-allowed', '/')
  response.setHeader('clear-site-data', '"cookies"')
  response.setHeader('content-type', pathname === '/sw.js' ? 'text/javascript' : 'text/html')
  response.end(pathname === '/sw.js' ? 'onfetch = () => {}' : attackPage())
}

async function opened(): Promise<Opened> {
  const share = await createShare(relay)
  const { port } = server.address() as AddressInfo
  stack.use(await startAgent(share, { args: ['--http', `http://127.0.0.1:${port}`] }))
  const made = (await (await relay.api('POST', `shares/${share.id}/tokens`, { kind: 'key', policy: { access: 'admin' } })).json()) as {
    web_url: string
  }
  const entered = await localhostFetch(made.web_url)
  return {
    share,
    webUrl: made.web_url,
    origin: new URL(made.web_url).origin,
    cookie: entered.headers.get('set-cookie')?.split(';')[0] ?? '',
  }
}

beforeAll(async () => {
  server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  stack.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  relay = stack.use(await startRelay())
  own = await opened()
  other = await opened()
})

afterAll(() => stack.disposeAsync())

/** The key of a URL that opens an app. */
function keyOf({ webUrl }: Opened): string {
  return new URL(webUrl).searchParams.get('mcp_edge_key') ?? ''
}

async function statusOf(url: string, init: RequestInit): Promise<number> {
  return (await localhostFetch(url, init)).status
}

describe('what a hostile page sends', () => {
  test('is refused everywhere but at its own share, from its host and from a sandbox', async () => {
    verifies('promise.14.own-host', 'promise.14.cookie-origin', 'promise.14.sandbox')
    for (const origin of [own.origin, 'null']) {
      const headers = { origin, 'sec-fetch-site': 'same-site' }
      expect(await statusOf(`${relay.origin}/api/shares`, { headers: { ...headers, authorization: `Bearer ${relay.ownerToken}` } })).toBe(
        403,
      )
      expect(await statusOf(`${relay.origin}/s/${other.share.id}/mcp`, { method: 'POST', headers, body: '{}' })).toBe(403)
      expect(await statusOf(`http://${other.share.id}.localhost:${new URL(relay.origin).port}/authorize`, { headers })).toBe(403)
      for (const method of ['GET', 'POST', 'DELETE'])
        expect(await statusOf(other.origin, { method, headers: { ...headers, cookie: other.cookie } }), method).toBe(403)
    }
  })

  test('gets nothing of the victim by being framed, embedded or loaded as a script', async () => {
    verifies('promise.14.cookie-origin')
    for (const dest of ['iframe', 'script', 'image', 'style', 'object'])
      expect(
        await statusOf(other.origin, {
          headers: { cookie: other.cookie, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': dest },
        }),
      ).toBe(403)
  })
})

describe('what a hostile app answers', () => {
  test('tosses no cookie, takes no name of the relay’s, and clears nothing, on its own host', async () => {
    verifies('promise.14.credential')
    const { headers } = await localhostFetch(own.origin, { headers: { cookie: own.cookie } })
    expect(headers.getSetCookie()).toEqual(['tossed=1; Path=/'])
    expect(headers.get('clear-site-data')).toBeNull()
  })

  test('is sandboxed below a path, and installs no worker there', async () => {
    verifies('promise.14.sandbox')
    const base = `${relay.origin}/s/${own.share.id}/k/${keyOf(own)}/http`
    const { headers } = await localhostFetch(`${base}/`)
    expect(headers.get('content-security-policy')).toMatch(/^sandbox allow-scripts(?! allow-same-origin)/)
    expect(headers.get('content-security-policy')).not.toContain('allow-same-origin')
    for (const name of ['set-cookie', 'clear-site-data', 'service-worker-allowed']) expect(headers.get(name), name).toBeNull()
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(await statusOf(`${base}/sw.js`, { headers: { 'service-worker': 'script' } })).toBe(403)
  })
})

describe(`in a browser${hasBrowser ? '' : ` (did not run: there is no ${CHROMIUM})`}`, () => {
  test.runIf(hasBrowser).each(['host', 'path'])('a hostile page reaches nothing of others, by %s', async (mode) => {
    await using folder = await StateFolder.create()
    report = Promise.withResolvers()
    const url = mode === 'host' ? own.webUrl : `${relay.origin}/s/${own.share.id}/k/${keyOf(own)}/http/`
    const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', `--user-data-dir=${join(folder.path, 'profile')}`]
    await using _browser = new Program(CHROMIUM, [...flags, url], {})
    expect(await report.promise).toEqual({})
  })
})
