/** What clients with a key link show for the server itself, whose agent passes that on (--pass-auth): to whom it goes, and who is told what. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import type { Call } from '../../../protocol/frame.ts'
import type { Hello } from '../../../protocol/handshake.ts'
import { MAX_PASSED_CREDENTIAL_CHARS } from '../../../protocol/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { askAsOwner, createShare, EventReader, factsOf, fetchRelay, ORIGIN, resetShare, stubOf, type TestShare } from '../harness/relay.ts'
import { untilKept } from '../harness/kept-lists.ts'
import { SelfAnsweringAgent } from '../harness/self-answering-agent.ts'
import { BARE_SERVER, ScriptedAgent } from '../harness/scripted-agent.ts'
import { callOf } from '../harness/tool-calls.ts'

const SESSION_PRINCIPAL = /^key:[0-9a-f]{24}\+[a-z2-7]{13}$/
const INITIALIZE =
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'

const list = (id: number): string => `{"jsonrpc":"2.0","id":${id},"method":"tools/list"}`
const modernList = (id: number): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id,
    method: 'tools/list',
    params: {
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  })

interface Place {
  readonly share: TestShare
  readonly agent: ScriptedAgent
  /** Of the key link. */
  readonly path: string
}

async function place(
  hello: Partial<Omit<Hello, 'type'>> = { passesAuth: true },
  members: Readonly<Record<string, unknown>> = {},
): Promise<Place> {
  const share = await createShare(members)
  const path = await keyPath(share)
  return { share, path, agent: await ScriptedAgent.connect(share, hello) }
}

async function keyPath(share: TestShare): Promise<string> {
  const made = await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'key', policy: { access: 'admin' } })
  const { share_url: url } = await made.json<{ share_url: string }>()
  return new URL(url).pathname
}

interface Shown {
  readonly token?: string | undefined
  readonly session?: string | undefined
  readonly method?: string
  readonly more?: Readonly<Record<string, string>>
}

function ask(path: string, body: string | undefined, { token, session, method = 'POST', more = {} }: Shown): Promise<Response> {
  const headers = {
    accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(session === undefined ? {} : { 'mcp-session-id': session }),
    ...more,
  }
  return fetchRelay(path, { method, headers, ...(body === undefined ? {} : { body }) })
}

/** A session that has begun with this credential; its frames were looked at. */
async function begun({ agent, path }: Place, token: string | undefined) {
  const response = ask(path, INITIALIZE, { token })
  const { header: open } = await agent.expect('open')
  const { header: call } = await agent.expect('call')
  agent.answer(call, '0', BARE_SERVER)
  const { status, headers } = await response
  expect(status).toBe(200)
  return { open, call, session: headers.get('mcp-session-id') ?? '' }
}

function refuse(agent: ScriptedAgent, { ch, key, ra }: Call, code: 'SERVER_SIGN_IN' | 'SERVER_FORBIDDEN', challenge: string): void {
  agent.send({ type: 'failed', ch, key, ra, code, executed: 'no', challenge })
}

function tablesOf({ storage }: DurableObjectState): string[] {
  const tables = storage.sql.exec<{ name: string }>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  )
  return tables.toArray().map(({ name }) => name)
}

function textOf(value: unknown): string {
  return value instanceof ArrayBuffer ? new TextDecoder().decode(value) : String(value)
}

const metadataUrl = (path: string): string => `${ORIGIN}/.well-known/oauth-protected-resource${path}`

describe('a client with a key link', () => {
  test('is told by the server to sign in, at the metadata of its own URL; then its credential goes to the agent, and a refreshed one in its place', async () => {
    verifies('promise.http.pass-auth')
    const here = await place()
    const { agent, path } = here
    const refused = ask(path, INITIALIZE, {})
    await agent.expect('open')
    const { header } = await agent.expect('call')
    expect(header.auth).toBeUndefined()
    refuse(agent, header, 'SERVER_SIGN_IN', 'Bearer scope="files:read"')
    const told = await refused
    expect([told.status, told.headers.get('www-authenticate'), told.headers.get('mcp-session-id')]).toEqual([
      401,
      `Bearer scope="files:read", resource_metadata="${metadataUrl(path)}"`,
      null,
    ])
    expect(await told.json()).toMatchObject({ id: 0, error: { data: { code: 'SERVER_SIGN_IN', executed: 'no' } } })
    expect((await agent.expect('close')).header.ch).toBe(header.ch)

    const { open, call, session } = await begun(here, 'one')
    expect([open.auth, call.auth]).toEqual(['Bearer one', 'Bearer one'])
    expect(open.owner).toMatch(SESSION_PRINCIPAL)

    const expired = ask(path, list(1), { token: 'one', session })
    refuse(agent, (await agent.expect('call')).header, 'SERVER_SIGN_IN', 'Bearer error="invalid_token"')
    expect((await expired).status).toBe(401)
    const again = ask(path, list(1), { token: 'two', session })
    const { header: fresh } = await agent.expect('call')
    expect([fresh.ch, fresh.auth]).toEqual([call.ch, 'Bearer two'])
    agent.answer(fresh, '1', '{"tools":[]}')
    expect((await again).status).toBe(200)
  })

  test('hears of 403 as such, with the scope that is wanted', async () => {
    verifies('promise.http.pass-auth')
    const here = await place()
    const { session } = await begun(here, 'one')
    const response = ask(here.path, list(1), { token: 'one', session })
    refuse(here.agent, (await here.agent.expect('call')).header, 'SERVER_FORBIDDEN', 'Bearer error="insufficient_scope", scope="w"')
    const { status, headers } = await response
    expect([status, headers.get('www-authenticate')]).toEqual([
      403,
      `Bearer error="insufficient_scope", scope="w", resource_metadata="${metadataUrl(here.path)}"`,
    ])
  })

  test('may begin without a credential, and its session is from the first one on its own alone', async () => {
    verifies('promise.http.pass-auth')
    const here = await place()
    const { agent, path } = here
    const { call, session } = await begun(here, undefined)
    const response = ask(path, list(1), { token: 'one', session })
    const { header } = await agent.expect('call')
    expect([header.ch, header.auth]).toEqual([call.ch, 'Bearer one'])
    agent.answer(header, '1', '{"tools":[]}')
    expect((await response).status).toBe(200)
    expect((await ask(path, list(2), { session })).status).toBe(404)
  })

  test('shares neither processes nor what is kept of lists with another credential of the same link', async () => {
    verifies('promise.http.pass-auth')
    const here = await place()
    const { agent, path, share } = here
    const [ann, bob] = [await begun(here, 'ann'), await begun(here, 'bob')]
    expect(ann.call.ch).not.toBe(bob.call.ch)
    expect(ann.open.owner).not.toBe(bob.open.owner)
    const response = ask(path, list(1), { token: 'ann', session: ann.session })
    agent.answer((await agent.expect('call')).header, '1', '{"tools":[{"name":"secret-of-ann"}]}')
    expect(await (await response).text()).toContain('secret-of-ann')
    // For the time when no agent is there it is kept what the server says to anybody, and nothing that it says to one of them.
    const anybody = await begun(here, undefined)
    const open = ask(path, list(1), { session: anybody.session })
    agent.answer((await agent.expect('call')).header, '1', '{"tools":[]}')
    await (await open).text()
    await untilKept(share, 2)
    const kept = await runInDurableObject(stubOf(share), (_, state) => state.storage.sql.exec('SELECT audience FROM listing').toArray())
    expect(kept.length).toBe(2)
    expect(JSON.stringify(kept)).not.toContain('+')
    expect(JSON.stringify(await factsOf(share))).not.toContain('Bearer ')
  })

  test('has its credential in no row of the share, in nothing that its owner is shown, and in no attachment, also where calls are captured', async () => {
    verifies('promise.http.pass-auth')
    const here = await place({ passesAuth: true }, { capture: true })
    const { agent, path, share } = here
    const { session } = await begun(here, 'needle')
    const response = ask(path, list(1), { token: 'needle', session })
    agent.answer((await agent.expect('call')).header, '1', '{"tools":[]}')
    await (await response).text()
    const noted = ask(path, '{"jsonrpc":"2.0","method":"notifications/x"}', { token: 'needle', session })
    const { header: notify } = await agent.expect('notify')
    expect(notify.auth).toBe('Bearer needle')
    agent.send({ type: 'receipts', keys: [notify.key] })
    expect((await noted).status).toBe(202)
    const events = await ask(path, undefined, { token: 'needle', session, method: 'GET' })
    await runDurableObjectAlarm(stubOf(share))
    const kept = await runInDurableObject(stubOf(share), (_, state) => [
      ...state.getWebSockets().map((socket) => JSON.stringify(socket.deserializeAttachment())),
      ...tablesOf(state).flatMap((table) => [...state.storage.sql.exec(`SELECT * FROM "${table}"`).raw()].flat().map(textOf)),
    ])
    expect(kept.some((value) => value.includes(session))).toBe(true)
    const shown = await Promise.all(
      ['', '/sessions', '/audit'].map(async (what) => (await askAsOwner('GET', `/api/shares/${share.id}${what}`)).text()),
    )
    expect(shown.join()).toContain('key:')
    expect([...kept, ...shown].filter((value) => value.includes('needle'))).toEqual([])
    await events.body?.cancel()
  })

  test('in revision 2026-07-28 each credential is a client by itself', async () => {
    verifies('promise.http.pass-auth')
    const { agent, path } = await place({ passesAuth: true, era: 'modern' })
    const owners: (string | undefined)[] = []
    for (const token of ['ann', 'bob']) {
      const response = ask(path, modernList(1), { token, more: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' } })
      const { header: open } = await agent.expect('open')
      const { header } = await agent.expect('call')
      expect([open.auth, header.auth]).toEqual([`Bearer ${token}`, `Bearer ${token}`])
      owners.push(open.owner)
      refuse(agent, header, 'SERVER_SIGN_IN', 'Bearer')
      const { status, headers } = await response
      expect([status, headers.get('www-authenticate')]).toEqual([401, `Bearer resource_metadata="${metadataUrl(path)}"`])
    }
    expect(new Set(owners).size).toBe(2)
  })

  test('whose session is opened anew shows its credential there before all else', async () => {
    verifies('promise.http.pass-auth')
    const here = await place()
    const { session } = await begun(here, 'one')
    await here.agent.leave(4005)
    await resetShare(here.share)
    const agent = await ScriptedAgent.connect(here.share, { passesAuth: true, instance: 'two' })
    const response = ask(here.path, list(1), { token: 'two', session })
    expect((await agent.expect('open')).header.auth).toBe('Bearer two')
    const { header } = await agent.expect('call')
    expect(header.method).toBe('initialize')
    await agent.expect('notify')
    agent.answer(header, '0', BARE_SERVER)
    const { header: call } = await agent.expect('call')
    expect(call.auth).toBe('Bearer two')
    agent.answer(call, '1', '{"tools":[]}')
    expect((await response).status).toBe(200)
  })

  test('over HTTP+SSE is told by its post to sign in, and by nothing else', async () => {
    verifies('promise.http.pass-auth')
    const { agent, path } = await place()
    const sse = path.replace(/mcp$/, 'sse')
    const events = new EventReader(await ask(sse, undefined, { method: 'GET' }))
    const endpoint = (await events.nextEvent())?.data ?? ''
    const refused = ask(endpoint, INITIALIZE, {})
    await agent.expect('open')
    refuse(agent, (await agent.expect('call')).header, 'SERVER_SIGN_IN', 'Bearer')
    const { status, headers } = await refused
    expect([status, headers.get('www-authenticate')]).toEqual([401, `Bearer resource_metadata="${metadataUrl(sse)}"`])
    const taken = ask(endpoint, INITIALIZE, { token: 'one' })
    const frame = await agent.next()
    const call = frame.header.type === 'call' ? frame.header : (await agent.expect('call')).header
    expect(call.auth).toBe('Bearer one')
    agent.answer(call, '0', BARE_SERVER)
    expect((await taken).status).toBe(202)
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ id: 0, result: {} })
    await events.cancel()
  })

  test('over HTTP+SSE with a server of 2026-07-28 may sign in once its stream is open', async () => {
    verifies('promise.http.pass-auth')
    const { agent, path } = await place({ passesAuth: true, era: 'modern' })
    const events = new EventReader(await ask(path.replace(/mcp$/, 'sse'), undefined, { method: 'GET' }))
    const endpoint = (await events.nextEvent())?.data ?? ''
    expect((await ask(endpoint, INITIALIZE, { token: 'one' })).status).toBe(202)
    expect((await agent.expect('open')).header.auth).toBe('Bearer one')
    const { header: discover } = await agent.expect('call')
    agent.answer(
      discover,
      '0',
      '{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"},"resultType":"complete"}',
    )
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ id: 0, result: { capabilities: { tools: {} } } })
    expect((await ask(endpoint, list(1), { token: 'two' })).status).toBe(202)
    let { header } = await agent.next()
    while (header.type !== 'call' || header.method !== 'tools/list') ({ header } = await agent.next())
    expect(header.auth).toBe('Bearer two')
    await events.cancel()
  })

  test('shows no longer credential than is passed on', async () => {
    verifies('promise.http.pass-auth')
    const { path } = await place()
    const response = await ask(path, INITIALIZE, { token: 'x'.repeat(MAX_PASSED_CREDENTIAL_CHARS) })
    expect(response.status).toBe(431)
    expect(await response.json()).toMatchObject({ error: { data: { code: 'CREDENTIAL_TOO_LONG' } } })
  })
})

describe('with agents that serve different names', () => {
  test('each is shown the credential of the client whose call or list it gets, and one that does not want it gets neither', async () => {
    verifies('promise.http.pass-auth')
    const share = await createShare()
    const path = await keyPath(share)
    const one = await SelfAnsweringAgent.connect(share, 'one', { tools: ['a_x'] }, { patterns: ['a_*'], passesAuth: true })
    const two = await SelfAnsweringAgent.connect(share, 'two', { tools: ['b_x'] }, { patterns: ['b_*'], passesAuth: true })
    const three = await SelfAnsweringAgent.connect(share, 'three', { tools: ['c_x'] }, { patterns: ['c_*'] })
    const session = (await ask(path, INITIALIZE, { token: 'needle' })).headers.get('mcp-session-id') ?? undefined
    const call = (id: number, name: string): Promise<Response> =>
      ask(path, callOf(id, name), {
        token: 'needle',
        session,
      })
    expect(await (await call(1, 'a_x')).text()).toContain('one: a_x')
    expect(await (await call(2, 'b_x')).text()).toContain('two: b_x')
    const refused = await call(3, 'c_x')
    expect(await refused.text()).toContain('UNAUTHORIZED')
    const listed = await (await ask(path, list(4), { token: 'needle', session })).text()
    expect(listed).toContain('b_x')
    expect(three.heard).toEqual([])
    for (const agent of [one, two]) {
      expect([...agent.opened.values()].map(({ auth }) => auth)).toEqual(['Bearer needle'])
      expect(agent.heard.map(({ header }) => header.auth)).toContain('Bearer needle')
    }
    expect(three.opened.size).toBe(0)
  })
})

describe('nothing goes to the server', () => {
  test('where its agent does not say that it wants that: such a token is wrong, as ever', async () => {
    verifies('promise.http.pass-auth')
    const { agent, path } = await place({})
    const response = await ask(path, INITIALIZE, { token: 'one' })
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining('not made by this relay') } })
    expect(agent.waiting).toEqual([])
    expect((await fetchRelay(new URL(metadataUrl(path)).pathname)).status).toBe(404)
  })

  test('where one child serves all, whatever its agent says: it would be used with the credentials of all', async () => {
    verifies('promise.http.pass-auth')
    const { agent, path } = await place({ passesAuth: true, isolation: 'share' })
    expect((await ask(path, INITIALIZE, { token: 'one' })).status).toBe(401)
    expect(agent.waiting).toEqual([])
  })

  test('of a token of this relay, of another share neither; with one of this share its holder comes in as always', async () => {
    verifies('promise.http.pass-auth')
    const { agent, path, share } = await place()
    const other = await createShare()
    for (const token of [other.clientToken, other.agentToken, share.agentToken]) {
      const { status } = await ask(path, INITIALIZE, { token })
      expect(status).toBe(401)
    }
    expect(agent.waiting).toEqual([])
    const response = ask(path, INITIALIZE, { token: share.clientToken })
    const { header: open } = await agent.expect('open')
    const { header } = await agent.expect('call')
    expect([open.auth, header.auth, open.owner?.startsWith('client:')]).toEqual([undefined, undefined, true])
    agent.answer(header, '0', BARE_SERVER)
    expect((await response).status).toBe(200)
  })

  test('of a holder of a token of this relay, whom the server cannot send into signing in', async () => {
    verifies('promise.http.pass-auth')
    const { agent, share } = await place()
    const response = ask(share.url, INITIALIZE, { token: share.clientToken })
    await agent.expect('open')
    refuse(agent, (await agent.expect('call')).header, 'SERVER_SIGN_IN', 'Bearer scope="a"')
    const { status, headers } = await response
    expect([status, headers.get('www-authenticate')]).toEqual([403, null])
  })

  test('of a session of another credential, or of none, to whoever shows nothing there', async () => {
    verifies('promise.http.pass-auth')
    const here = await place()
    const { agent, path } = here
    const other = await keyPath(here.share)
    const { session } = await begun(here, 'one')
    for (const [at, shown] of [
      [path, {}],
      [other, { token: 'one' }],
      [other, {}],
    ] as const)
      for (const method of ['POST', 'GET', 'DELETE']) {
        const body = method === 'POST' ? list(1) : undefined
        expect([method, (await ask(at, body, { ...shown, session, method })).status]).toEqual([method, 404])
      }
    expect((await ask(path, undefined, { session, method: 'GET', more: { 'last-event-id': `${session}.1` } })).status).not.toBe(200)
    expect(agent.waiting).toEqual([])
  })

  test('of a bearer at the share itself, without a key', async () => {
    verifies('promise.http.pass-auth')
    const { agent, share } = await place()
    expect((await ask(share.url, INITIALIZE, { token: 'one' })).status).toBe(401)
    expect(agent.waiting).toEqual([])
  })

  test('once the agent that wanted it has given way to one that does not', async () => {
    verifies('promise.http.pass-auth')
    const here = await place()
    const { session } = await begun(here, 'one')
    const agent = await ScriptedAgent.connect(here.share, { instance: 'two' })
    const response = await ask(here.path, list(1), { token: 'one', session })
    expect(response.status).toBe(401)
    const sessions = (): Promise<unknown> =>
      runInDurableObject(stubOf(here.share), (_, { storage }) => storage.sql.exec('SELECT count(*) AS count FROM session').one()['count'])
    const before = await sessions()
    expect((await ask(here.path, INITIALIZE, { token: 'one' })).status).toBe(401)
    expect(await sessions()).toBe(before)
    expect(agent.waiting).toEqual([])
  })
})

describe('the resource metadata of a key link', () => {
  const answered = async (here: Place, path: string, tell: (key: string) => void): Promise<Response> => {
    const response = fetchRelay(new URL(metadataUrl(path)).pathname)
    tell((await here.agent.expect('metadata_ask')).header.key)
    return response
  }

  test("is the server's own, but for the URL of what is protected", async () => {
    verifies('promise.http.pass-auth')
    const here = await place()
    const metadata = { resource: 'http://localhost:8080/mcp', authorization_servers: ['https://as.example'], scopes_supported: ['a'] }
    for (const path of [here.path, here.path.replace(/mcp$/, 'sse')]) {
      const response = await answered(here, path, (key) =>
        here.agent.send({ type: 'metadata', key }, new TextEncoder().encode(JSON.stringify(metadata))),
      )
      expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
      expect(await response.json()).toEqual({ ...metadata, resource: `${ORIGIN}${path}` })
    }
  })

  test('is found for the addresses of other systems as they are typed', async () => {
    const here = await place()
    const [, , share, , key] = here.path.split('/')
    const typed = `/share/${share}.${key}/mcp`
    const response = await answered(here, typed, (id) => here.agent.send({ type: 'metadata', key: id }, new TextEncoder().encode('{}')))
    expect(await response.json()).toEqual({ resource: `${ORIGIN}${typed}` })
  })

  test.each([
    ['metadata', 404, 'ROUTE_NOT_FOUND'],
    ['issuer', 404, 'SIGN_IN_NOT_PUBLIC'],
    ['server', 502, 'METADATA_UNREACHABLE'],
  ] as const)('where there is none for the reason %s, that is said with %i', async (lacks, status, code) => {
    verifies('promise.http.pass-auth')
    const here = await place()
    const response = await answered(here, here.path, (key) => here.agent.send({ type: 'metadata', key, lacks }))
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ code })
  })

  test.each(['not JSON', '[]', 'null', '"text"', `{"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`])(
    'is not what is no object, or cannot be written anew (%#)',
    async (said) => {
      const here = await place()
      const response = await answered(here, here.path, (key) => here.agent.send({ type: 'metadata', key }, new TextEncoder().encode(said)))
      expect(response.status).toBe(502)
      expect(await response.json()).toMatchObject({ code: 'METADATA_UNREACHABLE' })
    },
  )

  test("is nobody's without the key, and an agent that leaves keeps nobody waiting for it", async () => {
    verifies('promise.http.pass-auth')
    const here = await place()
    const wrong = here.path.replace(/\/k\/[^/]+/, `/k/${'a'.repeat(52)}`)
    expect((await fetchRelay(new URL(metadataUrl(wrong)).pathname)).status).toBe(404)
    expect(here.agent.waiting).toEqual([])
    const response = await answered(here, here.path, () => here.agent.close(4005))
    expect(response.status).toBe(503)
  })
})
