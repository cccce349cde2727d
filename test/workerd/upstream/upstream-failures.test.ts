/** Upstreams that refuse, redirect, break off, say too much or nothing: their clients are told by name, and nothing else is connected to. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { UPSTREAM_ANSWER_MS, UPSTREAM_WORK_MS } from '../../../worker/upstream-limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { shortTimers } from '../harness/held-timers.ts'
import { askAsOwner, EventReader, TestClient } from '../harness/relay.ts'
import { createUpstreamShare, eventStream, FakeUpstream, UPSTREAM_URL } from '../harness/upstream-server.ts'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{}}}'
const MIB = 1024 * 1024

/** A body that goes on for so long. */
function longBody(bytes: number): ReadableStream<Uint8Array> {
  let left = bytes
  const chunk = new TextEncoder().encode(' '.repeat(64 * 1024))
  return new ReadableStream({
    pull: (controller) => {
      if (left <= 0) return controller.close()
      left -= chunk.length
      controller.enqueue(chunk)
    },
  })
}

describe('a call of which the upstream', () => {
  test.each<readonly [string, () => Response | Promise<Response>, string, number]>([
    [
      'sends its client elsewhere',
      () => new Response(null, { status: 307, headers: { location: 'http://127.0.0.1/' } }),
      'UPSTREAM_REDIRECTED',
      200,
    ],
    [
      'wants a credential',
      () => new Response('no', { status: 401, headers: { 'www-authenticate': 'Bearer resource_metadata="x"' } }),
      'UPSTREAM_UNAUTHORIZED',
      200,
    ],
    [
      'refuses the relay',
      () => Response.json({ jsonrpc: '2.0', id: 7, error: { code: 1, message: 'm' } }, { status: 403 }),
      'UPSTREAM_UNAUTHORIZED',
      200,
    ],
    ['knows nothing', () => new Response('nothing here', { status: 404 }), 'UPSTREAM_HTTP_ERROR', 200],
    ['fails', () => new Response('<html>', { status: 500, headers: { 'content-type': 'text/html' } }), 'UPSTREAM_HTTP_ERROR', 200],
    ['answers with a page', () => new Response('<html>', { headers: { 'content-type': 'text/html' } }), 'UPSTREAM_BROKEN', 200],
    ['answers nothing', () => new Response(null, { status: 202 }), 'UPSTREAM_BROKEN', 200],
    [
      'gives a session id that no header holds',
      () => Response.json({}, { headers: { 'mcp-session-id': 'x'.repeat(1025) } }),
      'UPSTREAM_BROKEN',
      200,
    ],
    ['is not there', () => Promise.reject(new Error('refused')), 'UPSTREAM_UNREACHABLE', 503],
  ])('%s fails by name', async (_, answer, code, status) => {
    verifies('promise.upstream.failures')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    upstream.answer = answer
    const response = await client.post(CALL)
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([status, null])
    expect(await response.json()).toMatchObject({ id: 7, error: { data: { code } } })
    expect(upstream.fetched.length).toBe(1)
  })

  test('refuses the connection has run nothing, and one that has taken the request may have', async () => {
    verifies('promise.upstream.failures', 'promise.3.says-executed')
    FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    for (const [takes, executed] of [
      [false, 'no'],
      [true, 'unknown'],
    ] as const) {
      vi.stubGlobal('fetch', async (request: Request) => {
        if (takes) expect(await request.text()).toBe(CALL)
        throw new Error('Network connection lost.')
      })
      const response = await client.post(CALL)
      expect(response.status).toBe(503)
      expect(await response.json()).toMatchObject({ error: { data: { code: 'UPSTREAM_UNREACHABLE', executed } } })
    }
  })

  test('asks for patience is told when to come again', async () => {
    verifies('promise.upstream.failures')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    upstream.answer = () => new Response('busy', { status: 503, headers: { 'retry-after': '7' } })
    const response = await client.post(CALL)
    expect([response.status, response.headers.get('retry-after')]).toEqual([200, '7'])
  })

  test.each([
    ['a call', CALL, UPSTREAM_WORK_MS, 200],
    ['a list', '{"jsonrpc":"2.0","id":7,"method":"tools/list"}', UPSTREAM_ANSWER_MS, 200],
    ['a notification', '{"jsonrpc":"2.0","method":"notifications/initialized"}', UPSTREAM_ANSWER_MS, 502],
  ])('never answers %s ends when its time is over', async (_, body, ms, status) => {
    verifies('promise.upstream.failures')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    upstream.answer = () => new Promise(() => {})
    const restore = shortTimers(ms)
    const response = await client.post(body, { accept: 'application/json' })
    restore()
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { data: { code: 'UPSTREAM_TIMEOUT', executed: 'unknown' } } })
  })

  test('breaks off its stream is told so as its answer, unless it can come back for it', async () => {
    verifies('promise.upstream.failures')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    for (const [event, rest, hasSession] of [
      ['data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n', 'UPSTREAM_BROKEN', false],
      ['id: 1\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n', 'UPSTREAM_BROKEN', false],
      ['data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n', 'UPSTREAM_BROKEN', true],
      ['id: 1\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n', undefined, true],
    ] as const) {
      upstream.answer = () => undefined
      if (hasSession) await client.initialize()
      const stream = eventStream()
      upstream.answer = () => stream.response()
      const events = new EventReader(await client.post(CALL))
      stream.write(event)
      stream.end()
      expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ method: 'notifications/progress' })
      const last = await events.next()
      expect(last === undefined ? undefined : JSON.parse(last).error.data.code).toBe(rest)
    }
  })

  test('lists more than can be looked into fails; other answers are cut off beyond 64 MiB', async () => {
    verifies('promise.upstream.failures')
    const upstream = FakeUpstream.start()
    const share = await createUpstreamShare()
    const client = new TestClient(share)
    upstream.answer = () => new Response(longBody(65 * MIB), { headers: { 'content-type': 'application/json' } })
    const long = await client.post(CALL, { accept: 'application/json' })
    expect(long.status).toBe(200)
    await expect(long.arrayBuffer()).rejects.toThrow()
    await askAsOwner('PATCH', `/api/shares/${share.id}`, { policy: { access: 'admin', tools: { deny: ['x'] } } })
    upstream.answer = () => new Response(longBody(9 * MIB), { headers: { 'content-type': 'application/json' } })
    const list = await client.post('{"jsonrpc":"2.0","id":7,"method":"tools/list"}', { accept: 'application/json' })
    expect(await list.json()).toMatchObject({ error: { data: { code: 'UPSTREAM_TOO_LARGE' } } })
  })
})

test('a relay in a circle is found out', async () => {
  verifies('promise.upstream.failures')
  const upstream = FakeUpstream.start()
  const client = new TestClient(await createUpstreamShare())
  expect((await client.post(CALL, { via: '1.1 proxy, 1.1 mcp-edge, 1.1 mcp-edge' })).status).toBe(200)
  const via = upstream.last.headers.get('via') ?? ''
  const response = await client.post(CALL, { via })
  expect([response.status, via]).toEqual([200, '1.1 mcp-edge, 1.1 mcp-edge, 1.1 mcp-edge'])
})

describe('an upstream that is not public', () => {
  test.each([
    'http://upstream.example/mcp',
    'https://127.0.0.1/mcp',
    'https://2130706433/mcp',
    'https://0x7f.1/mcp',
    'https://[::1]/mcp',
    'https://[::ffff:10.0.0.1]/mcp',
    'https://localhost/mcp',
    'https://x.localhost./mcp',
    'https://router/mcp',
    'https://printer.local/mcp',
    'https://metadata.google.internal/mcp',
    'https://user:canary@upstream.example/mcp',
    'file:///etc/passwd',
    'nothing',
  ])('is refused: %s', async (url) => {
    verifies('promise.upstream.public-only')
    const response = await askAsOwner('POST', '/api/shares', { upstream: { url } })
    const { code, detail } = await response.json<{ code: string; detail: string }>()
    expect([response.status, code]).toEqual([400, 'BODY_INVALID'])
    expect(detail).toMatch(/^upstream\.url must/)
    expect(detail).not.toContain('canary')
  })

  test.each([
    [{ Host: 'x' }, 'host'],
    [{ 'Mcp-Session-Id': 'x' }, 'mcp-session-id'],
    [{ 'content-length': '1' }, 'content-length'],
    [{ 'X-Key': 'line\r\nbreak canary' }, 'x-key'],
    [{ 'bad name': 'x' }, 'names'],
    [{ a: 'x', A: 'y' }, 'once'],
    [{ 'X-Key': 'x'.repeat(5000) }, 'bytes'],
  ])('headers that are not its owner’s to set are refused: %j', async (headers, word) => {
    verifies('promise.upstream.credentials')
    const response = await askAsOwner('POST', '/api/shares', { upstream: { url: UPSTREAM_URL, headers } })
    const { code, detail } = await response.json<{ code: string; detail: string }>()
    expect([response.status, code]).toEqual([400, 'BODY_INVALID'])
    expect(detail).toContain(word)
    expect(detail).not.toContain('canary')
  })
})
