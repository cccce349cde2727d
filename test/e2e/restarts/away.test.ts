/** Agents that fall silent, die and come back, with clients of both SDKs connected: what they are told meanwhile, and what they hear after. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import {
  type Agent,
  conformanceServer,
  createShare,
  fixture,
  npmServer,
  type Relay,
  type Share,
  startAgent,
  startRelay,
} from '../../harness/selfhost.ts'
import { asObject, toolText } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'
import { connectSdk1Http, connectSdk1Sse } from '../../harness/sdk1-client.ts'
import { connectSdk2Http } from '../../harness/sdk2-client.ts'
import type { TestClient } from '../../harness/test-client.ts'

const NAME = ['--name', 'one'] as const
const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => {
  relay = stack.use(await startRelay([], { AWAY_WAIT_SECONDS: '60' }))
})
afterAll(() => stack.disposeAsync())

async function served(): Promise<{ readonly share: Share; readonly agent: Agent }> {
  // Another server takes over, with other tools.
  const share = await createShare(relay, { pinning: 'off' })
  return { share, agent: stack.use(await startAgent(share, { command: fixture('echo'), args: NAME })) }
}

/** A server with other tools, under the name of the one before. */
async function serveOthers(share: Share): Promise<void> {
  stack.use(await startAgent(share, { command: npmServer('server-everything'), args: NAME }))
}

const CLIENTS: readonly [string, (share: Share) => Promise<TestClient>][] = [
  ['the SDK 1.x', ({ url, clientToken }) => connectSdk1Http(url, clientToken)],
  ['the SDK 2.x', ({ url, clientToken }) => connectSdk2Http(url, clientToken)],
  ['the SDK 2.x in revision 2026-07-28', ({ url, clientToken }) => connectSdk2Http(url, clientToken, 'pinned')],
]

describe.each(CLIENTS)('a client of %s', (_, connect) => {
  test('whose agent is stopped lists tools meanwhile, and its call succeeds when the agent goes on', async () => {
    const { share, agent } = await served()
    await using client = await connect(share)
    const tools = await client.listTools()
    expect(toolText(await client.callTool('count'))).toBe('1')
    const { sessions } = await relay.describe(share)
    agent.program.signal('SIGSTOP')
    try {
      expect(await client.listTools()).toEqual(tools)
      const called = client.callTool('count')
      expect(await client.listTools()).toEqual(tools)
      await using other = await connect(share)
      expect(await other.listTools()).toEqual(tools)
      agent.program.signal('SIGCONT')
      expect(toolText(await called)).toBe('2')
      expect(toolText(await other.callTool('echo', { text: 'hello' }))).toBe('hello')
    } finally {
      agent.program.signal('SIGCONT')
    }
    // The first client never began anew.
    expect((await relay.describe(share))['sessions']).toBeLessThanOrEqual(Number(sessions) + 1)
  })

  test('whose agent was killed lists tools meanwhile, hears of the next one, and finds its tools', async () => {
    const { share, agent } = await served()
    await using client = await connect(share)
    const tools = await client.listTools()
    await client.watch({ toolsListChanged: true })
    await client.callTool('later', { method: 'notifications/tools/list_changed' })
    await client.notifications.next('notifications/tools/list_changed')
    client.notifications.all.length = 0
    await agent.program.kill9()
    expect(await client.listTools()).toEqual(tools)
    await using other = await connect(share)
    expect(await other.listTools()).toEqual(tools)
    const called = other.callTool('get-sum', { a: 1, b: 2 })
    await serveOthers(share)
    await client.notifications.next('notifications/tools/list_changed')
    expect(await client.listTools()).toContain('get-sum')
    expect(toolText(await called)).toContain('3')
  })
})

describe('a client of the SDK 1.x', () => {
  test('whose server of 2026-07-28 is behind a stopped agent lists tools, and its call succeeds when that goes on', async () => {
    const share = await createShare(relay)
    const agent = stack.use(await startAgent(share, { command: conformanceServer('modern'), args: NAME }))
    await using client = await connectSdk1Http(share.url, share.clientToken)
    const tools = await client.listTools()
    agent.program.signal('SIGSTOP')
    try {
      expect(await client.listTools()).toEqual(tools)
      const called = client.callTool('test_simple_text')
      expect(await client.listTools()).toEqual(tools)
      agent.program.signal('SIGCONT')
      expect(toolText(await called)).toContain('simple text')
    } finally {
      agent.program.signal('SIGCONT')
    }
  })

  test('over HTTP+SSE begins and lists while the agent is dead, by what others were told', async () => {
    const { share, agent } = await served()
    await using before = await connectSdk1Http(share.url, share.clientToken)
    const tools = await before.listTools()
    await agent.program.kill9()
    await using client = await connectSdk1Sse(share.sseUrl, share.clientToken)
    expect(await client.listTools()).toEqual(tools)
  })
})

test('a call waits for as long as AWAY_WAIT_SECONDS says, and fails with the time after which to come back', async () => {
  verifies('promise.4.bounded-wait', 'promise.4.away-503')
  // After 5 s the answer opens as a stream, so that its client knows that we live.
  const hasty = stack.use(await startRelay([], { AWAY_WAIT_SECONDS: '6' }))
  const share = await createShare(hasty)
  const agent = stack.use(await startAgent(share, { command: fixture('echo') }))
  const client = await RawClient.connect(share)
  await agent.program.kill9()
  const response = await client.post('{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"count"}}')
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const data = (await response.text()).split('\n').find((line) => line.startsWith('data: {'))
  const error = asObject(asObject(JSON.parse(data?.slice('data: '.length) ?? ''))['error'])
  expect(error['data']).toMatchObject({ code: 'AGENT_AWAY', executed: 'no', retryable: true, retryAfterMs: 2000 })
})

test('what is told in an agent’s place says so', async () => {
  const { share, agent } = await served()
  const client = await RawClient.connect(share)
  await client.request('tools/list')
  await agent.program.kill9()
  const listed = await client.request('tools/list')
  expect(listed.last['result']).toMatchObject({ _meta: { 'mcp-edge/stale': expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as unknown } })
})
