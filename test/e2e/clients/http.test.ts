/** Streamable HTTP as its specification has it, over real sockets: statuses, headers, batches. */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { createServedShare, createShare, fixture, type Relay, type Share, startRelay } from '../../harness/selfhost.ts'
import { asObject, toolText } from '../../harness/json.ts'
import { RawClient, readAnswer } from '../../harness/raw-client.ts'

const MIB = 1024 * 1024

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'

const stack = new AsyncDisposableStack()

let relay: Relay

let share: Share

function session(protocolVersion = '2025-11-25'): Promise<RawClient> {
  return RawClient.connect(share, { protocolVersion })
}

beforeAll(async () => {
  relay = stack.use(await startRelay())
  share = await createServedShare(stack, relay, { command: fixture('echo') })
})

afterAll(() => stack.disposeAsync())

describe('initialize', () => {
  test.each(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'])('agrees on %s', async (protocolVersion) => {
    verifies('lifecycle.initialize.answered', 'lifecycle.version.same')
    const answer = await new RawClient(share.url, share.clientToken).initialize({ protocolVersion })
    expect(asObject(answer.last['result'])['protocolVersion']).toBe(protocolVersion)
  })

  test('gives a session id of visible ASCII, a different one each time', async () => {
    verifies('http.session.with-initialize', 'http.session.ascii', 'http.session.unguessable')
    const ids = await Promise.all([session(), session(), session()].map(async (one) => (await one).sessionId))
    expect(new Set(ids).size).toBe(3)
    for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]{22,}$/)
  })

  test('works for a client that takes JSON only, and for one that takes SSE only', async () => {
    verifies('http.post.json-or-sse')
    for (const accept of ['application/json', 'text/event-stream', '*/*']) {
      const client = new RawClient(share.shareUrl)
      const answer = await client.initialize({ accept })
      const wanted = accept === 'text/event-stream' ? 'text/event-stream' : 'application/json'
      expect(answer.headers.get('content-type')).toContain(wanted)
    }
  })
})

describe('statuses', () => {
  test('202 without a body for a notification and for a response', async () => {
    verifies('http.post.202')
    const client = await session()
    for (const response of [await client.notify('notifications/roots/list_changed'), await client.respond('nobody-asked', {})]) {
      expect(response.status).toBe(202)
      expect(await response.text()).toBe('')
    }
  })

  test('202 for a notification without a session', async () => {
    const response = await new RawClient(share.url, share.clientToken).notify('notifications/initialized')
    expect(response.status).toBe(202)
  })

  test.each([
    ['a body that is no JSON', '{"jsonrpc":', 400, -32700],
    ['bytes that are no UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 400, -32700],
    ['an object that is no JSON-RPC', '{"hello":1}', 400, -32600],
    ['a bare number', '1', 400, -32600],
    ['an empty batch', '[]', 400, -32600],
  ])('%s: %s', async (_what, body, status, code) => {
    const client = await session()
    const answer = await client.exchange(body)
    expect(answer.status).toBe(status)
    expect(asObject(answer.last['error'])['code']).toBe(code)
  })

  test('400 for a request without a session id', async () => {
    verifies('http.session.missing-400')
    const answer = await new RawClient(share.url, share.clientToken).exchange(PING)
    expect(answer.status).toBe(400)
    expect(answer.last['id']).toBe(1)
  })

  test('400 for a revision that nobody knows', async () => {
    verifies('http.version.invalid-400')
    const client = await session()
    expect((await client.exchange(PING, { headers: { 'mcp-protocol-version': '1999-01-01' } })).status).toBe(400)
  })

  test('404 for an unknown session by POST, GET and DELETE', async () => {
    verifies('promise.4.unknown-404', 'http.session.unknown-404')
    const client = new RawClient(share.url, share.clientToken)
    client.sessionId = 'A'.repeat(43)
    expect((await client.exchange(PING)).status).toBe(404)
    expect((await client.raw('GET', { accept: 'text/event-stream' })).status).toBe(404)
    expect((await client.raw('DELETE')).status).toBe(404)
  })

  test('404 for a notification and a response of a session that there is none of', async () => {
    verifies('http.post.refused', 'http.session.unknown-404')
    const client = new RawClient(share.url, share.clientToken)
    client.sessionId = 'A'.repeat(43)
    for (const response of [await client.notify('notifications/cancelled', { requestId: 1 }), await client.respond(1, {})])
      expect(response.status).toBe(404)
  })

  test('404 once a session was deleted', async () => {
    verifies('http.session.ended-404', 'http.session.delete')
    const client = await session()
    expect((await client.exchange(PING)).status).toBe(200)
    expect((await client.raw('DELETE')).ok).toBe(true)
    expect((await client.exchange(PING)).status).toBe(404)
  })

  test('405 with Allow for other methods', async () => {
    verifies('http.endpoint')
    const client = await session()
    for (const method of ['PUT', 'PATCH']) {
      const response = await client.raw(method)
      expect(response.status).toBe(405)
      expect(response.headers.get('allow')).toMatch(/GET.*POST.*DELETE|POST/)
    }
  })

  test('406 when Accept excludes all that we can send', async () => {
    const client = await session()
    expect((await client.exchange(PING, { accept: 'text/html' })).status).toBe(406)
    expect((await client.raw('GET', { accept: 'application/json' })).status).toBe(406)
  })

  test('413 for a body over 8 MiB in chunks that claims to be short', async () => {
    verifies('promise.10.body')
    const url = new URL(share.shareUrl)
    const headers = { 'content-type': 'application/json', 'content-length': '2', 'transfer-encoding': 'chunked' }
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    using socket = Object.assign(connect(Number(url.port), url.hostname), { [Symbol.dispose]: () => void socket.destroy() })
    socket.once('error', reject).once('data', (data) => resolve(String(data).split('\r\n', 1)[0] ?? ''))
    const lines = Object.entries({ host: url.host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
    const body = 'x'.repeat(9 * MIB)
    socket.write(`POST ${url.pathname} HTTP/1.1\r\n${lines.join('')}\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`)
    expect(await promise).toMatch(/^HTTP\/1\.1 413 /)
  })

  test('413 for a body over 8 MiB, and the link lives on', async () => {
    verifies('promise.10.body')
    const client = await session()
    const body = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"fill":"${'x'.repeat(9 * MIB)}"}}`
    expect((await client.post(body)).status).toBe(413)
    expect(toolText((await client.callTool('echo', { text: 'still here' })).last['result'])).toBe('still here')
  })

  test('415 for another media type, but not for a charset', async () => {
    const client = await session()
    expect((await client.exchange(PING, { headers: { 'content-type': 'text/plain' } })).status).toBe(415)
    expect((await client.exchange(PING, { headers: { 'content-type': 'application/json; charset=utf-8' } })).status).toBe(200)
  })

  test('503 with Retry-After while no agent is there', async () => {
    verifies('promise.4.away-503')
    const lonely = await createShare(relay)
    const client = new RawClient(lonely.url, lonely.clientToken)
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } }
    const answer = await client.request('initialize', params)
    expect(answer.status).toBe(503)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(asObject(asObject(answer.last['error'])['data'])['code']).toBe('AGENT_AWAY')
  })

  test('an error of the server arrives as the server said it', async () => {
    const client = await session()
    const answer = await client.request('no/such/method')
    expect(answer.status).toBe(200)
    expect(answer.last['error']).toEqual({ code: -32601, message: 'no method no/such/method' })
  })
})

describe('batches', () => {
  test('are answered whole in 2025-03-26', async () => {
    verifies('promise.1.ids-distinct', 'http.post.batch', 'http.stream.response')
    const client = await session('2025-03-26')
    const call = (id: number | string, text: string): unknown => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name: 'echo', arguments: { text } },
    })
    const batch = [call(1, 'one'), { jsonrpc: '2.0', method: 'notifications/roots/list_changed' }, call('1', 'text one'), call(2, 'two')]
    const answer = await client.exchange(JSON.stringify(batch))
    const texts = new Map(answer.messages.map((message) => [message['id'], toolText(message['result'])]))
    expect(texts).toEqual(
      new Map<unknown, string>([
        [1, 'one'],
        ['1', 'text one'],
        [2, 'two'],
      ]),
    )
  })

  test('are answered in a session whose client names no revision', async () => {
    verifies('http.version.absent')
    const client = await session('2025-03-26')
    client.protocolVersion = undefined
    const answer = await client.exchange(`[${PING}]`)
    expect([answer.status, answer.messages]).toEqual([200, [{ jsonrpc: '2.0', id: 1, result: {} }]])
  })

  test('of notifications only are answered with 202', async () => {
    verifies('http.post.batch', 'http.post.202')
    const client = await session('2025-03-26')
    const body = JSON.stringify([{ jsonrpc: '2.0', method: 'notifications/roots/list_changed' }])
    expect((await client.post(body)).status).toBe(202)
  })

  test('with initialize, or in a later revision, are refused with 400', async () => {
    verifies('http.post.single', 'lifecycle.initialize.no-batch', 'lifecycle.version.respected')
    const initialize = '[{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26"}}]'
    expect((await new RawClient(share.url, share.clientToken).exchange(initialize)).status).toBe(400)
    const client = await session('2025-06-18')
    expect((await client.exchange(`[${PING}]`)).status).toBe(400)
  })
})

test('GET /healthz says ok to anyone', async () => {
  const response = await fetch(`${relay.origin}/healthz`)
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({ status: 'ok' })
})

test('a response in SSE is not cached and not buffered by proxies', async () => {
  const client = await session()
  const response = await client.post(PING, { accept: 'text/event-stream' })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  expect(response.headers.get('cache-control')).toContain('no-')
  await readAnswer(response)
})
