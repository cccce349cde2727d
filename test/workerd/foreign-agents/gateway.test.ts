/** The routes of mcp-web-ui's gateway: who may register a server and have a session made, what of a session is the same, and what it opens. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { order, registryStub } from '../harness/orders.ts'
import {
  cameFrom,
  createClientToken,
  createShare,
  fetchRelay,
  linkIdOf,
  ORIGIN,
  ownerKey,
  stubOf,
  type TestShare,
} from '../harness/relay.ts'
import { ScriptedAgent } from '../harness/scripted-agent.ts'
import { keyOf, WebAgent } from '../harness/web-agent.ts'

const APP = 'http://localhost:3000'
const BACKEND = { type: 'tcp', host: 'localhost', port: 3000 }
const MINUTE_MS = 60_000

type Told = Readonly<Record<string, unknown>>

interface Answered {
  readonly status: number
  readonly told: Told
}

let asked = 0
/** Tokens of the owners of shares. */
const owners = new Map<string, string>()

async function ask(method: string, path: string, token: string | undefined, body?: object): Promise<Answered> {
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const init = {
    method,
    headers: { ...authorization, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }
  // Each from an address of its own: who goes on with wrong credentials from one would be slowed.
  const response = await fetchRelay(path, cameFrom(`198.51.${++asked >> 8}.${asked & 255}`, init))
  return { status: response.status, told: await response.json() }
}

const register = (token: string, body: object = {}): Promise<Answered> =>
  ask('POST', '/register-server', token, { serverName: 'todoodles', backend: BACKEND, ...body })
const discover = (token: string, name = 'todoodles'): Promise<Answered> => ask('GET', `/discover-server/${name}`, token)
const session = (token: string, body: object = {}): Promise<Answered> =>
  ask('POST', '/create-session', token, { userId: 'ann', serverName: 'todoodles', backend: BACKEND, ...body })

/** An owner of its own, so that names and counts are nobody else's; its share, and an agent that shares the app. */
async function gateway(hello: object = { serves: 'web', app: APP }) {
  const token = String((await order('POST', '/api/owners', { name: 'n' })).told['owner_token'])
  const share = await shareOf(token)
  const agent = await ScriptedAgent.connect(share, hello)
  return { token, share, agent, web: new WebAgent(agent) }
}

/** A row more like one of a share's, but for what is named. */
function copyRow(sql: SqlStorage, table: string, share: string, named: Readonly<Record<string, string | number>>): void {
  const ofKind = table === 'links' ? "AND kind = 'key'" : ''
  const row = sql.exec(`SELECT * FROM ${table} WHERE share = ? ${ofKind} LIMIT 1`, share).one()
  const all = Object.values({ ...row, ...named })
  sql.exec(`INSERT INTO ${table} VALUES (${all.map(() => '?').join()})`, ...all)
}

/** Another share of an owner, with an agent that shares an app of the same name. */
async function shareBeside(token: string): Promise<TestShare> {
  const share = await shareOf(token)
  await ScriptedAgent.connect(share, { serves: 'web', app: APP })
  return share
}

async function linksOf({ id }: TestShare): Promise<readonly Told[]> {
  return (await order('GET', `/api/shares/${id}/tokens`, undefined, owners.get(id))).told['tokens'] as Told[]
}

async function shareOf(token: string): Promise<TestShare> {
  const { told } = await order('POST', '/api/shares', { pinning: 'off' }, token)
  const id = String(told['share'])
  owners.set(id, token)
  return { id, url: `/s/${id}/mcp`, clientToken: String(told['client_token']), agentToken: String(told['agent_token']) }
}

describe('POST /register-server', () => {
  test.each(['an owner', 'an agent'])('takes a server of %s whose backend is the web app of the agent’s command line', async (who) => {
    verifies('seeds.gateway.registers')
    const { token, share } = await gateway()
    const mine = who === 'an owner' ? { token, more: { share: share.id } } : { token: share.agentToken, more: {} }
    const first = await register(mine.token, { metadata: { version: '1' }, ...mine.more })
    expect(first).toEqual({
      status: 200,
      told: {
        success: true,
        serverName: 'todoodles',
        backend: BACKEND,
        metadata: { version: '1' },
        registeredAt: expect.any(String),
        share: share.id,
        url: `${ORIGIN}/s/${share.id}/http/`,
        directUrl: `${APP}/`,
      },
    })
    // It is made again to say that the server is there still.
    expect((await register(mine.token, mine.more)).told['registeredAt']).toBe(first.told['registeredAt'])
    for (const asker of [token, share.agentToken]) expect((await discover(asker)).told).toMatchObject({ success: true, backend: BACKEND })
  })

  test.each([
    ['another port', { ...BACKEND, port: 3001 }],
    ['another name of this machine', { ...BACKEND, host: '127.0.0.1' }],
    ['another host', { ...BACKEND, host: '169.254.169.254' }],
    ['a host with a port of its own', { ...BACKEND, host: 'localhost:3000' }],
    ['a Unix socket', { type: 'unix', socketPath: '/var/run/docker.sock' }],
  ])('refuses a backend that is %s, and so does a session', async (_, backend) => {
    verifies('seeds.gateway.bounded')
    const { share } = await gateway()
    for (const told of [await register(share.agentToken, { backend }), await session(share.agentToken, { backend })])
      expect([told.status, told.told['code']]).toEqual([403, 'BACKEND_REFUSED'])
    expect((await discover(share.agentToken)).status).toBe(404)
  })

  test('refuses any backend while no agent says what it shares', async () => {
    verifies('seeds.gateway.bounded')
    const { share } = await gateway({})
    expect((await register(share.agentToken)).told['code']).toBe('BACKEND_REFUSED')
    const idle = await shareOf(await ownerKey())
    expect(await register(idle.agentToken)).toMatchObject({ status: 503, told: { code: 'AGENT_AWAY' } })
  })

  test('names what is missing or wrong, as mcp-web-ui does', async () => {
    verifies('seeds.gateway.registers')
    const { token, share } = await gateway()
    const told = async (body: object, asker = share.agentToken): Promise<Told> => (await ask('POST', '/register-server', asker, body)).told
    expect(await told({ serverName: 'x' })).toMatchObject({
      error: 'Missing required fields',
      required: ['serverName', 'backend'],
      code: 'BODY_INVALID',
    })
    expect(await told({ serverName: 'x', backend: BACKEND }, token)).toMatchObject({ required: ['serverName', 'backend', 'share'] })
    expect(await told({ serverName: 'x', backend: { type: 'tcp', host: 'h' } })).toMatchObject({
      error: 'TCP backend requires host and port',
    })
    expect(await told({ serverName: 'x'.repeat(101), backend: BACKEND })).toMatchObject({ error: expect.stringContaining('serverName') })
    expect(await told({ serverName: 'x', backend: BACKEND, metadata: { a: 'y'.repeat(4096) } })).toMatchObject({
      error: expect.stringContaining('metadata'),
    })
  })

  test('forgets who has not registered again in ten minutes', async () => {
    verifies('seeds.gateway.stale')
    const { token, share } = await gateway()
    await register(share.agentToken)
    await runInDurableObject(registryStub(), (_, { storage }) => {
      storage.sql.exec('UPDATE gateway_server SET seen_ms = seen_ms - ? WHERE share = ?', 10 * MINUTE_MS, share.id)
    })
    expect((await discover(token)).status).toBe(404)
    expect((await ask('GET', '/stats', token)).told['registeredServers']).toBe(0)
    await register(share.agentToken, { serverName: 'other' })
    const rows = await runInDurableObject(registryStub(), (_, { storage }) =>
      storage.sql.exec<{ name: string }>('SELECT name FROM gateway_server WHERE share = ?', share.id).toArray(),
    )
    expect(rows).toEqual([{ name: 'other' }])
  })

  test('takes a hundred of the agents of a share, and not one more, whereas others and their owner have room of their own', async () => {
    verifies('seeds.gateway.bounded')
    const { token, share } = await gateway()
    await register(share.agentToken)
    await runInDurableObject(registryStub(), (_, { storage }) => {
      const [{ owner }] = storage.sql.exec<{ owner: string }>('SELECT owner FROM gateway_server WHERE share = ?', share.id).toArray() as [
        { owner: string },
      ]
      for (let made = 1; made < 100; made++)
        storage.sql.exec(
          "INSERT INTO gateway_server VALUES (?, ?, ?, ?, ?, '{}', 0, ?)",
          owner,
          share.id,
          `s${made}`,
          linkIdOf(share.agentToken),
          APP,
          Date.now(),
        )
    })
    expect((await register(share.agentToken, { serverName: 'more' })).told['code']).toBe('GATEWAY_FULL')
    expect((await register(share.agentToken)).status).toBe(200)
    expect((await ask('GET', '/stats', token)).told['registeredServers']).toBe(100)
    const beside = await shareBeside(token)
    expect((await register(beside.agentToken)).status).toBe(200)
    expect((await register(token, { serverName: 'own', share: share.id })).status).toBe(200)
    await order('DELETE', `/api/shares/${share.id}/tokens/${linkIdOf(share.agentToken)}`, undefined, token)
    expect((await ask('GET', '/stats', token)).told['registeredServers']).toBe(2)
  })
})

describe('GET /discover-server/<name>', () => {
  test('tells an owner, and an agent of its own share; nobody else finds the name', async () => {
    verifies('seeds.gateway.apart')
    const { token, share } = await gateway()
    await register(share.agentToken)
    const [beside, other] = [await shareOf(token), await gateway()]
    for (const [asker, status] of [
      [token, 200],
      [share.agentToken, 200],
      [beside.agentToken, 404],
      [other.token, 404],
      [other.share.agentToken, 404],
      [await ownerKey(), 404],
    ] as const)
      expect((await discover(asker)).status).toBe(status)
    expect((await discover(other.token)).told).toEqual({
      error: 'Server not found',
      serverName: 'todoodles',
      code: 'SERVER_NOT_REGISTERED',
    })
    // The same name is another server for another owner.
    expect((await register(other.share.agentToken)).status).toBe(200)
    expect((await discover(token)).told['share']).toBe(share.id)
  })

  test('names are of a share: nobody takes another’s, and an owner says which is meant where several have one', async () => {
    verifies('seeds.gateway.apart')
    const { token, share: lent } = await gateway()
    const mine = await shareBeside(token)
    expect((await register(lent.agentToken)).status).toBe(200)
    expect((await register(mine.agentToken)).told['share']).toBe(mine.id)
    expect(await register(mine.agentToken, { share: lent.id })).toMatchObject({ status: 403, told: { code: 'INSUFFICIENT_PERMISSIONS' } })
    const shares = [lent.id, mine.id].toSorted()
    for (const refused of [await discover(token), await session(token)])
      expect(refused).toMatchObject({ status: 409, told: { code: 'SERVER_NAME_AMBIGUOUS', shares } })
    for (const { id } of [lent, mine]) {
      expect((await discover(token, `todoodles?share=${id}`)).told['share']).toBe(id)
      expect(String((await session(token, { share: id })).told['token']).startsWith(`${id}.`)).toBe(true)
    }
    for (const { id, agentToken } of [lent, mine]) {
      expect((await discover(agentToken)).told['share']).toBe(id)
      expect(String((await session(agentToken)).told['token']).startsWith(`${id}.`)).toBe(true)
    }
    // What an agent has registered is gone with its token.
    await order('DELETE', `/api/shares/${lent.id}/tokens/${linkIdOf(lent.agentToken)}`, undefined, token)
    expect((await discover(token)).told['share']).toBe(mine.id)
  })
})

describe('POST /create-session', () => {
  test('makes a link that opens the web app by 002’s address and nothing else, until its time is over', async () => {
    verifies('seeds.gateway.sessions')
    const { share, web } = await gateway({ serves: 'both', app: APP })
    const { told } = await session(share.agentToken, { ttlMinutes: 5 })
    expect(told).toMatchObject({
      success: true,
      serverName: 'todoodles',
      serverType: 'mcp-webui',
      backend: BACKEND,
      reused: false,
      directUrl: `${APP}/`,
    })
    const leftMs = Date.parse(String(told['expiresAt'])) - Date.now()
    expect(leftMs).toBeGreaterThan(4 * MINUTE_MS)
    expect(leftMs).toBeLessThanOrEqual(6 * MINUTE_MS)
    const there = await fetchRelay(`/mcp/${String(told['token'])}/api/update?x=1`, { method: 'POST', body: '{}', redirect: 'manual' })
    expect(there.status).toBe(307)
    const location = there.headers.get('location') ?? ''
    const { open, response } = await web.serve(fetchRelay(location, { method: 'POST', body: '{}' }))
    expect([open.method, open.target, await response.text()]).toEqual(['POST', '/api/update?x=1', 'hello'])
    const [, key = ''] = String(told['token']).split('.')
    const begun = await fetchRelay(`/s/${share.id}/k/${key}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-session-id': 'nobody' },
      body: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}',
    })
    expect(begun.status).toBeGreaterThanOrEqual(400)
    expect((await linksOf(share)).find(({ name }) => name === 'mcp-webui: ann')).toMatchObject({
      kind: 'key',
      policy: { web: true, tools: { deny: ['*'] } },
    })
  })

  test('is the same for the same user, server and kind while it lives and its backend is the same', async () => {
    verifies('seeds.gateway.sessions')
    const { token, share } = await gateway()
    await register(share.agentToken)
    const first = await session(share.agentToken, { backend: undefined })
    expect(first.status).toBe(200)
    expect((await session(share.agentToken)).told).toEqual({ ...first.told, reused: true })
    // What one has had made is nobody else's, be it its owner.
    const own = await session(token)
    expect(own.told).toMatchObject({ reused: false })
    expect(own.told['token']).not.toBe(first.told['token'])
    expect((await session(token)).told).toEqual({ ...own.told, reused: true })
    for (const other of [{ userId: 'bob' }, { serverName: 'notes' }, { serverType: 'admin' }])
      expect((await session(share.agentToken, other)).told['token']).not.toBe(first.told['token'])
    expect((await ask('GET', '/stats', token)).told).toMatchObject({
      totalActiveSessions: 5,
      sessionsByServer: { todoodles: 4, notes: 1 },
      sessionsByUser: { ann: 4, bob: 1 },
      registeredServers: 1,
      oldestSession: expect.any(String),
      newestSession: expect.any(String),
      server: { uptime: expect.any(Number), timestamp: expect.any(String) },
    })
    const [link] = (await linksOf(share)).filter(({ name }) => name === 'mcp-webui: ann')
    await order('DELETE', `/api/shares/${share.id}/tokens/${String(link?.['id'])}`, undefined, token)
    const anew = await session(share.agentToken)
    expect(anew.told).toMatchObject({ reused: false })
    expect(anew.told['token']).not.toBe(first.told['token'])
  })

  test('ends with its backend: another app gets another session, and the one before is revoked', async () => {
    verifies('seeds.gateway.sessions')
    const { share } = await gateway()
    const { told } = await session(share.agentToken)
    await ScriptedAgent.connect(share, { serves: 'web', app: 'http://localhost:4000', instance: 'two' })
    const next = await session(share.agentToken, { backend: { ...BACKEND, port: 4000 } })
    expect(next.told).toMatchObject({ reused: false, directUrl: 'http://localhost:4000/' })
    const old = await fetchRelay(`/s/${String(told['token']).replace('.', '/k/')}/http/`)
    expect(old.status).toBe(410)
    expect((await session(share.agentToken)).told['code']).toBe('BACKEND_REFUSED')
  })

  test('five hundred of the agents of a share at a time, of which the ended and the revoked make room; others have room of their own', async () => {
    verifies('seeds.gateway.bounded')
    const { token, share } = await gateway()
    await session(share.agentToken)
    await runInDurableObject(registryStub(), (_, { storage }) => {
      for (let made = 1; made < 500; made++)
        for (const [table, named] of [
          ['links', { id: `l${made}`, expires_at_ms: Date.now() + 10 * MINUTE_MS }],
          ['gateway_session', { user: `u${made}`, link: `l${made}` }],
        ] as const)
          copyRow(storage.sql, table, share.id, named)
    })
    expect((await session(share.agentToken, { userId: 'bob' })).told['code']).toBe('GATEWAY_FULL')
    expect((await session(share.agentToken)).told['reused']).toBe(true)
    const beside = await shareBeside(token)
    for (const [asker, more] of [
      [beside.agentToken, {}],
      [token, { share: share.id }],
    ] as const)
      expect((await session(asker, more)).status).toBe(200)
    await runInDurableObject(registryStub(), (_, { storage }) => {
      storage.sql.exec("UPDATE gateway_session SET ends_at_ms = 0 WHERE share = ? AND user = 'u1'", share.id)
    })
    expect((await session(share.agentToken, { userId: 'bob' })).status).toBe(200)
    expect((await session(share.agentToken, { userId: 'eve' })).told['code']).toBe('GATEWAY_FULL')
    await order('DELETE', `/api/shares/${share.id}/tokens/l2`, undefined, token)
    expect((await session(share.agentToken, { userId: 'eve' })).status).toBe(200)
  })

  test('what an agent’s token has had made ends with it: no later by its time, and at once when it is revoked', async () => {
    verifies('seeds.gateway.sessions')
    const { token, share, web, agent } = await gateway()
    const { told: made } = await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'agent', expires_in: 3600 }, token)
    const short = await session(String(made['token']), { ttlMinutes: 500_000 })
    expect(short.told['expiresAt']).toBe(made['expires_at'])
    const { told } = await session(share.agentToken, { ttlMinutes: 500_000 })
    const own = await session(token, { share: share.id })
    const visit = (text: unknown): Promise<Response> => fetchRelay(`/s/${String(text).replace('.', '/k/')}/http/`)
    const opens = async (text: unknown): Promise<void> => {
      const { response } = await web.serve(visit(text))
      expect([response.status, await response.text()]).toEqual([200, 'hello'])
      await agent.expect('web_gone')
    }
    for (const one of [short.told, told, own.told]) await opens(one['token'])
    await order('DELETE', `/api/shares/${share.id}/tokens/${String(made['id'])}`, undefined, token)
    expect((await visit(short.told['token'])).status).toBe(410)
    await opens(told['token'])
    await evictDurableObject(stubOf(share))
    expect((await visit(short.told['token'])).status).toBe(410)
    expect((await ask('GET', '/stats', token)).told['totalActiveSessions']).toBe(2)
  })

  test('takes a time from a minute to a year, and ends with its share', async () => {
    verifies('seeds.gateway.sessions')
    const { token, share } = await gateway()
    for (const ttlMinutes of [0, -1, 1.5, 527_041, '5']) expect((await session(share.agentToken, { ttlMinutes })).status).toBe(400)
    const { told } = await session(share.agentToken, { ttlMinutes: 527_040 })
    const { told: shown } = await order('GET', `/api/shares/${share.id}`, undefined, token)
    expect(told['expiresAt']).toBe(shown['expires_at'])
  })

  test('what was made goes with the share, and with its owner', async () => {
    verifies('seeds.gateway.stale')
    const { token, share } = await gateway()
    await register(share.agentToken)
    await session(share.agentToken)
    await order('DELETE', `/api/shares/${share.id}`, undefined, token)
    const rows = await runInDurableObject(registryStub(), (_, { storage }) =>
      ['gateway_server', 'gateway_session'].map(
        (table) => storage.sql.exec(`SELECT name FROM ${table} WHERE share = ?`, share.id).toArray().length,
      ),
    )
    expect(rows).toEqual([0, 0])
  })
})

describe('who is let in', () => {
  const CALLS: readonly (readonly [method: string, path: string, body?: object])[] = [
    ['POST', '/register-server', { serverName: 'x', backend: BACKEND }],
    ['GET', '/discover-server/todoodles'],
    ['POST', '/create-session', { userId: 'u', serverName: 'todoodles', backend: BACKEND }],
    ['GET', '/stats'],
  ]
  const credentials: Record<string, string | undefined> = {}
  let good: TestShare

  beforeAll(async () => {
    const { token, share } = await gateway()
    good = share
    await register(share.agentToken)
    const { told } = await order('POST', `/api/shares/${share.id}/tokens`, { kind: 'agent' }, token)
    await order('DELETE', `/api/shares/${share.id}/tokens/${String(told['id'])}`, undefined, token)
    Object.assign(credentials, {
      none: undefined,
      client: share.clientToken,
      forged: `${share.agentToken.slice(0, -2)}${share.agentToken.endsWith('AA') ? 'BA' : 'AA'}`,
      'revoked agent': String(told['token']),
      'guessed owner': `mcpe_owner_${'a'.repeat(65)}`,
      'another share’s client': await createClientToken(await createShare()),
    })
    credentials['path key'] = (await keyOf(await createShare())).key
  })

  test.each(['none', 'client', 'forged', 'revoked agent', 'guessed owner', 'another share’s client', 'path key'])(
    'nobody with %s',
    async (kind) => {
      verifies('seeds.gateway.apart')
      for (const [method, path, body] of CALLS) {
        const { status, told } = await ask(method, path, credentials[kind], body)
        expect([status, told['code']], `${method} ${path}`).toEqual([401, 'UNAUTHORIZED'])
      }
    },
  )

  test('an agent and its owner, by every route', async () => {
    for (const [method, path, body] of CALLS) expect((await ask(method, path, good.agentToken, body)).status, path).toBe(200)
  })
})
