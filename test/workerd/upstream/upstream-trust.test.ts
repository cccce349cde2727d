/** The trust layer of shares that point at a server without an agent: what ends, what is bounded, what is told to their owners, and what such shares do not have. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CAVEAT_NONCE_BYTES } from '../../../protocol/narrowing/caveat.ts'
import { narrowCredential } from '../../../protocol/narrowing/narrow.ts'
import { MAX_UPSTREAM_TOLD_OF_ONE } from '../../../worker/upstream-limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import {
  askAsOwner,
  createClientToken,
  EventReader,
  fetchRelay,
  linkIdOf,
  resetShare,
  stubOf,
  TestClient,
  type TestShare,
} from '../harness/relay.ts'
import { createUpstreamShare, eventStream, FakeUpstream, UPSTREAM_URL } from '../harness/upstream-server.ts'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"path":"/a"}}}'
const LIST = '{"jsonrpc":"2.0","id":8,"method":"tools/list"}'

async function change(share: TestShare, members: object): Promise<void> {
  expect((await askAsOwner('PATCH', `/api/shares/${share.id}`, members)).status).toBe(200)
}

async function codeIn(response: Response): Promise<string | undefined> {
  const { error } = await response.json<{ error?: { data: { code: string } } }>()
  return error?.data.code
}

/** A share, and a call of a client of it that its upstream answers by a stream. */
async function underWay(settings: Parameters<typeof createUpstreamShare>[0] = {}) {
  const upstream = FakeUpstream.start()
  const share = await createUpstreamShare(settings)
  const client = new TestClient(share)
  const stream = eventStream()
  upstream.answer = ({ body }) => (body.includes('"id":7') ? stream.response() : undefined)
  const events = new EventReader(await client.post(CALL))
  return { upstream, share, client, stream, events }
}

describe('what ends with a link', () => {
  test('is cut off within a second: streams, answers that are waited for, and what the upstream is still sending', async () => {
    verifies('promise.upstream.cut')
    const upstream = FakeUpstream.start()
    const share = await createUpstreamShare({ lanes: 4 })
    const client = new TestClient(share)
    await client.initialize()
    const [listened, called] = [eventStream(), eventStream()]
    upstream.answer = ({ method, body }) =>
      method === 'GET' ? listened.response() : body.includes('"id":7') ? called.response() : new Promise(() => {})
    const listening = new EventReader(await client.listen())
    const calling = new EventReader(await client.post(CALL))
    const waiting = client.post(CALL.replace('7', '9'), { accept: 'application/json' })
    await vi.waitFor(() => expect(upstream.fetched.length).toBe(4))
    const signals = upstream.fetched.slice(1).map(({ signal }) => signal)
    const sinceMs = Date.now()
    const revoked = await askAsOwner('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`)
    expect(revoked.status).toBe(204)
    expect(await listening.next()).toBeUndefined()
    expect(JSON.parse((await calling.next()) ?? '')).toMatchObject({
      id: 7,
      error: { data: { code: 'UNAUTHORIZED', executed: 'unknown' } },
    })
    expect((await waiting).status).toBe(401)
    expect(Date.now() - sinceMs).toBeLessThan(1000)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true])
    expect((await client.post(CALL)).status).toBe(401)
  })

  test('goes on when the share’s object was reset, and is cut off all the same', async () => {
    verifies('promise.upstream.cut')
    const { upstream, share, client, stream, events } = await underWay()
    await resetShare(share)
    stream.write('data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n')
    expect(await events.next()).toContain('progress')
    // It is watched again by then.
    await vi.waitFor(
      async () => {
        await change(share, { paused: true })
        expect(upstream.last.signal.aborted).toBe(true)
      },
      { timeout: 10_000 },
    )
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ error: { data: { code: 'SHARE_PAUSED' } } })
    expect((await client.post(CALL)).status).toBe(503)
    await change(share, { paused: false })
    upstream.answer = () => undefined
    expect((await client.post(CALL)).status).toBe(200)
  })

  test('is cut off also while the share’s object sleeps', async () => {
    verifies('promise.upstream.cut')
    const { upstream, share, client, events } = await underWay({ limits: { concurrent: 1 } })
    await evictDurableObject(stubOf(share))
    expect((await client.post(CALL.replace('7', '9'))).status).toBe(429)
    await change(share, { paused: true })
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ error: { data: { code: 'SHARE_PAUSED' } } })
    expect(upstream.fetched).toHaveLength(1)
    expect(upstream.last.signal.aborted).toBe(true)
  })

  test('a share that is deleted is gone, with what is under way', async () => {
    verifies('promise.upstream.cut')
    const upstream = FakeUpstream.start()
    const share = await createUpstreamShare()
    const client = new TestClient(share)
    upstream.answer = () => new Promise(() => {})
    const waiting = client.post(CALL, { accept: 'application/json' })
    await vi.waitFor(() => expect(upstream.fetched.length).toBe(1))
    expect((await askAsOwner('DELETE', `/api/shares/${share.id}`)).status).toBe(204)
    expect((await waiting).status).toBe(404)
  })
})

describe('policies', () => {
  const TOOLS = [
    { name: 'read_file', annotations: { readOnlyHint: true }, inputSchema: { type: 'object' } },
    { name: 'write_file', inputSchema: { type: 'object' } },
  ]
  const call = (name: string, path = '/home/me/a'): string =>
    `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"${name}","arguments":{"path":"${path}"}}}`

  test('judge calls by what the upstream lists now, and cut its lists', async () => {
    verifies('promise.upstream.judged')
    const upstream = FakeUpstream.start()
    upstream.tools = TOOLS
    const share = await createUpstreamShare()
    const made = await askAsOwner('POST', `/api/shares/${share.id}/tokens`, {
      kind: 'client',
      policy: { access: 'read', arguments: ['*(path^=/home/me)'] },
    })
    const client = new TestClient(share, (await made.json<{ token: string }>()).token)
    await client.initialize()
    expect(await (await client.post(LIST)).text()).toBe(`{"jsonrpc":"2.0","id":8,"result":{"tools":[${JSON.stringify(TOOLS[0])}]}}`)
    const calls = (): number => upstream.fetched.filter(({ body }) => body.includes('tools/call')).length
    expect(await codeIn(await client.post(call('read_file')))).toBeUndefined()
    for (const refused of [call('write_file'), call('unknown'), call('read_file', '/etc/passwd')])
      expect(await codeIn(await client.post(refused))).toBe('NOT_OFFERED')
    expect(calls()).toBe(1)
    expect(await codeIn(await client.post('{"jsonrpc":"2.0","id":7,"method":"x/unknown"}'))).toBe('METHOD_UNKNOWN')
    // What Workers have refused goes along with the next call.
    await client.post(LIST)
    const { events } = await (
      await askAsOwner('GET', `/api/shares/${share.id}/audit`)
    ).json<{ events: { outcome: string; tool?: string }[] }>()
    expect(events).toContainEqual(expect.objectContaining({ outcome: 'NOT_OFFERED', tool: 'write_file' }))
  })

  test('cut lists on every stream, also one that is come back for', async () => {
    verifies('promise.upstream.judged')
    const upstream = FakeUpstream.start()
    const share = await createUpstreamShare()
    await change(share, { policy: { access: 'read' } })
    const client = new TestClient(share)
    await client.initialize()
    const answer = `data: {"jsonrpc":"2.0","id":8,"result":{"tools":${JSON.stringify(TOOLS)}}}\n\n`
    for (const ask of [() => client.post(LIST), () => client.resume('x'), () => client.post(CALL)]) {
      const stream = eventStream()
      const isList = ({ body }: { readonly body: string }): boolean => body.includes('mcp-edge.tools')
      upstream.tools = [{ ...TOOLS[0], name: 'echo' }]
      upstream.answer = (fetched) => (isList(fetched) ? undefined : stream.response())
      const events = new EventReader(await ask())
      stream.write(answer)
      const told = await events.next()
      expect(told).toContain('read_file')
      expect(told).not.toContain('write_file')
      await events.cancel()
    }
  })

  test('hold what the owner changes at once: the next call, and what still comes on a stream', async () => {
    verifies('promise.upstream.judged')
    const upstream = FakeUpstream.start()
    upstream.tools = TOOLS
    const share = await createUpstreamShare()
    const client = new TestClient(share)
    expect(await codeIn(await client.post(call('write_file')))).toBeUndefined()
    const stream = eventStream()
    upstream.answer = ({ method }) => (method === 'GET' ? stream.response() : undefined)
    const events = new EventReader(await client.listen())
    await change(share, { policy: { access: 'admin', tools: { deny: ['write_*'] }, resources: { allow: ['file:///a'] } } })
    expect(await codeIn(await client.post(call('write_file')))).toBe('NOT_OFFERED')
    for (const uri of ['file:///b', 'file:///a'])
      stream.write(`data: {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"${uri}"}}\n\n`)
    expect(await events.next()).toContain('file:///a')
    await events.cancel()
  })

  test('that a holder has put into its link refuse what they would have the owner asked for', async () => {
    verifies('promise.upstream.settings')
    FakeUpstream.start()
    const share = await createUpstreamShare()
    const nonce = crypto.getRandomValues(new Uint8Array(CAVEAT_NONCE_BYTES))
    const narrowed = await narrowCredential(share.clientToken, { policy: { access: 'admin', hold: ['echo'] } }, nonce)
    expect(await codeIn(await new TestClient(share, narrowed.ok ? narrowed.value : '').post(CALL))).toBe('NOT_OFFERED')
  })
})

describe('limits and the audit', () => {
  test('count each call, and lists and handshakes not', async () => {
    verifies('promise.upstream.limits')
    FakeUpstream.start()
    const share = await createUpstreamShare({ limits: { calls: '2/day' } })
    const client = new TestClient(share)
    await client.initialize()
    for (const status of [200, 200, 429]) expect((await client.post(CALL)).status).toBe(status)
    expect((await client.post(LIST)).status).toBe(200)
    const { events } = await (await askAsOwner('GET', `/api/shares/${share.id}/audit`)).json<{ events: Record<string, unknown>[] }>()
    expect(events.map(({ method, tool, outcome }) => [method, tool, outcome])).toEqual(
      expect.arrayContaining([
        ['initialize', null, 'ok'],
        ['tools/call', 'echo', 'ok'],
        ['tools/call', 'echo', 'RATE_LIMIT_EXCEEDED'],
        ['tools/list', null, 'ok'],
      ]),
    )
  })

  test('bound how many run at once, also those whose streams are open', async () => {
    verifies('promise.upstream.limits')
    const { share, client, stream, events } = await underWay({ limits: { concurrent: 1 } })
    expect((await client.post(CALL.replace('7', '9'))).status).toBe(429)
    stream.write('data: {"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"m"}}\n\n')
    stream.end()
    while ((await events.next()) !== undefined);
    await vi.waitFor(async () => expect((await client.post(CALL.replace('7', '9'))).status).toBe(200))
    const { events: told } = await (await askAsOwner('GET', `/api/shares/${share.id}/audit`)).json<{ events: Record<string, unknown>[] }>()
    expect(told.map(({ outcome }) => outcome)).toContain('error')
  })

  test('tell of a client that has left, and cut the upstream off', async () => {
    verifies('promise.upstream.limits')
    const { upstream, share, events } = await underWay()
    await events.cancel()
    await vi.waitFor(() => expect(upstream.last.signal.aborted).toBe(true))
    await vi.waitFor(async () => {
      const { events: told } = await (
        await askAsOwner('GET', `/api/shares/${share.id}/audit`)
      ).json<{ events: Record<string, unknown>[] }>()
      expect(told.map(({ outcome }) => outcome)).toContain('cancelled')
    })
  })
})

describe('what an upstream is only told', () => {
  const TOLD = '{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}'

  test('is bounded in how much of it is under way for a principal, and leaves room for calls', async () => {
    verifies('promise.upstream.limits')
    const upstream = FakeUpstream.start()
    const share = await createUpstreamShare()
    const client = new TestClient(share)
    await client.initialize()
    const begun = upstream.fetched.length
    upstream.answer = ({ body, method }) => (body === TOLD || method === 'DELETE' ? new Promise(() => {}) : undefined)
    const waiting = Array.from({ length: MAX_UPSTREAM_TOLD_OF_ONE }, () => client.post(TOLD))
    await vi.waitFor(() => expect(upstream.fetched.length).toBe(begun + MAX_UPSTREAM_TOLD_OF_ONE), { timeout: 10_000 })
    for (const response of [await client.post(TOLD), await client.leave()])
      expect([response.status, await codeIn(response)]).toEqual([503, 'SHARE_BUSY'])
    const other = new TestClient(share, await createClientToken(share))
    expect((await client.post(CALL)).status).toBe(200)
    upstream.answer = () => undefined
    expect((await other.post(TOLD)).status).toBe(202)
    expect((await askAsOwner('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`)).status).toBe(204)
    expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set([401]))
  })

  test('gives its place back when it is taken', async () => {
    verifies('promise.upstream.limits')
    const upstream = FakeUpstream.start()
    const client = new TestClient(await createUpstreamShare())
    for (let n = 0; n <= MAX_UPSTREAM_TOLD_OF_ONE; n++) expect((await client.post(TOLD)).status).toBe(202)
    expect(upstream.fetched.filter(({ body }) => body === TOLD).length).toBe(MAX_UPSTREAM_TOLD_OF_ONE + 1)
  })
})

test('a tool is judged by what the upstream lists that is set now, not by what one before has listed', async () => {
  verifies('promise.upstream.judged')
  const upstream = FakeUpstream.start()
  const share = await createUpstreamShare()
  await change(share, { policy: { access: 'read' } })
  const client = new TestClient(share)
  expect(await codeIn(await client.post(CALL))).toBeUndefined()
  upstream.tools = [{ name: 'echo', inputSchema: { type: 'object' } }]
  await change(share, { upstream: { url: UPSTREAM_URL, headers: { 'X-Tenant': 'b' } } })
  expect(await codeIn(await client.post(CALL))).toBe('NOT_OFFERED')
})

test('whoever shows no credential is let in as far as the owner says, and no further', async () => {
  verifies('promise.upstream.judged')
  const upstream = FakeUpstream.start()
  const share = await createUpstreamShare({ anonymous: { access: 'read' } })
  const ask = (body: string): Promise<Response> =>
    fetchRelay(share.url, { method: 'POST', body, headers: { 'content-type': 'application/json', accept: 'application/json' } })
  expect(await codeIn(await ask(CALL))).toBeUndefined()
  upstream.tools = []
  await change(share, { anonymous: { access: 'read', tools: { deny: ['echo'] } } })
  expect((await ask(CALL)).status).toBe(401)
  await change(share, { anonymous: null })
  expect((await ask(CALL)).status).toBe(401)
})

describe('what a share with an upstream does not have', () => {
  test.each([
    ['capture', { capture: true }],
    ['anonymous.hold', { anonymous: { hold: ['x'] } }],
    ['anonymous.web', { anonymous: { web: true } }],
  ])('%s is refused, when it is made and later', async (member, members) => {
    verifies('promise.upstream.settings')
    const made = await askAsOwner('POST', '/api/shares', { upstream: { url: UPSTREAM_URL }, ...members })
    const share = await createUpstreamShare()
    for (const response of [made, await askAsOwner('PATCH', `/api/shares/${share.id}`, members)])
      expect([response.status, await response.json()]).toMatchObject([
        409,
        { code: 'UPSTREAM_SETTING', detail: expect.stringContaining(member) },
      ])
  })

  test('policies that hold or open a web app, and tokens for agents, are refused of its links', async () => {
    verifies('promise.upstream.settings')
    const share = await createUpstreamShare()
    const token = await createClientToken(share)
    for (const [method, path, body] of [
      ['POST', 'tokens', { kind: 'agent' }],
      ['POST', 'tokens', { kind: 'client', policy: { hold: ['x'] } }],
      ['PATCH', `tokens/${linkIdOf(token)}`, { policy: { web: true } }],
      ['POST', 'people', { name: 'Ann', policy: { hold: ['x'] } }],
      ['PATCH', '', { policy: { hold: ['x'] } }],
    ] as const) {
      const response = await askAsOwner(method, `/api/shares/${share.id}/${path}`.replace(/\/$/, ''), body)
      expect([path, response.status, (await response.json<{ code: string }>()).code]).toEqual([path, 409, 'UPSTREAM_SETTING'])
    }
    const asked = await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'agent' })
    expect((await asked.json<{ detail: string }>()).detail).toMatch(
      /kind agent.*an agent would serve nobody: make a token of kind key or client/,
    )
  })

  test('HTTP+SSE, servers with names and batches are refused, and it has no web app', async () => {
    verifies('promise.upstream.settings')
    const upstream = FakeUpstream.start()
    const share = await createUpstreamShare()
    const headers = { authorization: `Bearer ${share.clientToken}` }
    const sse = await fetchRelay(`/s/${share.id}/sse`, { headers })
    expect([sse.status, await codeIn(sse)]).toEqual([404, 'UPSTREAM_DOOR'])
    const named = await fetchRelay(`/s/${share.id}/other/mcp`, {
      method: 'POST',
      body: CALL,
      headers: { ...headers, 'content-type': 'application/json' },
    })
    expect(named.status).toBe(404)
    expect(await codeIn(await new TestClient(share).post(`[${CALL}]`))).toBe('BATCH_REFUSED')
    const shown = await (await askAsOwner('GET', `/api/shares/${share.id}`)).json<{ sse_url?: string }>()
    expect(shown.sse_url).toBeUndefined()
    const described = await (await askAsOwner('GET', `/api/shares/${share.id}/server.json`)).json<{ remotes: { type: string }[] }>()
    expect(described.remotes.map(({ type }) => type)).toEqual(['streamable-http'])
    const { servers } = await (await askAsOwner('GET', '/api/catalog')).json<{ servers: { share: string; state: string }[] }>()
    expect(servers.find((server) => server.share === share.id)?.state).toBe('online')
    const web = await fetchRelay(`/s/${share.id}/http/`, { headers })
    expect([web.status, (await web.json<{ code: string }>()).code]).toEqual([404, 'NO_WEB_APP'])
    expect(upstream.fetched).toEqual([])
  })

  test('an upstream is none for a share that agents serve', async () => {
    verifies('promise.upstream.settings')
    const { share } = await (await askAsOwner('POST', '/api/shares', {})).json<{ share: string }>()
    const response = await askAsOwner('PATCH', `/api/shares/${share}`, { upstream: { url: UPSTREAM_URL } })
    expect([response.status, await response.json()]).toMatchObject([
      409,
      { code: 'UPSTREAM_SETTING', detail: expect.stringContaining('upstream') },
    ])
  })
})
