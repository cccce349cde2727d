/** Clients of revision 2026-07-28 against servers of theirs, and against servers that know only the handshake. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import {
  conformanceServer,
  createServedShare,
  createShare,
  createToken,
  fixture,
  type Relay,
  type Share,
  startRelay,
} from '../../harness/selfhost.ts'
import { asObject } from '../../harness/json.ts'
import { bearer } from '../../harness/sdk-client.ts'
import { CLIENT_INFO, ELICITED } from '../../harness/test-client.ts'

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': CLIENT_INFO,
}

const stack = new AsyncDisposableStack()
let relay: Relay
let modern: Share
let legacy: Share
let away: Share

beforeAll(async () => {
  relay = stack.use(await startRelay())
  modern = await createServedShare(stack, relay, { command: conformanceServer('modern') })
  legacy = await createServedShare(stack, relay, { command: fixture('echo') })
  away = await createShare(relay)
})
afterAll(() => stack.disposeAsync())

async function connect(share: Share, mode: 'auto' | { pin: string }, token = share.clientToken): Promise<Client> {
  const client = new Client(CLIENT_INFO, { capabilities: { elicitation: {} }, versionNegotiation: { mode } })
  client.setRequestHandler('elicitation/create', () => ELICITED)
  await client.connect(new StreamableHTTPClientTransport(new URL(share.url), bearer(token)))
  stack.defer(() => client.close())
  return client
}

/** Posts one modern request with the headers that mirror it. */
function post(
  share: Share,
  method: string,
  params: Record<string, unknown> = {},
  headers: Record<string, string> = {},
  init: RequestInit = {},
): Promise<Response> {
  const name = params['name'] ?? params['uri']
  return fetch(share.url, {
    ...init,
    method: 'POST',
    headers: {
      authorization: `Bearer ${share.clientToken}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 7, method, params: { _meta: META, ...params } }),
  })
}

describe('an SDK client in auto mode', () => {
  test('meets a modern server in revision 2026-07-28, and answers what it is asked', async () => {
    verifies('modern.dual-era')
    const client = await connect(modern, 'auto')
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28')
    const tools = (await client.listTools()).tools.map(({ name }) => name)
    expect(tools).toContain('test_simple_text')
    const asked = await client.callTool({ name: 'test_input_required_result_elicitation', arguments: {} })
    expect(JSON.stringify(asked)).toContain('Grace Hopper')
  })

  test('stays with 2026-07-28 on a server that needs the handshake', async () => {
    verifies('modern.dual-era')
    const client = await connect(legacy, 'auto')
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28')
    expect((await client.listTools()).tools.length).toBeGreaterThan(0)
  })
})

describe('clients that use the same ids', () => {
  test('get their own answers and their own progress, 16 at once', async () => {
    verifies('promise.1.same-ids')
    const tokens = await Promise.all(Array.from({ length: 4 }, () => createToken(modern, 'client')))
    const clients = await Promise.all(Array.from({ length: 16 }, (_, at) => connect(modern, { pin: '2026-07-28' }, tokens[at % 4])))
    const seen = await Promise.all(
      clients.map(async (client) => {
        const progress: number[] = []
        await client.callTool(
          { name: 'test_tool_with_progress', arguments: {} },
          { onprogress: (event) => void progress.push(event.progress) },
        )
        return progress
      }),
    )
    // The SDK may drop what comes right before an answer; nothing foreign may come.
    for (const progress of seen) expect([0, 50, 100].slice(0, progress.length)).toEqual(progress)
  })
})

describe('a modern request', () => {
  test('whose headers disagree with its body is 400 with -32020 and its own id', async () => {
    verifies('modern.header.error', 'modern.header.method')
    const response = await post(modern, 'tools/list', {}, { 'mcp-method': 'tools/call' })
    expect([response.status, asObject(await response.json())]).toMatchObject([400, { id: 7, error: { code: -32020 } }])
  })

  test('for a method that does not exist is 404 with -32601', async () => {
    verifies('modern.header.unknown-method')
    const response = await post(modern, 'no/such/method')
    expect([response.status, asObject(await response.json())]).toMatchObject([404, { id: 7, error: { code: -32601 } }])
  })

  test('to a share whose agent is away is 503 with Retry-After, never a 4xx', async () => {
    verifies('promise.4.away-503')
    const response = await post(away, 'server/discover')
    expect([response.status, response.headers.has('retry-after')]).toEqual([503, true])
  })

  test('gets no session and no event ids; GET and DELETE are 405', async () => {
    verifies('modern.older.405', 'modern.older.no-session')
    const response = await post(modern, 'tools/call', { name: 'test_simple_text', arguments: {} })
    expect(response.headers.has('mcp-session-id')).toBe(false)
    for (const method of ['GET', 'DELETE']) {
      const headers = { authorization: `Bearer ${modern.clientToken}`, 'mcp-protocol-version': '2026-07-28', accept: 'text/event-stream' }
      const refused = await fetch(modern.url, { method, headers })
      expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'POST'])
    }
  })

  test('in a batch is refused whole', async () => {
    verifies('modern.http.single')
    const body = JSON.stringify([{ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: META } }])
    const headers = {
      authorization: `Bearer ${modern.clientToken}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    }
    const response = await fetch(modern.url, { method: 'POST', headers, body })
    expect([response.status, asObject(await response.json())]).toMatchObject([400, { error: { code: -32600 } }])
  })
})

test('subscriptions/listen brings what changes, under the id that its client gave it', async () => {
  verifies('modern.listen.acknowledged-first', 'modern.listen.id')
  const leave = new AbortController()
  const stream = await post(modern, 'subscriptions/listen', { notifications: { toolsListChanged: true } }, {}, { signal: leave.signal })
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const until = async (part: string): Promise<void> => {
    while (!text.includes(part)) {
      const { value, done } = (await reader?.read()) ?? { value: undefined, done: true }
      if (done) throw new Error(`the stream ended before ${part}: ${text}`)
      text += value
    }
  }
  await until('notifications/subscriptions/acknowledged')
  expect((await post(modern, 'tools/call', { name: 'test_trigger_tool_change', arguments: {} })).status).toBe(200)
  await until('notifications/tools/list_changed')
  expect(text).toContain('"io.modelcontextprotocol/subscriptionId":7')
  leave.abort()
})
