/** Servers that speak HTTP, behind a real relay and agent: the servers of both SDKs, clients of both eras, and restarts of each part. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createServedShare,
  createShare,
  type Relay,
  type Agent,
  Selfhost,
  type Share,
  startAgent,
  startRelay,
  StateFolder,
  untilPinned,
} from '../../harness/selfhost.ts'
import { toolText } from '../../harness/json.ts'
import { type HttpServerKind, startHttpServer } from '../../harness/http-server.ts'
import { connectSdk1Http, connectSdk1Sse } from '../../harness/sdk1-client.ts'
import { connectSdk2Http } from '../../harness/sdk2-client.ts'
import { ELICITED, ROOTS, SAMPLED, type TestClient } from '../../harness/test-client.ts'
import { verifies } from '../../requirements/verifies.ts'

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => void (relay = stack.use(await startRelay())))
afterAll(() => stack.disposeAsync())

const CLIENTS: readonly [string, (share: Share) => Promise<TestClient>][] = [
  ['SDK 1 over Streamable HTTP', (share) => connectSdk1Http(share.shareUrl)],
  ['SDK 1 over HTTP+SSE', (share) => connectSdk1Sse(share.sseUrl, share.clientToken)],
  ['SDK 2 in revision 2026-07-28', (share) => connectSdk2Http(share.shareUrl, undefined, 'pinned')],
]

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  holder.close()
  await once(holder, 'close')
  return port
}

function options(kind: HttpServerKind, url: string): string[] {
  return ['--url', url, ...(kind === 'sdk1-sse' ? ['--sse'] : [])]
}

describe.each<HttpServerKind>(['sdk1', 'sdk1-sse', 'sdk2', 'sdk2-both'])('the server %s', (kind) => {
  let share: Share
  beforeAll(async () => {
    const server = stack.use(await startHttpServer(kind))
    share = await createServedShare(stack, relay, { args: options(kind, server.url) })
  })

  test.each(CLIENTS)('serves %s: lists, calls, progress, and what it asks meanwhile', async (_name, connect) => {
    verifies('promise.http.asks', 'promise.http.era')
    await using client = await connect(share)
    expect(await client.listTools()).toEqual(expect.arrayContaining(['test_simple_text', 'test_tool_with_progress']))
    expect(toolText(await client.callTool('test_simple_text'))).toContain('simple text')
    const steps: number[] = []
    await client.callTool('test_tool_with_progress', {}, { onProgress: (step) => steps.push(step) })
    // The SDKs drop progress that they read together with the answer; the official suite, over --url, sees all of it.
    expect(steps.length).toBeGreaterThanOrEqual(1)
    expect(steps).toEqual([0, 50, 100].slice(0, steps.length))
    const asking = kind.startsWith('sdk1') ? 'test_sampling' : 'test_input_required_result_sampling'
    expect(JSON.stringify(await client.callTool(asking, { prompt: 'hi' }))).toContain(SAMPLED.content.text)
  })
})

test.each<HttpServerKind>(['sdk2', 'sdk2-both', 'sdk2-stateless'])(
  'the server %s gets its asks answered by clients of every revision',
  async (kind) => {
    verifies('promise.http.asks', 'promise.http.era')
    const server = stack.use(await startHttpServer(kind, { fixture: 'asking' }))
    const share = await createServedShare(stack, relay, { args: options(kind, server.url) })
    for (const [, connect] of CLIENTS) {
      await using client = await connect(share)
      expect(JSON.parse(toolText(await client.callTool('ask')))).toEqual([ELICITED.content, SAMPLED.content, ROOTS.roots])
    }
  },
)

describe.each<HttpServerKind>(['sdk1', 'sdk1-sse', 'sdk2-both'])('after a restart of the server %s', (kind) => {
  test.each(CLIENTS)('%s goes on, and what is called meanwhile is told that it has not run', async (_name, connect) => {
    verifies('promise.http.session-lost', 'promise.http.down')
    const port = await freePort()
    const first = await startHttpServer(kind, { port })
    const share = await createShare(relay)
    await using agent = await startAgent(share, { args: options(kind, first.url) })
    await untilPinned(share)
    await using client = await connect(share)
    await client.callTool('test_simple_text')
    await first.program.kill9()
    // What it is told depends on which question of the relay finds the server gone.
    await expect(client.callTool('test_simple_text')).rejects.toMatchObject({ data: { executed: 'no' } })
    await using _second = await startHttpServer(kind, { port })
    expect(toolText(await client.callTool('test_simple_text'))).toContain('simple text')
    expect(agent.program.running).toBe(true)
  })
})

test('a client goes on after a restart of the agent', async () => {
  verifies('promise.http.session')
  await using server = await startHttpServer('sdk1')
  const share = await createShare(relay)
  const args = [...options('sdk1', server.url), '--name', 'same']
  const first = await startAgent(share, { args })
  await using client = await connectSdk1Http(share.shareUrl)
  await client.callTool('test_simple_text')
  await first.program.kill9()
  await using _second = await startAgent(share, { args })
  expect(toolText(await client.callTool('test_simple_text'))).toContain('simple text')
})

/** The relay hears of another era when the agent says hello once more. */
async function joinedAnew({ program }: Agent): Promise<void> {
  let isLate = false
  const match = (line: string): true | undefined => {
    isLate ||= line.includes('"event":"era.late"')
    return isLate && line.includes('"event":"ready"') ? true : undefined
  }
  await program.stderr.find(match, 'the agent joining anew')
}

test('an agent that starts before its server finds it later, in its revision', async () => {
  verifies('promise.http.era')
  const port = await freePort()
  const share = await createShare(relay)
  await using agent = await startAgent(share, { args: ['--url', `http://127.0.0.1:${port}/mcp`] })
  expect(String((await agent.event('server.fails'))['meaning'])).toContain('start the server')
  await expect(connectSdk1Http(share.shareUrl)).rejects.toThrow(/finds no server/)
  await using _server = await startHttpServer('sdk2', { port })
  expect(await agent.event('server.found')).toMatchObject({ era: 'modern' })
  await joinedAnew(agent)
  await using client = await connectSdk1Http(share.shareUrl)
  expect(toolText(await client.callTool('test_simple_text'))).toContain('simple text')
})

test('npm start shares a server that speaks HTTP, and says which', async () => {
  verifies('promise.http.session')
  await using server = await startHttpServer('sdk1')
  const folder = stack.use(await StateFolder.create())
  await using host = await Selfhost.start(['--port', '0', '--data', folder.path, '--url', server.url])
  await using client = await connectSdk1Http(host.line.shareUrl)
  expect(toolText(await client.callTool('test_simple_text'))).toContain('simple text')
})

test('credentials reach the server, and neither clients nor the log; the policy of the agent holds', async () => {
  verifies('promise.http.credentials', 'promise.http.policy')
  await using server = await startHttpServer('sdk1', { credential: 'Bearer open-sesame-7' })
  const share = await createShare(relay)
  await using agent = await startAgent(share, {
    args: ['--url', server.url, '--header', 'Authorization: Bearer open-sesame-7', '--allow', 'test_simple_*', '--verbose'],
  })
  await using client = await connectSdk1Http(share.shareUrl)
  expect(await client.listTools()).toEqual(['test_simple_text'])
  expect(toolText(await client.callTool('test_simple_text'))).toContain('simple text')
  await expect(client.callTool('test_error_handling')).rejects.toThrow(/does not offer/)
  expect(agent.program.stderr.lines.join('\n')).not.toContain('open-sesame-7')
})
