/** The GET stream and what rides on it: replacement, requests and notifications of the server outside any call. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { createServedShare, fixture, type Relay, type Share, startRelay } from '../../harness/selfhost.ts'
import { asObject, toolText } from '../../harness/json.ts'
import { RawClient } from '../../harness/raw-client.ts'

const stack = new AsyncDisposableStack()
let relay: Relay
let echo: Share

beforeAll(async () => {
  relay = stack.use(await startRelay())
  echo = await createServedShare(stack, relay, { command: fixture('echo') })
})
afterAll(() => stack.disposeAsync())

function session(share = echo): Promise<RawClient> {
  return RawClient.connect(share, { capabilities: { sampling: {}, elicitation: {}, roots: {} } })
}

/** Makes the server say something that belongs to no call: the call that asked for it has been answered. */
async function saySomething(client: RawClient): Promise<void> {
  await client.callTool('later', { method: 'notifications/tools/list_changed' })
}

describe('the GET stream', () => {
  test('delivers notifications that belong to no call', async () => {
    verifies('http.get.stream', 'http.get.unrelated')
    const client = await session()
    await using stream = await client.listen()
    await saySomething(client)
    await stream.nextNotification('notifications/tools/list_changed')
  })

  test('delivers what was sent before it was opened', async () => {
    const client = await session()
    await saySomething(client)
    await client.request('ping')
    await using stream = await client.listen()
    await stream.nextNotification('notifications/tools/list_changed')
  })

  test('is replaced by a second one, which then gets everything', async () => {
    verifies('http.streams.one-only')
    const client = await session()
    await using first = await client.listen()
    await using second = await client.listen()
    expect(await first.nextMessage()).toBeUndefined()
    await saySomething(client)
    await second.nextNotification('notifications/tools/list_changed')
  })

  test('of one session carries nothing of another', async () => {
    verifies('promise.1.sessions-apart')
    const [one, other] = [await session(), await session()]
    await using stream = await one.listen()
    await saySomething(other)
    await one.callTool('later', { method: 'notifications/prompts/list_changed' })
    expect((await stream.nextMessage())?.['method']).toBe('notifications/prompts/list_changed')
  })

  test('ends when the session is deleted', async () => {
    const client = await session()
    await using stream = await client.listen()
    await client.raw('DELETE')
    expect(await stream.nextMessage()).toBeUndefined()
  })

  test('carries a request of the server outside any call, and takes its answer', async () => {
    const client = await session()
    await using stream = await client.listen()
    await client.callTool('later', { method: 'roots/list', ask: true })
    const asked = await stream.nextNotification('roots/list')
    expect((await client.respond(asked['id'], { roots: [] })).status).toBe(202)
    expect(toolText((await client.callTool('later-answer')).last['result'])).toBe('{"roots":[]}')
  })
})

test('a child that pings is answered though no GET stream is open', async () => {
  const share = await createServedShare(stack, relay, { command: fixture('pings-client') })
  const client = await session(share)
  expect(toolText((await client.callTool('pongs')).last['result'])).toBe('3 pongs')
})

test('progress comes on the stream of its call, before the answer and never after', async () => {
  verifies('promise.8.none-after-answer', 'http.streams.one-only', 'http.stream.related')
  const client = await session()
  await using stream = await client.listen()
  const answer = await client.callTool('progress', { steps: 50 }, { meta: { progressToken: 'p' } })
  const steps = answer.messages.slice(0, -1).map(({ params }) => asObject(params)['progress'])
  expect(steps).toEqual(Array.from({ length: 50 }, (_, index) => index + 1))
  expect(answer.last).toHaveProperty('result')
  await saySomething(client)
  expect((await stream.nextMessage())?.['method']).toBe('notifications/tools/list_changed')
})

test('a call goes on when its client drops the connection, as legacy revisions demand', async () => {
  verifies('http.stream.no-cancel')
  const client = await session()
  const abort = new AbortController()
  const call = { jsonrpc: '2.0', id: 'dropped', method: 'tools/call', params: { name: 'wait', arguments: { key: 'drop' } } }
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${echo.clientToken}`,
    'mcp-session-id': client.sessionId ?? '',
  }
  const dropped = fetch(echo.url, { method: 'POST', headers, body: JSON.stringify(call), signal: abort.signal })
  await client.callTool('waiting', { key: 'drop' })
  abort.abort()
  await expect(dropped).rejects.toThrow()
  await client.callTool('open', { key: 'drop' })
  expect(toolText((await client.callTool('opened', { key: 'drop' })).last['result'])).toBe('opened drop')
})
