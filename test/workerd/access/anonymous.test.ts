/** Whoever shows no credential, in the real runtime: is let in where the owner says so, in each session as somebody else, within a policy and bounds of its own. */
import { createExecutionContext, evictDurableObject, listDurableObjectIds, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test, vi } from 'vitest'
import type { Open } from '../../../protocol/frame.ts'
import app from '../../../worker/index.ts'
import { MAX_ANONYMOUS_HANDSHAKE_BYTES, MAX_ANONYMOUS_SESSIONS } from '../../../worker/limits.ts'
import { Registry } from '../../../worker/registry/registry.ts'
import { verifies } from '../../requirements/verifies.ts'
import { postModern } from '../harness/handshake-child.ts'
import { order } from '../harness/orders.ts'
import { createShare, EventReader, fetchRelay, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { bodyText, ScriptedAgent } from '../harness/scripted-agent.ts'
import { signedIn, SigningIn } from '../harness/sign-in.ts'

const SERVER =
  '{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true}},"serverInfo":{"name":"s","version":"1"}}'
const TOOLS = JSON.stringify({
  tools: [
    { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } },
    { name: 'wipe', inputSchema: { type: 'object' } },
  ],
})
const INITIALIZE =
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'
const JSON_TYPE = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

/** Plays servers that answer each call at once; what they were opened for, and the channels that were closed. */
function serve(agent: ScriptedAgent): { readonly opened: Open[]; readonly closed: string[]; readonly called: string[] } {
  const seen = { opened: [] as Open[], closed: [] as string[], called: [] as string[] }
  void (async () => {
    for (;;) {
      const frame = await agent.next()
      const { header } = frame
      if (header.type === 'open') seen.opened.push(header)
      if (header.type === 'close') seen.closed.push(header.ch)
      if (header.type === 'notify') agent.send({ type: 'receipts', keys: [header.key] })
      if (header.type !== 'call') continue
      const text = bodyText(frame)
      const result = header.method === 'initialize' ? SERVER : header.method === 'tools/list' ? TOOLS : '{"content":[]}'
      if (header.method === 'tools/call') seen.called.push(text)
      agent.answer(header, text.slice(...header.id), result)
    }
  })()
  return seen
}

function post(share: TestShare, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetchRelay(share.url, { method: 'POST', body, headers: { ...JSON_TYPE, ...headers } })
}

function callOf(name: string, more: object = {}): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name, ...more } })
}

/** A session of somebody without a credential. */
async function begin(share: TestShare): Promise<{ readonly id: string; readonly ask: (body: string) => Promise<Response> }> {
  const begun = await post(share, INITIALIZE)
  expect(begun.status).toBe(200)
  const id = begun.headers.get('mcp-session-id') ?? ''
  return { id, ask: (body) => post(share, body, { 'mcp-session-id': id }) }
}

async function open(members: object = { anonymous: {} }): Promise<{ readonly share: TestShare } & ReturnType<typeof serve>> {
  const share = await createShare({ ...members })
  return { share, ...serve(await ScriptedAgent.connect(share)) }
}

async function codeOf(response: Response): Promise<unknown> {
  const { error }: { error?: { data?: { code?: string } } } = await response.json()
  return [response.status, error?.data?.code, response.headers.get('www-authenticate')?.includes('resource_metadata') ?? false]
}

const SIGN_IN = [401, 'UNAUTHORIZED', true]

describe('without a credential', () => {
  test('nobody is let in unless the owner says so, and no object is made or woken for whoever tries', async () => {
    verifies('promise.9.anonymous')
    const share = await createShare()
    const before = (await listDurableObjectIds(env.SHARE)).length
    const asked = vi.spyOn(Registry.prototype, 'shareTrust')
    for (let tries = 0; tries < 30; tries++) expect(await codeOf(await post(share, INITIALIZE))).toEqual(SIGN_IN)
    expect((await listDurableObjectIds(env.SHARE)).length).toBe(before)
    expect(asked.mock.calls.length).toBeLessThanOrEqual(1)
    vi.restoreAllMocks()
  })

  test('whoever comes may read, sees nothing else in lists, and is told to sign in for what there is and what there is not alike', async () => {
    verifies('promise.9.anonymous', 'promise.9.read-by-default')
    const { share, called } = await open()
    const { ask } = await begin(share)
    const listed = await (await ask('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).text()
    expect([listed.includes('"look"'), listed.includes('"wipe"')]).toEqual([true, false])
    expect((await ask(callOf('look'))).status).toBe(200)
    expect([await codeOf(await ask(callOf('wipe'))), await codeOf(await ask(callOf('nothing')))]).toEqual([SIGN_IN, SIGN_IN])
    expect(called).toHaveLength(1)
  })

  test('as much as the share’s own policy and theirs allow is allowed, and a change holds from the next request on', async () => {
    const { share } = await open({ anonymous: { access: 'admin', tools: { deny: ['wipe'] } } })
    const { ask } = await begin(share)
    expect(await codeOf(await ask(callOf('wipe')))).toEqual(SIGN_IN)
    expect((await order('PATCH', `/api/shares/${share.id}`, { anonymous: { access: 'admin' } })).status).toBe(200)
    expect((await ask(callOf('wipe'))).status).toBe(200)
    await order('PATCH', `/api/shares/${share.id}`, { policy: { tools: { deny: ['look'] } } })
    expect(await codeOf(await ask(callOf('look')))).toEqual(SIGN_IN)
  })

  test('there are no tasks, no subscriptions to resources and nothing unknown, whatever the policy says', async () => {
    verifies('promise.9.anonymous')
    const { share, called } = await open({ anonymous: { access: 'admin' } })
    const { ask } = await begin(share)
    for (const [method, params] of [
      ['resources/subscribe', { uri: 'x:a' }],
      ['tasks/get', { taskId: 'x' }],
      ['tasks/list', {}],
      ['x/unknown', {}],
    ] as const)
      expect([method, await codeOf(await ask(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })))]).toEqual([method, SIGN_IN])
    expect(await codeOf(await ask(callOf('look', { task: { ttl: 1 } })))).toEqual(SIGN_IN)
    expect(called).toEqual([])
    const long = INITIALIZE.replace('"t"', `"${'t'.repeat(MAX_ANONYMOUS_HANDSHAKE_BYTES)}"`)
    expect(await codeOf(await post(share, long))).toEqual([413, 'BODY_TOO_LARGE', false])
  })

  test('each session is another principal, of a child of its own, and none comes into those of links', async () => {
    verifies('promise.9.anonymous')
    const { share, opened } = await open()
    const [one, other] = [await begin(share), await begin(share)]
    const owners = opened.map(({ owner }) => owner)
    expect([new Set(owners).size, opened.map(({ root }) => root)]).toEqual([2, ['anonymous', 'anonymous']])
    expect(owners).toEqual([`anonymous:${one.id.slice(0, 13)}`, `anonymous:${other.id.slice(0, 13)}`])
    const client = new TestClient(share)
    await client.initialize()
    expect((await post(share, callOf('look'), { 'mcp-session-id': client.session ?? '' })).status).toBe(404)
    client.session = one.id
    expect((await client.post(callOf('look'))).status).toBe(404)
    // A principal names half of the id, which opens nothing.
    for (const guess of [one.id.slice(0, 13), `${one.id.slice(0, 13)}${'a'.repeat(13)}`, 'x'])
      expect((await post(share, callOf('look'), { 'mcp-session-id': guess })).status).toBe(404)
  })

  test('a session is shown to the owner, with its calls, and ended by its client or the owner', async () => {
    verifies('promise.9.anonymous', 'promise.9.sessions')
    const { share } = await open()
    const [one, other] = [await begin(share), await begin(share)]
    await one.ask(callOf('look'))
    const principal = `anonymous:${one.id.slice(0, 13)}`
    const path = `/api/shares/${share.id}`
    const { sessions } = (await order('GET', `${path}/sessions`)).told as { sessions: { principal: string; link: object; id: string }[] }
    expect(sessions.find((session) => session.principal === principal)).toMatchObject({
      id: one.id.slice(0, 13),
      link: { id: 'anonymous', name: 'anonymous' },
    })
    const { events } = (await order('GET', `${path}/audit`)).told as { events: object[] }
    expect(events).toContainEqual(
      expect.objectContaining({ principal, link: 'anonymous', method: 'tools/call', tool: 'look', outcome: 'ok' }),
    )
    expect((await order('DELETE', `${path}/sessions/${one.id.slice(0, 13)}`)).status).toBe(204)
    expect((await one.ask(callOf('look'))).status).toBe(404)
    const left = await fetchRelay(share.url, { method: 'DELETE', headers: { 'mcp-session-id': other.id } })
    expect([left.status, (await other.ask(callOf('look'))).status]).toEqual([204, 404])
  })

  test('a request of 2026-07-28 has a child of its own, which ends with it', async () => {
    verifies('promise.9.anonymous')
    const { share, opened, closed, called } = await open()
    const ask = (name: string): Promise<Response> =>
      postModern(share, 'tools/call', { name, arguments: {} }, { token: '' }, { authorization: '' })
    expect([(await ask('look')).status, (await ask('look')).status]).toEqual([200, 200])
    await expect.poll(() => closed).toHaveLength(2)
    expect(closed).toEqual(opened.map(({ ch }) => ch))
    expect(new Set(opened.map(({ owner }) => owner)).size).toBe(2)
    expect(await codeOf(await ask('wipe'))).toEqual(SIGN_IN)
    expect(called).toHaveLength(2)
    const listen = (notifications: object): Promise<Response> =>
      postModern(share, 'subscriptions/listen', { notifications }, { token: '' }, { authorization: '' })
    expect(await codeOf(await listen({ resourceSubscriptions: ['x:a'] }))).toEqual(SIGN_IN)
    const listening = await listen({ toolsListChanged: true })
    expect(listening.status).toBe(200)
    await listening.body?.cancel()
    await expect.poll(() => closed).toHaveLength(4)
  })

  test('HTTP+SSE and batches are open as well', async () => {
    const { share } = await open()
    const events = new EventReader(await fetchRelay(`/s/${share.id}/sse`, { headers: { accept: 'text/event-stream' } }))
    const messages = (await events.nextEvent())?.data ?? ''
    const send = (body: string): Promise<Response> =>
      fetchRelay(messages, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    expect((await send(INITIALIZE.replace('2025-11-25', '2024-11-05'))).status).toBe(202)
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ id: 0, result: { serverInfo: { name: 's' } } })
    expect((await send(callOf('look'))).status).toBe(202)
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ id: 7, result: { content: [] } })
    expect(await codeOf(await send('{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"x:a"}}'))).toEqual(SIGN_IN)
    expect(await codeOf(await send(callOf('wipe')))).toEqual(SIGN_IN)
    await events.cancel()
    const begun = await post(share, INITIALIZE.replace('2025-11-25', '2025-03-26'))
    const session = begun.headers.get('mcp-session-id') ?? ''
    const batch = (body: string): Promise<Response> => post(share, body, { 'mcp-session-id': session, accept: 'application/json' })
    expect((await batch(`[${callOf('look')}]`)).status).toBe(200)
    expect(await codeOf(await batch(`[${callOf('look')},{"jsonrpc":"2.0","id":9,"method":"tasks/list"}]`))).toEqual(SIGN_IN)
  })

  test('a link is a link all the same: a wrong one is refused, and who signs in may do more', async () => {
    const { share } = await open()
    expect((await post(share, INITIALIZE, { authorization: 'Bearer wrong' })).status).toBe(401)
    expect((await fetchRelay(`/s/${share.id}/k/wrong/mcp`, { method: 'POST', body: INITIALIZE, headers: JSON_TYPE })).status).toBe(404)
    const { tokens } = await signedIn(share, { name: 'Ann', policy: { access: 'admin' } })
    const client = new TestClient(share, tokens.access_token)
    await client.initialize()
    expect((await client.post(callOf('wipe'))).status).toBe(200)
  })
})

test('when the owner shuts the share again, sessions, streams and calls of theirs end at once, and others notice nothing', async () => {
  verifies('promise.9.anonymous')
  const { share, closed } = await open()
  const { id, ask } = await begin(share)
  const client = new TestClient(share)
  await client.initialize()
  const stream = await fetchRelay(share.url, { headers: { accept: 'text/event-stream', 'mcp-session-id': id } })
  expect(stream.status).toBe(200)
  expect((await order('PATCH', `/api/shares/${share.id}`, { anonymous: null })).told).toMatchObject({ anonymous: null })
  await stream.text()
  await expect.poll(() => closed).toHaveLength(1)
  expect(await codeOf(await ask(callOf('look')))).toEqual(SIGN_IN)
  expect(await codeOf(await post(share, INITIALIZE))).toEqual(SIGN_IN)
  expect((await client.post(callOf('look'))).status).toBe(200)
  // It outlives sleep.
  await evictDurableObject(stubOf(share))
  expect(await codeOf(await post(share, INITIALIZE))).toEqual(SIGN_IN)
})

test('limits_anonymous are of all of them together, and of nobody else', async () => {
  verifies('promise.12.exact', 'promise.10.guests')
  const { share } = await open({ anonymous: {}, limits_anonymous: { calls: '10/hour' } })
  const sessions = await Promise.all(Array.from({ length: 4 }, () => begin(share)))
  const client = new TestClient(share)
  await client.initialize()
  const statuses = await Promise.all(Array.from({ length: 100 }, async (_, at) => (await sessions[at % 4]?.ask(callOf('look')))?.status))
  expect([statuses.filter((status) => status === 200).length, statuses.filter((status) => status === 429).length]).toEqual([10, 90])
  expect((await client.post(callOf('look'))).status).toBe(200)
  const { told } = await order('GET', `/api/shares/${share.id}`)
  expect(told).toMatchObject({ anonymous: { access: 'read' }, limits_anonymous: { calls: '10/hour' } })
  const wrong = await order('PATCH', `/api/shares/${share.id}`, { anonymous: { access: 'all' } })
  expect([wrong.status, wrong.told['detail']]).toEqual([400, expect.stringContaining('access must be one of')])
})

test('of MAX_ANONYMOUS_SESSIONS sessions the oldest makes room for the next, and no session of a link does', async () => {
  verifies('promise.10.guests')
  const { share } = await open()
  const client = new TestClient(share)
  await client.initialize()
  const oldest = await begin(share)
  await runInDurableObject(stubOf(share), (_, { storage }) => {
    storage.sql.exec(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO session SELECT 'more-' || i, 'anonymous:' || i, 'http', ? + i, 0 FROM n`,
      MAX_ANONYMOUS_SESSIONS - 1,
      Date.now(),
    )
  })
  await evictDurableObject(stubOf(share))
  await begin(share)
  expect((await oldest.ask(callOf('look'))).status).toBe(404)
  expect((await client.post(callOf('look'))).status).toBe(200)
})

test('on a share’s own host it is the same', async () => {
  const hosted = { ...env, SHARE_DOMAIN: 'share.example' }
  const { share } = await open()
  const base = `https://${share.id}.share.example`
  const ask = async (body: string, headers: Record<string, string> = {}): Promise<Response> =>
    app.fetch(new Request(`${base}/mcp`, { method: 'POST', body, headers: { ...JSON_TYPE, ...headers } }), hosted, createExecutionContext())
  const begun = await ask(INITIALIZE)
  expect(begun.status).toBe(200)
  const session = { 'mcp-session-id': begun.headers.get('mcp-session-id') ?? '' }
  expect((await ask(callOf('look'), session)).status).toBe(200)
  const denied = await ask(callOf('wipe'), session)
  expect([denied.status, denied.headers.get('www-authenticate')]).toEqual([
    401,
    `Bearer resource_metadata="${base}/.well-known/oauth-protected-resource/mcp"`,
  ])
  expect(new SigningIn(share, { base }).base).toBe(base)
})
