/** Who may come in, in the real runtime with real objects: the relay before and after its claim, and every kind of token at every door. */
import { listDurableObjectIds, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest'
import { Registry } from '../../../worker/registry/registry.ts'
import { verifies } from '../../requirements/verifies.ts'
import { fetchRelay } from '../harness/relay.ts'

const ORIGIN = 'https://relay.example'
const AGENT_UPGRADE = { headers: { upgrade: 'websocket', 'sec-websocket-protocol': 'mcp-edge.v1' } }
let ownerKey = ''

function ask(path: string, init: RequestInit = {}, token?: string): Promise<Response> {
  const headers = new Headers(init.headers)
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
  return fetchRelay(path, { ...init, headers })
}

function post(path: string, body?: unknown, token?: string): Promise<Response> {
  return ask(
    path,
    { method: 'POST', headers: { 'content-type': 'application/json' }, body: body === undefined ? null : JSON.stringify(body) },
    token,
  )
}

async function codeOf(response: Response): Promise<unknown> {
  const body: unknown = await response.json()
  return typeof body === 'object' && body !== null && 'code' in body ? body.code : undefined
}

async function membersOf(response: Response): Promise<Record<string, unknown>> {
  return response.json()
}

describe('a relay that nobody has claimed', () => {
  let logged: MockInstance<typeof console.log>
  beforeEach(() => {
    logged = vi.spyOn(console, 'log').mockImplementation(() => {})
  })
  afterEach(() => {
    logged.mockRestore()
  })
  const claimCodes = (): string[] => logged.mock.calls.flatMap(([line]) => /^claim code: (\S+)$/.exec(String(line))?.[1] ?? [])

  test('answers /healthz', async () => {
    expect(await (await ask('/healthz')).json()).toEqual({ status: 'ok' })
  })

  test.each(['/', '/s/x/mcp', '/s/x/k/y/mcp', '/s/x/sse', '/agent/x', '/api/shares', '/api/claim', '/api/openapi.json', '/nothing'])(
    'answers 503 RELAY_UNCLAIMED at %s, whatever is sent',
    async (path) => {
      verifies('promise.9.unclaimed')
      for (const method of ['GET', 'DELETE', ...(path === '/api/claim' ? [] : ['POST'])]) {
        const response = await ask(path, { method }, 'mcpe_owner_guess')
        expect([response.status, await codeOf(response)]).toEqual([503, 'RELAY_UNCLAIMED'])
      }
    },
  )

  test('writes the claim code to the log only, and the same on repeats', async () => {
    verifies('promise.9.claimed-once')
    const answers = await Promise.all(Array.from({ length: 5 }, () => post('/api/claim')))
    for (const answer of answers) {
      expect(answer.status).toBe(202)
      expect(await answer.text()).toBe('{"status":"code_logged"}')
    }
    const codes = claimCodes()
    expect(codes).toHaveLength(5)
    expect(new Set(codes).size).toBe(1)
  })

  test.each([{ code: 'aaaaaaaaaaaaaaaaaaaaaaaaaa' }, { code: 'a' }])('gives %j nothing', async (body) => {
    const response = await post('/api/claim', body)
    expect([response.status, await codeOf(response)]).toEqual([403, 'CLAIM_CODE_WRONG'])
  })

  test('asks nobody about wrong codes, and slows whoever goes on, but not the right one from the same address', async () => {
    verifies('promise.9.slowed')
    await post('/api/claim')
    const [right = ''] = claimCodes()
    const asked = vi.spyOn(Registry.prototype, 'claim')
    const flip = (code: string, at: number): string => `${code.slice(0, at)}${code[at] === 'a' ? 'b' : 'a'}${code.slice(at + 1)}`
    const statuses = []
    for (let at = 0; at < right.length; at++) statuses.push((await post('/api/claim', { code: flip(right, at) })).status)
    expect(new Set(statuses)).toEqual(new Set([403, 429]))
    expect(asked).not.toHaveBeenCalled()
    asked.mockReturnValue(Promise.resolve({ outcome: 'claimed' }))
    expect(await codeOf(await post('/api/claim', { code: right }))).toBe('RELAY_CLAIMED')
    asked.mockRestore()
  })

  test.each([{ code: '' }, { code: null }, { cod: 'x' }, [], 'x'])('refuses the body %j', async (body) => {
    expect(await codeOf(await post('/api/claim', body))).toBe('BODY_INVALID')
  })

  test('takes no code that has expired, and makes another', async () => {
    verifies('promise.9.claimed-once')
    await post('/api/claim')
    await runInDurableObject(env.REGISTRY.getByName('registry'), (_registry, state) => {
      state.storage.sql.exec('UPDATE claim_code SET expires_at_ms = ?', Date.now())
    })
    const [old] = claimCodes()
    expect(await codeOf(await post('/api/claim', { code: old }))).toBe('CLAIM_CODE_WRONG')
    await post('/api/claim')
    expect(claimCodes().at(-1)).not.toBe(old)
  })

  test('has exactly one owner after a race for the code, and no claim after it', async () => {
    verifies('promise.9.not-in-logs', 'promise.9.claimed-once')
    await post('/api/claim')
    const [code] = claimCodes()
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('/api/claim', { code })))
    const won = answers.filter((answer) => answer.status === 201)
    const lost = answers.filter((answer) => answer.status !== 201)
    expect(won).toHaveLength(1)
    for (const answer of lost) expect([answer.status, await codeOf(answer)]).toEqual([409, 'RELAY_CLAIMED'])
    for (const answer of won) ownerKey = String((await membersOf(answer))['owner_token'])
    expect(ownerKey).toMatch(/^mcpe_owner_[\w-]{65}$/)
    expect(await codeOf(await post('/api/claim'))).toBe('RELAY_CLAIMED')
    expect(logged.mock.calls.flat().join()).not.toContain(ownerKey)
  })
})

describe('a claimed relay', () => {
  const create = async (body: Record<string, unknown> = {}): Promise<Record<string, unknown>> => {
    const response = await post('/api/shares', body, ownerKey)
    expect(response.status).toBe(201)
    return membersOf(response)
  }
  const initialize = (path: string): Promise<Response> =>
    ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}',
    })
  const pathOf = (url: unknown): string => new URL(String(url)).pathname

  test('has made no object for all the refusals so far', async () => {
    expect(await listDurableObjectIds(env.SHARE)).toEqual([])
  })

  test('touches no object for invented share ids and keys', async () => {
    verifies('promise.9.forged')
    const invent = (): string =>
      Array.from(crypto.getRandomValues(new Uint8Array(32)), (byte) => 'abcdefghijklmnopqrstuvwxyz234567'.charAt(byte & 31)).join('')
    const client = String((await create())['client_token'])
    const before = (await listDurableObjectIds(env.SHARE)).length
    for (let round = 0; round < 500; round++) {
      const responses = await Promise.all([
        post(`/s/${invent()}/mcp`, {}, client),
        post(`/s/${invent()}/k/${invent()}/mcp`, {}),
        ask(`/agent/${invent()}`, { headers: { upgrade: 'websocket' } }, client),
        ask(`/api/shares/${invent()}`, {}, ownerKey),
      ])
      // Who goes on is slowed.
      for (const response of responses) expect([404, 429]).toContain(response.status)
    }
    expect(await listDurableObjectIds(env.SHARE)).toHaveLength(before)
  }, 60_000)

  test.each(['', 'mcpe_owner_', 'x'])('takes no owner key %j', async (key) => {
    const response = await ask('/api/shares', {}, key)
    expect([response.status, response.headers.get('www-authenticate'), await codeOf(response)]).toEqual([401, 'Bearer', 'OWNER_KEY_NEEDED'])
  })

  test('makes, lists, describes and deletes a share', async () => {
    verifies('promise.9.shown-once')
    const made = await create({ name: 'files', expires_in: 60 })
    const id = String(made['share'])
    expect(made).toMatchObject({ name: 'files', url: `${ORIGIN}/s/${id}/mcp`, sse_url: `${ORIGIN}/s/${id}/sse` })
    expect(Date.parse(String(made['expires_at'])) - Date.parse(String(made['created_at']))).toBe(60_000)
    const list = await membersOf(await ask('/api/shares', {}, ownerKey))
    expect(list['shares']).toContainEqual(expect.objectContaining({ share: id, name: 'files' }))
    expect(JSON.stringify(list)).not.toContain(String(made['client_token']))
    expect(await membersOf(await ask(`/api/shares/${id}`, {}, ownerKey))).toMatchObject({
      share: id,
      agents: [],
      sessions: 0,
      counters: { buffered_bytes: 0 },
    })
    expect((await ask(`/api/shares/${id}`, { method: 'DELETE' }, ownerKey)).status).toBe(204)
    for (const path of [`/api/shares/${id}`, `/api/shares/${id}/tokens`])
      expect(await codeOf(await post(path, { kind: 'client' }, ownerKey))).toMatch(/^(SHARE_NOT_FOUND|METHOD_NOT_ALLOWED)$/)
    expect(await codeOf(await ask(`/api/shares/${id}`, {}, ownerKey))).toBe('SHARE_NOT_FOUND')
    expect((await initialize(pathOf(made['share_url']))).status).toBe(404)
    expect((await ask(`/agent/${id}`, AGENT_UPGRADE, String(made['agent_token']))).status).toBe(404)
  })

  test('has none of its secrets in its storage as they are', async () => {
    verifies('promise.9.hashed')
    const made = await create()
    const secrets = [ownerKey, ...['client_token', 'agent_token'].map((name) => String(made[name]))]
    for (const secret of secrets) expect(secret.length).toBeGreaterThan(20)
    const kept = await runInDurableObject(env.REGISTRY.getByName('registry'), (_, { storage }) =>
      storage.sql
        .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray()
        .flatMap(({ name }) => storage.sql.exec(`SELECT * FROM "${name}"`).toArray())
        .flatMap((row) => Object.values(row))
        .map((value) => (value instanceof ArrayBuffer ? new TextDecoder('latin1').decode(value) : String(value))),
    )
    expect(kept).toContain(String(made['share']))
    expect(kept.filter((value) => secrets.some((secret) => value.includes(secret)))).toEqual([])
  })

  test.each([{ name: '' }, { name: 'x'.repeat(101) }, { expires_in: 0 }, { expires_in: 1e9 }, { expires: 1 }])(
    'refuses to make a share of %j',
    async (body) => {
      const response = await post('/api/shares', body, ownerKey)
      expect([response.status, await codeOf(response)]).toEqual([400, 'BODY_INVALID'])
    },
  )

  test('lets no token outlive its share', async () => {
    const made = await create({ expires_in: 60 })
    const token = await membersOf(await post(`/api/shares/${String(made['share'])}/tokens`, { kind: 'client', expires_in: 3600 }, ownerKey))
    expect(token['expires_at']).toBe(made['expires_at'])
  })

  test('names another principal in every token', async () => {
    const { share } = await create()
    const principals = await Promise.all(
      ['client', 'client', 'agent', 'agent', 'key', 'key'].map(
        async (kind) => (await membersOf(await post(`/api/shares/${String(share)}/tokens`, { kind }, ownerKey)))['principal'],
      ),
    )
    expect(new Set(principals).size).toBe(6)
    expect(principals.map((principal) => String(principal).split(':')[0])).toEqual(['client', 'client', 'agent', 'agent', 'key', 'key'])
  })

  test('takes each kind of token at its own door only, and before any upgrade', async () => {
    verifies('promise.9.own-door', 'promise.9.before-upgrade', 'http.authenticated')
    const own = await create()
    const other = await create()
    const id = String(own['share'])
    const doors: readonly [string, RequestInit, string][] = [
      [`/s/${id}/mcp`, { method: 'POST' }, 'client'],
      [`/s/${id}/sse`, { headers: { accept: 'text/event-stream' } }, 'client'],
      [`/agent/${id}`, AGENT_UPGRADE, 'agent'],
      ['/api/shares', {}, 'owner'],
    ]
    const tokens: Record<string, unknown> = {
      client: own['client_token'],
      agent: own['agent_token'],
      owner: ownerKey,
      foreign: other['client_token'],
      foreignAgent: other['agent_token'],
    }
    for (const [path, init, right] of doors) {
      for (const [kind, token] of Object.entries(tokens)) {
        if (kind === right) continue
        const response = await ask(path, init, String(token))
        expect([response.status, response.webSocket, response.headers.get('www-authenticate')], `${kind} at ${path}`).toEqual([
          401,
          null,
          'Bearer',
        ])
      }
    }
  })

  test('lets a bearer decide, also where the path has a good key', async () => {
    const made = await create()
    expect((await post(pathOf(made['share_url']), {}, String(made['agent_token']))).status).toBe(401)
    expect((await post(pathOf(made['share_url']), {})).status).not.toBe(401)
  })

  test('refuses a page of a foreign origin everywhere, and answers the preflight of its own', async () => {
    verifies('promise.9.origins', 'http.origin.validated', 'http.origin.403')
    const made = await create()
    for (const path of [pathOf(made['share_url']), '/api/shares']) {
      expect((await ask(path, { method: 'POST', headers: { origin: 'https://evil.example' } }, ownerKey)).status, path).toBe(403)
      const preflight = await ask(path, { method: 'OPTIONS', headers: { origin: ORIGIN, 'access-control-request-method': 'POST' } })
      expect([preflight.status, preflight.headers.get('access-control-allow-origin')], path).toEqual([204, ORIGIN])
    }
  })
})
