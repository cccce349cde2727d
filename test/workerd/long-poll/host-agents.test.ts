/** cpp-mcp's reverse client on a secret host name, in the real runtime: its shapes, vector V9, and who is let in. */
import { createExecutionContext, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { POLL_IDLE_MS, POLL_MS } from '../../../protocol/limits.ts'
import { MAX_FOREIGN_MESSAGE_BYTES } from '../../../worker/foreign-limits.ts'
import app from '../../../worker/index.ts'
import { CppMcp } from '../../../worker/share/agents/wires/cpp-mcp.ts'
import { REOPEN_MS } from '../../../worker/long-poll/limits.ts'
import { registration, reverseAnswer, reverseResponse } from '../../fixtures/foreign-agents/cpp-mcp-client.ts'
import { verifies } from '../../requirements/verifies.ts'
import { shortTimers } from '../harness/held-timers.ts'
import { askAsOwner, createClientToken, createShare, factsOf, ORIGIN, ownerKey, TestClient, type TestShare } from '../harness/relay.ts'

const hosted = { ...env, SHARE_DOMAIN: 'share.example', AGENT_HOSTS: 'true' }

afterEach(() => vi.restoreAllMocks())

function fetchFrom(url: string, init: RequestInit = {}, relay: typeof env = hosted): Promise<Response> {
  return Promise.resolve(app.fetch(new Request(url, init), relay, createExecutionContext()))
}

async function mint(share: TestShare, body: object = { kind: 'agent', form: 'host' }, relay: typeof env = hosted): Promise<Response> {
  const headers = { authorization: `Bearer ${await ownerKey()}`, 'content-type': 'application/json' }
  return fetchFrom(`${ORIGIN}/api/shares/${share.id}/tokens`, { method: 'POST', headers, body: JSON.stringify(body) }, relay)
}

/** What one poll was given. */
interface Given {
  readonly request_id: string
  readonly request: Readonly<Record<string, unknown>>
}

/** The client of the seed, which works on one request after the other when it is told to serve. */
class ReverseClient {
  readonly origin: string
  /** Id of the link that its name belongs to. */
  readonly link: string
  session = ''

  constructor(origin: string, link: string) {
    this.origin = origin
    this.link = link
  }

  static async minted(share: TestShare): Promise<ReverseClient> {
    const made = await mint(share)
    const { agent_url: origin, id } = await made.json<{ agent_url: string; id: string }>()
    return new ReverseClient(origin, id)
  }

  /** Registered, and its server begun with. */
  static async serving(share: TestShare): Promise<ReverseClient> {
    const client = await ReverseClient.minted(share)
    await client.register()
    await client.step()
    await client.step()
    return client
  }

  ask(method: 'GET' | 'POST', path: string, body?: string): Promise<Response> {
    return fetchFrom(`${this.origin}${path}`, body === undefined ? { method } : { method, body })
  }

  async register(): Promise<Response> {
    const response = await this.ask('POST', '/register', registration())
    const { session_id: session } = await response.clone().json<{ session_id?: string }>()
    this.session = session ?? ''
    return response
  }

  poll(): Promise<Response> {
    return this.ask('GET', `/poll?session_id=${this.session}`)
  }

  async given(): Promise<Given> {
    const response = await this.poll()
    if (response.status !== 200) throw new Error(`the poll was answered ${response.status} ${await response.text()}`)
    return response.json()
  }

  respond({ request_id: id }: Pick<Given, 'request_id'>, answer: object): Promise<Response> {
    return this.ask('POST', `/response?session_id=${this.session}`, reverseResponse(id, answer))
  }

  /** Takes one request, and answers it. */
  async step(): Promise<Given> {
    const given = await this.given()
    await this.respond(given, reverseAnswer(given.request))
    return given
  }
}

function call(id: string, text = ''): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{"text":"${text}"}}}`
}

async function initialized(share: TestShare, token = share.clientToken): Promise<TestClient> {
  const client = new TestClient(share, token)
  expect((await client.initialize()).status).toBe(200)
  return client
}

async function resetLink({ link }: ReverseClient): Promise<void> {
  await runInDurableObject(env.LONG_POLL.getByName(link), (_, state) => state.abort('reset by a test')).catch(() => undefined)
}

describe('a secret host name', () => {
  test('is minted for agents where its deployer allows it, and is of no share whose lanes it could not serve', async () => {
    verifies('foreign.cpp-mcp.secret-host')
    const share = await createShare()
    expect(await (await mint(share, undefined, env)).json()).toMatchObject({ status: 409, code: 'AGENT_HOSTS_OFF' })
    expect(await (await mint(share, { kind: 'client', form: 'host' })).json()).toMatchObject({ code: 'BODY_INVALID' })
    expect(await (await mint(await createShare({ lanes: 2 }))).json()).toMatchObject({ code: 'LANES_NOT_SERVED' })
    const made = await (await mint(share)).json<Record<string, string>>()
    expect(made['agent_url']).toMatch(/^https:\/\/[a-z2-7]{56}-agent\.share\.example$/)
    expect(made).toMatchObject({ kind: 'agent' })
    expect(made['token']).toBeUndefined()
    const listed = await (await askAsOwner('GET', `/api/shares/${share.id}/tokens`)).json<{ tokens: { id: string }[] }>()
    expect(listed.tokens.map(({ id }) => id)).toContain(made['id'])
  })

  test('that was made up, or of a relay that lets none in so, finds nothing, and neither does a share’s own host', async () => {
    verifies('foreign.cpp-mcp.secret-host')
    const share = await createShare()
    const client = await ReverseClient.minted(share)
    const forged = client.origin.replace(/[a-z2-7](?=-agent)/, (char) => (char === 'a' ? 'b' : 'a'))
    for (const path of ['/register', '/message', '/response'])
      expect((await fetchFrom(`${forged}${path}`, { method: 'POST', body: registration() })).status).toBe(401)
    expect((await fetchFrom(`${forged}/poll?session_id=1`)).status).toBe(401)
    expect(
      (await fetchFrom(`${client.origin}/register`, { method: 'POST', body: registration() }, { ...hosted, AGENT_HOSTS: '' })).status,
    ).toBe(404)
    expect((await fetchFrom(`https://${share.id}.share.example/poll?session_id=1`)).status).toBe(404)
    for (const path of ['/healthz', '/api/openapi.json', `/s/${share.id}/mcp`, '/agent-host/x/poll'])
      expect((await client.ask('GET', path)).status).toBe(404)
  })

  test('ends with its link: revoked, it opens nothing', async () => {
    verifies('foreign.cpp-mcp.secret-host')
    const share = await createShare()
    const client = await ReverseClient.serving(share)
    const waiting = client.poll()
    expect((await askAsOwner('DELETE', `/api/shares/${share.id}/tokens/${client.link}`)).status).toBe(204)
    expect((await waiting).status).toBe(503)
    const now = Date.now.bind(Date)
    vi.spyOn(Date, 'now').mockImplementation(() => now() + REOPEN_MS)
    expect((await client.poll()).status).toBe(401)
    expect((await client.register()).status).toBe(401)
  })
})

describe('the reverse client of cpp-mcp', () => {
  test('registers, is begun with in its own revision, and serves clients', async () => {
    verifies('foreign.cpp-mcp.serves')
    const share = await createShare()
    const client = await ReverseClient.minted(share)
    const registered = await client.register()
    expect(registered.status).toBe(200)
    expect(await registered.json()).toEqual({
      session_id: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      poll_endpoint: '/poll',
      response_endpoint: '/response',
    })
    const first = await client.step()
    expect(first).toMatchObject({
      request_id: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      request: { jsonrpc: '2.0', method: 'initialize', params: { protocolVersion: '2024-11-05' } },
    })
    expect((await client.step()).request).toEqual({ jsonrpc: '2.0', method: 'notifications/initialized' })
    const consumer = await initialized(share)
    const answer = consumer.post(call('0', 'x'))
    await client.step()
    expect(await (await answer).json()).toMatchObject({ id: 0, result: { content: [{ text: expect.stringContaining('"x"') as string }] } })
    expect((await factsOf(share)).agents).toMatchObject([{ name: 'cpp-mcp', product: 'cpp-mcp' }])
  })

  test('is told what is wrong in the shapes that it knows', async () => {
    verifies('foreign.cpp-mcp.shapes')
    const share = await createShare()
    const client = await ReverseClient.serving(share)
    const told = async (response: Promise<Response>): Promise<unknown> => [(await response).status, await (await response).json()]
    expect(await told(client.ask('POST', '/register', 'x'))).toEqual([400, { error: 'Invalid request' }])
    for (const path of ['/poll', '/poll?session_id='])
      expect(await told(client.ask('GET', path))).toEqual([400, { error: 'Missing session_id' }])
    expect(await told(client.ask('GET', '/poll?session_id=0123456789abcdef'))).toEqual([404, { error: 'Session not found' }])
    const at = `/response?session_id=${client.session}`
    expect(await told(client.ask('POST', '/response', '{}'))).toEqual([400, { error: 'Missing session_id' }])
    expect(await told(client.ask('POST', '/response?session_id=1', reverseResponse('x', {})))).toEqual([
      404,
      { error: 'Session not found' },
    ])
    expect(await told(client.ask('POST', at, 'x'))).toEqual([400, { error: 'Invalid response' }])
    for (const body of ['{}', '{"request_id":1,"response":{}}', '{"request_id":"x"}', '{"request_id":"x","response":null}'])
      expect(await told(client.ask('POST', at, body))).toEqual([400, { error: 'Invalid response format' }])
    expect(await told(client.ask('POST', at, reverseResponse('unknown', {})))).toEqual([200, { status: 'ok' }])
    expect((await client.ask('POST', '/message', call('1'))).status).toBe(403)
  })

  test('V9 is given by the poll that waits the one request that comes, and two requests by two polls', async () => {
    verifies('foreign.cpp-mcp.one-a-poll')
    const share = await createShare()
    const client = await ReverseClient.serving(share)
    const consumers = [await initialized(share), await initialized(share, await createClientToken(share))]
    const waiting = client.given()
    const answers = consumers.map((consumer, index) => consumer.post(call('1', `of ${index}`)))
    const given = [await waiting, await client.given()]
    expect(new Set(given.map(({ request_id: id }) => id)).size).toBe(2)
    for (const one of given.toReversed()) await client.respond(one, reverseAnswer(one.request))
    for (const [index, answer] of answers.entries()) expect(await (await answer).text()).toContain(`of ${index}`)
  })

  test('V9 is answered 204 when nothing comes in 30 s', async () => {
    verifies('foreign.cpp-mcp.one-a-poll')
    expect(POLL_MS).toBeLessThanOrEqual(30_000)
    const client = await ReverseClient.serving(await createShare())
    const restore = shortTimers(POLL_MS)
    const response = await client.poll()
    restore()
    expect([response.status, await response.text()]).toEqual([204, ''])
  })

  test('V9 is not given what its client has cancelled before a poll came', async () => {
    verifies('foreign.cpp-mcp.one-a-poll')
    const share = await createShare()
    const client = await ReverseClient.serving(share)
    const consumer = await initialized(share)
    const said = vi.spyOn(CppMcp.prototype, 'outgoing')
    void consumer.post(call('1', 'cancelled'))
    await vi.waitUntil(() => said.mock.calls.some(([message]) => message.includes('cancelled')))
    expect((await consumer.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')).status).toBe(202)
    const answer = consumer.post(call('2', 'kept'))
    expect(JSON.stringify((await client.step()).request)).toContain('kept')
    expect(await (await answer).text()).toContain('kept')
  })

  test('V9 polls on by its session after the relay has restarted, and is begun with anew', async () => {
    verifies('foreign.cpp-mcp.restart')
    const share = await createShare()
    const client = await ReverseClient.serving(share)
    await resetLink(client)
    await vi.waitUntil(async () => (await factsOf(share)).agents.length === 0)
    expect((await client.step()).request).toMatchObject({ method: 'initialize' })
    await client.step()
    const consumer = await initialized(share)
    const answer = consumer.post(call('1', 'again'))
    await client.step()
    expect(await (await answer).text()).toContain('again')
  })

  test('that works on a request is not missed while it does not poll; when it polls no more its calls fail at once', async () => {
    verifies('foreign.cpp-mcp.gone')
    const share = await createShare()
    const client = await ReverseClient.serving(share)
    const consumer = await initialized(share)
    const slow = consumer.post(call('1', 'slow'))
    const restore = shortTimers(POLL_IDLE_MS)
    const given = await client.given()
    await new Promise((done) => setTimeout(done, 50))
    expect((await factsOf(share)).agents).toHaveLength(1)
    await client.respond(given, reverseAnswer(given.request))
    expect(await (await slow).text()).toContain('slow')
    await vi.waitUntil(async () => (await factsOf(share)).agents.length === 0)
    restore()
  })

  test('fails a call that it answers with nothing, and one whose answer is larger than may be read', async () => {
    verifies('foreign.cpp-mcp.bounded')
    const share = await createShare()
    const client = await ReverseClient.serving(share)
    const consumer = await initialized(share)
    const empty = consumer.post(call('1'))
    await client.respond(await client.given(), {})
    expect(await (await empty).text()).toContain('CHILD_DIED')
    const large = consumer.post(call('2'))
    const { request_id: id } = await client.given()
    const body = reverseResponse(id, { jsonrpc: '2.0', id: 'x', result: 'x'.repeat(MAX_FOREIGN_MESSAGE_BYTES) })
    expect((await client.ask('POST', `/response?session_id=${client.session}`, body)).status).toBe(400)
    expect(await (await large).text()).toContain('AGENT_LOST')
  })

  test('that registers anew takes its own place, and the session before is known no more', async () => {
    verifies('foreign.newest-wins')
    const share = await createShare()
    const client = await ReverseClient.serving(share)
    const before = client.session
    await client.register()
    await client.step()
    await client.step()
    expect((await client.ask('GET', `/poll?session_id=${before}`)).status).toBe(404)
    await vi.waitUntil(async () => (await factsOf(share)).agents.length === 1)
  })
})
