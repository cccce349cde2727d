/** Who may ask from a web page, over real sockets: Origin, Host and CORS. */
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { createServedShare, fixture, type Relay, type Share, startRelay } from '../../harness/selfhost.ts'
import { RawClient } from '../../harness/raw-client.ts'

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'

const stack = new AsyncDisposableStack()

let relay: Relay

let share: Share

function session(protocolVersion = '2025-11-25'): Promise<RawClient> {
  return RawClient.connect(share, { protocolVersion })
}

/** The status of a GET with a Host header of our choice, which fetch does not allow. */
function statusWithHost(host: string): Promise<number | undefined> {
  const url = new URL(share.shareUrl)
  return new Promise((resolve, reject) => {
    const headers = { host, accept: 'text/event-stream' }
    const request = httpRequest({ host: url.hostname, port: url.port, path: url.pathname, headers }, (response) => {
      response.destroy()
      resolve(response.statusCode)
    })
    request.on('error', reject)
    request.end()
  })
}

beforeAll(async () => {
  relay = stack.use(await startRelay())
  share = await createServedShare(stack, relay, { command: fixture('echo') })
})

afterAll(() => stack.disposeAsync())

describe('Origin and Host', () => {
  test('a foreign Origin gets 403, by every method', async () => {
    verifies('promise.9.origins', 'http.origin.403', 'http.origin.validated')
    const client = await session()
    for (const origin of ['http://evil.example.com', 'null', 'https://127.0.0.1.evil.example.com']) {
      expect((await client.exchange(PING, { headers: { origin } })).status).toBe(403)
      expect((await client.raw('GET', { origin, accept: 'text/event-stream' })).status).toBe(403)
    }
  })

  test('no Origin, our own and loopback pages are let in', async () => {
    verifies('promise.9.origins')
    const client = await session()
    for (const origin of [relay.origin, 'http://localhost:5173']) {
      expect((await client.exchange(PING, { headers: { origin } })).status).toBe(200)
    }
  })

  test('a foreign Host gets 403 on a loopback relay', async () => {
    verifies('http.origin.validated')
    expect(await statusWithHost('evil.example.com')).toBe(403)
    expect(await statusWithHost(new URL(relay.origin).host)).not.toBe(403)
  })
})

describe('CORS', () => {
  const origin = 'http://localhost:5173'

  test('preflight is answered before authentication', async () => {
    verifies('promise.9.preflight')
    const asked = 'authorization, content-type, mcp-session-id, mcp-protocol-version, last-event-id, mcp-method, mcp-name, mcp-param-region'
    const headers = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': asked }
    const response = await fetch(share.url, { method: 'OPTIONS', headers })
    expect(response.ok).toBe(true)
    expect(response.headers.get('access-control-allow-origin')).toBe(origin)
    expect(response.headers.get('access-control-allow-methods')).toMatch(/POST/)
    const allowed = response.headers.get('access-control-allow-headers')?.toLowerCase() ?? ''
    for (const header of asked.split(', ')) expect(allowed).toContain(header)
  })

  test('answers expose the session id and the challenge', async () => {
    const client = await session()
    const answer = await client.exchange(PING, { headers: { origin } })
    const exposed = answer.headers.get('access-control-expose-headers')?.toLowerCase()
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
    expect(exposed).toContain('mcp-session-id')
    expect(exposed).toContain('www-authenticate')
  })

  test('a foreign page is allowed nothing', async () => {
    const headers = { origin: 'https://evil.example.com', 'access-control-request-method': 'POST' }
    const response = await fetch(share.url, { method: 'OPTIONS', headers })
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })
})
