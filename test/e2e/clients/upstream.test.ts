/** Shares that point at a server without an agent, over real connections: SDK clients of both eras, and what ends with a link. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HttpServerKind, startHttpServer } from '../../harness/http-server.ts'
import { toolText } from '../../harness/json.ts'
import { connectSdk1Http } from '../../harness/sdk1-client.ts'
import { connectSdk2Http } from '../../harness/sdk2-client.ts'
import { createShare, type Relay, type Share, startRelay } from '../../harness/selfhost.ts'
import { SAMPLED, type TestClient } from '../../harness/test-client.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => void (relay = stack.use(await startRelay([], { ALLOW_PRIVATE_UPSTREAMS: '1' }))))
afterAll(() => stack.disposeAsync())

const SERVED: readonly [HttpServerKind, (share: Share) => Promise<TestClient>][] = [
  ['sdk1', (share) => connectSdk1Http(share.shareUrl)],
  ['sdk2', (share) => connectSdk2Http(share.shareUrl, undefined, 'pinned')],
]

describe.each(SERVED)('a share that points at the server %s', (kind, connect) => {
  test('serves a client of its era: lists, calls, progress, and what it asks meanwhile', async () => {
    verifies('promise.upstream.as-sent', 'promise.upstream.streams', 'promise.upstream.private')
    const server = stack.use(await startHttpServer(kind))
    const share = await createShare(relay, { upstream: { url: server.url } })
    await using client = await connect(share)
    expect(await client.listTools()).toEqual(expect.arrayContaining(['test_simple_text', 'test_tool_with_progress']))
    expect(toolText(await client.callTool('test_simple_text'))).toContain('simple text')
    const steps: number[] = []
    await client.callTool('test_tool_with_progress', {}, { onProgress: (step) => steps.push(step) })
    expect(steps.length).toBeGreaterThanOrEqual(1)
    const asking = kind === 'sdk1' ? 'test_sampling' : 'test_input_required_result_sampling'
    expect(JSON.stringify(await client.callTool(asking, { prompt: 'hi' }))).toContain(SAMPLED.content.text)
  })
})

/** A server that answers as a test says, on this machine. */
async function startServer(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  stack.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

function ask(share: Share, method: string): Promise<Response> {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  return fetch(share.shareUrl, { method: 'POST', headers, body: `{"jsonrpc":"2.0","id":1,"method":"${method}"}` })
}

test('what ends with a link ends its connections to the server too', async () => {
  verifies('promise.upstream.cut')
  const closed = Promise.withResolvers<void>()
  const url = await startServer((_, response) => {
    response.once('close', () => closed.resolve())
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('id: 1\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\n\n')
  })
  const share = await createShare(relay, { upstream: { url } })
  const rest = (await ask(share, 'x')).text()
  expect((await relay.api('PATCH', `shares/${share.id}`, { paused: true })).status).toBe(200)
  expect(await rest).toContain('SHARE_PAUSED')
  await closed.promise
})

test('no redirect is followed, and nobody is found where nobody listens', async () => {
  verifies('promise.upstream.failures', 'promise.upstream.public-only')
  const asked: (string | undefined)[] = []
  const elsewhere = await startServer((request, response) => {
    asked.push(request.url)
    response.end()
  })
  const url = await startServer((_, response) => response.writeHead(307, { location: elsewhere }).end())
  const share = await createShare(relay, { upstream: { url } })
  expect(await (await ask(share, 'ping')).json()).toMatchObject({ error: { data: { code: 'UPSTREAM_REDIRECTED' } } })
  expect(asked).toEqual([])
  const gone = await createShare(relay, { upstream: { url: 'http://127.0.0.1:1/mcp' } })
  expect(await (await ask(gone, 'ping')).json()).toMatchObject({ error: { data: { code: 'UPSTREAM_UNREACHABLE' } } })
})
