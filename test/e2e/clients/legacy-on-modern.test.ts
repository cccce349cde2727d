/** SDK clients that begin with initialize, against a server that serves none: both SDKs, both transports, through the real parts. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { conformanceServer, createServedShare, type Relay, type Share, startRelay } from '../../harness/selfhost.ts'
import { toolText } from '../../harness/json.ts'
import { bearer } from '../../harness/sdk-client.ts'
import { connectSdk1Http, connectSdk1Sse } from '../../harness/sdk1-client.ts'
import { connectSdk2Http, connectSdk2Sse } from '../../harness/sdk2-client.ts'
import { CLIENT_INFO, ELICITED, ROOTS, SAMPLED, type TestClient } from '../../harness/test-client.ts'

const MODERN_SERVER = conformanceServer('modern')

const stack = new AsyncDisposableStack()
let relay: Relay
let share: Share
let shared: Share

beforeAll(async () => {
  relay = stack.use(await startRelay())
  share = await createServedShare(stack, relay, { command: MODERN_SERVER })
  shared = await createServedShare(stack, relay, { command: MODERN_SERVER, args: ['--isolate', 'share'] })
}, 120_000)
afterAll(() => stack.disposeAsync())

const CLIENTS: Readonly<Record<string, (share: Share) => Promise<TestClient>>> = {
  'SDK 1.x over Streamable HTTP': ({ url, clientToken }) => connectSdk1Http(url, clientToken),
  'SDK 1.x over HTTP+SSE': ({ sseUrl, clientToken }) => connectSdk1Sse(sseUrl, clientToken),
  'SDK 2.x over Streamable HTTP': ({ url, clientToken }) => connectSdk2Http(url, clientToken),
  'SDK 2.x over HTTP+SSE': ({ sseUrl, clientToken }) => connectSdk2Sse(sseUrl, clientToken),
}

describe.each(Object.entries(CLIENTS))('%s', (_, connect) => {
  let client: TestClient
  beforeAll(async () => {
    client = stack.use(await connect(share))
  })

  test('lists, reads, gets and pings', async () => {
    expect(await client.listTools()).toContain('test_simple_text')
    expect(await client.listPrompts()).toContain('test_simple_prompt')
    expect((await client.listResources()).uris).toContain('test://static-text')
    expect(await client.readResource('test://static-text')).not.toHaveProperty('ttlMs')
    expect(JSON.stringify(await client.getPrompt('test_simple_prompt'))).toContain('simple prompt')
    await client.ping()
  })

  test('is asked for elicitation, sampling and roots during its calls', async () => {
    expect(toolText(await client.callTool('test_input_required_result_elicitation'))).toContain(ELICITED.content.name)
    expect(toolText(await client.callTool('test_sampling', { prompt: 'hi' }))).toContain(SAMPLED.content.text)
    expect(toolText(await client.callTool('test_input_required_result_list_roots'))).toContain(ROOTS.roots[0]?.uri)
    expect(toolText(await client.callTool('test_input_required_result_multiple_inputs'))).toContain('All given')
    expect(toolText(await client.callTool('test_input_required_result_request_state'))).toBe('state-ok')
  })

  test('sees progress rise', async () => {
    const steps: number[] = []
    await client.callTool('test_tool_with_progress', {}, { onProgress: (step) => steps.push(step) })
    // SDK 2.x drops progress that it reads together with the answer.
    expect(steps.slice(0, 2)).toEqual([0, 50])
  })

  test('receives log messages once it has set a level', async () => {
    await client.callTool('test_tool_with_logging')
    expect(client.notifications.all.filter(({ method }) => method === 'notifications/message')).toEqual([])
    await client.setLogLevel('debug')
    await client.callTool('test_tool_with_logging')
    await client.notifications.next('notifications/message', ({ data }) => String(data).includes('completed'))
  })

  test('learns that lists have changed', async () => {
    await client.callTool('test_trigger_tool_change')
    expect(await client.notifications.next('notifications/tools/list_changed')).not.toHaveProperty(['_meta'])
    await client.callTool('test_trigger_prompt_change')
    await client.notifications.next('notifications/prompts/list_changed')
  })
})

test('a client answers two rounds of one call', async () => {
  const client = new Client(CLIENT_INFO, { capabilities: { elicitation: {} }, versionNegotiation: { mode: 'legacy' } })
  const messages: string[] = []
  client.setRequestHandler('elicitation/create', ({ params }) => {
    messages.push(params.message)
    return { action: 'accept', content: messages.length === 1 ? { name: 'Ada' } : { color: 'green' } }
  })
  await client.connect(new StreamableHTTPClientTransport(new URL(share.url), bearer(share.clientToken)))
  stack.defer(() => client.close())
  const result = await client.callTool({ name: 'test_input_required_result_multi_round', arguments: {} })
  expect(JSON.stringify(result)).toContain('Ada likes green')
  expect(messages).toHaveLength(2)
})

test('16 clients of one child get their own answers, progress and questions', async () => {
  const connects = Object.values(CLIENTS)
  const clients = await Promise.all(Array.from({ length: 16 }, async (_, at) => connects[at % 4]?.(shared)))
  const outcomes = await Promise.all(
    clients.map(async (client, at) => {
      if (client === undefined) throw new Error('no client')
      stack.use(client)
      const steps: number[] = []
      await client.callTool('test_tool_with_progress', {}, { onProgress: (step) => steps.push(step) })
      const own = toolText(await client.callTool('test_x_mcp_header', { region: `of ${at}` }))
      const asked = toolText(await client.callTool('test_input_required_result_elicitation'))
      return { steps, isOwn: own === `region of ${at}`, asked: asked.includes(ELICITED.content.name) }
    }),
  )
  for (const { steps, isOwn, asked } of outcomes) {
    expect([0, 50, 100].slice(0, steps.length)).toEqual(steps)
    expect([isOwn, asked]).toEqual([true, true])
  }
})
