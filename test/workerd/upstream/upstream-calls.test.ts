/** Shares that point at a server without an agent: what goes there and what comes back, in both eras. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { runClockFaster } from '../harness/fast-clock.ts'
import { askAsOwner, createClientToken, EventReader, fetchRelay, TestClient } from '../harness/relay.ts'
import { createUpstreamShare, eventStream, FakeUpstream, UPSTREAM_URL } from '../harness/upstream-server.ts'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"n":12345678901234567890}}}'
const MODERN = {
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'echo',
}
const MODERN_CALL =
  '{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"echo","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'

describe('a client of the handshake era', () => {
  test('has a session with the upstream, whose answers come as they were given', async () => {
    verifies('promise.upstream.as-sent', 'promise.upstream.sessions')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    const begun = await client.initialize()
    expect(begun.status).toBe(200)
    expect(client.session).not.toContain('upstream-session')
    expect((await client.post('{"jsonrpc":"2.0","method":"notifications/initialized"}')).status).toBe(202)
    expect(upstream.last.headers.get('mcp-session-id')).toBe('upstream-session-1')
    upstream.answer = () =>
      new Response('{"jsonrpc": "2.0", "result":{"n":1.0,"b":2},"id":7}', { headers: { 'content-type': 'application/json' } })
    const answer = await client.post(CALL, { 'mcp-protocol-version': '2025-11-25' })
    expect(await answer.text()).toBe('{"jsonrpc": "2.0", "result":{"n":1.0,"b":2},"id":7}')
    expect([upstream.last.url, upstream.last.body]).toEqual([UPSTREAM_URL, CALL])
    expect(upstream.last.headers.get('mcp-protocol-version')).toBe('2025-11-25')
    expect((await client.leave()).status).toBe(204)
    expect([upstream.last.method, upstream.last.headers.get('mcp-session-id')]).toEqual(['DELETE', 'upstream-session-1'])
  })

  test('gets events with the ids that the upstream gave, and comes back with them', async () => {
    verifies('promise.upstream.streams')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    await client.initialize()
    const first = eventStream()
    upstream.answer = () => first.response()
    const posted = await client.post(CALL)
    expect(posted.headers.get('content-type')).toBe('text/event-stream')
    const events = new EventReader(posted)
    first.write('id: up-1\nevent: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress",\ndata: "params":{}}\n\n')
    expect(await events.nextId()).toBe('up-1')
    first.end()
    expect(await events.next()).toBeUndefined()
    const second = eventStream()
    upstream.answer = () => second.response()
    const resumed = new EventReader(await client.resume('up-1'))
    expect([upstream.last.method, upstream.last.headers.get('last-event-id')]).toEqual(['GET', 'up-1'])
    second.write('id: up-2\ndata: {"jsonrpc":"2.0","id":7,"result":{}}\n\n')
    expect(await resumed.nextEvent()).toMatchObject({ id: 'up-2', data: '{"jsonrpc":"2.0","id":7,"result":{}}' })
    await resumed.cancel()
    await vi.waitFor(() => expect(upstream.last.signal.aborted).toBe(true))
  })

  test('goes on from no event without the session that it was told in: it might be another client’s', async () => {
    verifies('promise.upstream.sessions')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    const refused = await client.resume('up-1')
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: { data: { code: 'SESSION_REQUIRED' } } }])
    expect(upstream.fetched).toEqual([])
    expect((await client.post(CALL, { 'last-event-id': 'up-1' })).status).toBe(200)
    expect(upstream.last.headers.get('last-event-id')).toBeNull()
  })

  test('that takes no events gets the answer alone, and one that takes only events gets JSON as an event', async () => {
    verifies('promise.upstream.streams')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    await client.initialize()
    const stream = eventStream()
    upstream.answer = () => stream.response()
    stream.write(
      'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\ndata: {"jsonrpc":"2.0","id":7,"result":{"a":1}}\n\n',
    )
    const alone = await client.post(CALL, { accept: 'application/json' })
    expect([alone.headers.get('content-type'), await alone.text()]).toEqual([
      'application/json',
      '{"jsonrpc":"2.0","id":7,"result":{"a":1}}',
    ])
    upstream.answer = () => undefined
    const asEvent = new EventReader(await client.postForEvents(CALL))
    expect(JSON.parse((await asEvent.next()) ?? '')).toMatchObject({ id: 7, result: {} })
  })

  test('is told that somebody lives while the upstream is silent, and gets what comes late as an event', async () => {
    verifies('promise.upstream.streams')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    await client.initialize()
    runClockFaster(100)
    for (const [late, told] of [
      [() => Response.json({ jsonrpc: '2.0', id: 7, result: { a: 1 } }), { id: 7, result: { a: 1 } }],
      [() => new Response('busy', { status: 503 }), { id: 7, error: { data: { code: 'UPSTREAM_HTTP_ERROR' } } }],
      [
        () => Response.json({ jsonrpc: '2.0', id: null, error: { code: -32000, message: 'no' } }, { status: 400 }),
        { id: 7, error: { code: -32000 } },
      ],
    ] as const) {
      const heard = { isEnough: false }
      upstream.answer = async () => {
        while (!heard.isEnough) await new Promise((resolve) => setTimeout(resolve, 1_000))
        return late()
      }
      const response = await client.post(CALL)
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
      let text = ''
      for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
        text += chunk
        // At once, and then again and again.
        heard.isEnough ||= text === ':\n\n:\n\n:\n\n'
      }
      expect(JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '')).toMatchObject(told)
    }
  })

  test('whose upstream has no GET stream is told 405, and one whose session is over there 404', async () => {
    verifies('promise.upstream.sessions')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    await client.initialize()
    expect((await client.listen()).status).toBe(405)
    upstream.answer = () => Response.json({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'gone' } }, { status: 404 })
    expect((await client.post(CALL)).status).toBe(404)
  })
})

describe('a client of 2026-07-28', () => {
  test('asks the upstream as it is, with the fields that mirror its body', async () => {
    verifies('promise.upstream.as-sent')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    const answer = await client.post(MODERN_CALL, { ...MODERN, 'mcp-param-region': 'eu' })
    expect(await answer.json()).toMatchObject({ id: 'a', result: { content: [{ text: '{}' }] } })
    expect(upstream.last.body).toBe(MODERN_CALL)
    for (const [name, value] of Object.entries({ ...MODERN, 'mcp-param-region': 'eu' })) expect(upstream.last.headers.get(name)).toBe(value)
  })

  test('reads the upstream’s own errors: it finds out by them that a server has another era', async () => {
    verifies('promise.upstream.as-sent')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    const said = '{"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"Method not found"}}'
    upstream.answer = () => new Response(said, { status: 404, headers: { 'content-type': 'application/json' } })
    const answer = await client.post(MODERN_CALL, MODERN)
    expect([answer.status, await answer.text()]).toEqual([404, said])
  })

  test('whose fields say something else than its body asks nobody', async () => {
    verifies('promise.upstream.judged')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    expect((await client.post(MODERN_CALL, { ...MODERN, 'mcp-name': 'other' })).status).toBe(400)
    expect(upstream.fetched).toEqual([])
  })
})

describe('what must stay apart', () => {
  test('nothing of a client’s credentials or of its way goes to the upstream, and nothing of the upstream’s to its client', async () => {
    verifies('promise.upstream.credentials')
    const upstream = FakeUpstream.start()
    const share = await createUpstreamShare({}, { Authorization: 'Bearer owner-canary', 'X-Api-Key': 'key-canary' })
    const client = new TestClient(share)
    upstream.answer = ({ body }) =>
      new Response(`{"jsonrpc":"2.0","id":${JSON.parse(body).id},"result":{}}`, {
        headers: { 'content-type': 'application/json', 'set-cookie': 'a=1', 'www-authenticate': 'Bearer', 'x-powered-by': 'canary' },
      })
    const answer = await client.post(CALL, {
      cookie: 'client-canary=1',
      'x-forwarded-for': '192.0.2.1',
      'x-canary': 'client-canary',
      forwarded: 'for=192.0.2.1',
    })
    const told = JSON.stringify([...upstream.last.headers])
    expect(told).toContain('Bearer owner-canary')
    expect(upstream.last.headers.get('x-api-key')).toBe('key-canary')
    for (const canary of [share.clientToken, 'client-canary', '192.0.2.1']) expect(told).not.toContain(canary)
    for (const name of ['set-cookie', 'www-authenticate', 'x-powered-by']) expect(answer.headers.get(name)).toBeNull()
    const made = await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'key', policy: { access: 'admin' } })
    const { pathname } = new URL((await made.json<{ share_url: string }>()).share_url)
    upstream.answer = () => undefined
    const byKey = await fetchRelay(pathname, {
      method: 'POST',
      body: CALL,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
    })
    expect(byKey.status).toBe(200)
    expect(JSON.stringify([upstream.last.url, ...upstream.last.headers])).not.toContain(pathname.split('/')[4])
  })

  test('no principal is in another’s session, nor with an id that was changed or is the upstream’s own', async () => {
    verifies('promise.upstream.sessions')
    const upstream = FakeUpstream.start()
    const share = await createUpstreamShare()
    const ann = new TestClient(share)
    await ann.initialize()
    const bob = new TestClient(share, await createClientToken(share))
    const elsewhere = new TestClient(await createUpstreamShare())
    const asked = upstream.fetched.length
    const own = ann.session ?? ''
    for (const [client, session] of [
      [bob, own],
      [elsewhere, own],
      [ann, `${own.startsWith('A') ? 'B' : 'A'}${own.slice(1)}`],
      [ann, 'upstream-session-1'],
      [ann, `${own}=`],
    ] as const) {
      client.session = session
      for (const response of [await client.post(CALL), await client.leave(), await client.listen()]) {
        expect(response.status).toBe(404)
        expect(await response.json()).toMatchObject({ error: { data: { code: 'SESSION_NOT_FOUND' } } })
      }
    }
    expect(upstream.fetched.length).toBe(asked)
    ann.session = own
    expect((await ann.post(CALL)).status).toBe(200)
  })

  test('what its owner sees has neither the URL’s query nor the values of headers', async () => {
    verifies('promise.upstream.credentials')
    const made = await askAsOwner('POST', '/api/shares', {
      upstream: { url: `${UPSTREAM_URL}?key=query-canary`, headers: { 'X-Key': 'canary' } },
    })
    const text = await made.text()
    const { share, upstream, agent_token: agent, web_url: web } = JSON.parse(text) as Record<string, string>
    expect([made.status, upstream, agent, web]).toEqual([201, { url: `${UPSTREAM_URL}?…`, headers: ['x-key'] }, undefined, undefined])
    const shown = await (await askAsOwner('GET', `/api/shares/${share}`)).text()
    for (const answer of [text, shown]) expect(answer).not.toContain('canary')
  })
})

test.each([
  [UPSTREAM_URL, 'https://other.example/mcp'],
  [`${UPSTREAM_URL}?tenant=a`, `${UPSTREAM_URL}?tenant=b`],
])('an upstream that is given anew is asked from then on, and ends the sessions of the one before: %s, %s', async (before, after) => {
  verifies('promise.upstream.sessions')
  const upstream = FakeUpstream.start()
  const share = await createUpstreamShare({ upstream: { url: before } })
  const client = new TestClient(share)
  await client.initialize()
  const changed = await askAsOwner('PATCH', `/api/shares/${share.id}`, { upstream: { url: after } })
  expect(changed.status).toBe(200)
  expect((await client.post(CALL)).status).toBe(404)
  await client.initialize()
  expect(upstream.last.url).toBe(after)
})
