/** Servers with vices: each has the one named outcome for its caller, and none harms its neighbours. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { createServedShare, fixture, type Relay, type Share, startRelay } from '../../harness/selfhost.ts'
import { asObject, type JsonObject, toolText } from '../../harness/json.ts'
import { type Answer, type Listener, RawClient } from '../../harness/raw-client.ts'

const MIB = 1024 * 1024

const stack = new AsyncDisposableStack()
let relay: Relay

beforeAll(async () => {
  relay = stack.use(await startRelay())
})
afterAll(() => stack.disposeAsync())

async function shareOf(name: string, ...args: readonly string[]): Promise<Share> {
  return createServedShare(stack, relay, { command: fixture(name), args })
}

async function connect(name: string): Promise<RawClient> {
  const client = new RawClient((await shareOf(name)).shareUrl)
  await client.initialize({ capabilities: { sampling: {} } })
  return client
}

async function echo(client: RawClient, text = 'still here'): Promise<string> {
  return toolText((await client.callTool('echo', { text })).last['result'])
}

function errorOf(answer: Answer): { readonly error: JsonObject; readonly data: JsonObject } {
  const error = asObject(answer.last['error'])
  return { error, data: asObject(error['data']) }
}

const CLIENT = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } }

test('a server that dies at start: CHILD_START_FAILED with exit code, and last words where told, secrets masked', async () => {
  verifies('promise.9.not-in-logs', 'promise.9.stderr')
  const share = await shareOf('life/dies-at-start', '--tell-stderr', '--env', 'FIXTURE_SECRET=correct-horse-battery')
  const { data } = errorOf(await new RawClient(share.shareUrl).request('initialize', CLIENT))
  expect(data).toMatchObject({ code: 'CHILD_START_FAILED', exitCode: 3 })
  expect(data['stderr']).toContain('database is unreachable')
  expect(data['stderr']).toContain('login with')
  expect(JSON.stringify(data)).not.toContain('correct-horse-battery')
})

test('a server that dies mid-call: CHILD_DIED with exit code, its last words for its owner only; the session gets a new child', async () => {
  verifies('promise.3.died', 'promise.3.says-executed', 'promise.9.stderr', 'stdio.shutdown.by-server', 'promise.4.id-lives')
  const client = await connect('life/dies-mid-call')
  const before = toolText((await client.callTool('pid')).last['result'])
  const { data } = errorOf(await client.callTool('die'))
  expect(data).toMatchObject({ code: 'CHILD_DIED', exitCode: 7 })
  expect(['yes', 'unknown']).toContain(data['executed'])
  expect(data).not.toHaveProperty('stderr')
  expect(toolText((await client.callTool('pid')).last['result'])).not.toBe(before)
})

test('a server that writes junk to stdout: the junk reaches nobody', async () => {
  verifies('stdio.junk')
  const client = await connect('junk-stdout')
  const answer = await client.callTool('echo', { text: 'through the junk' })
  expect(answer.messages).toHaveLength(1)
  expect(toolText(answer.last['result'])).toBe('through the junk')
})

test('a server that writes ids as strings, every member, and a byte order mark: its client sees none of it', async () => {
  verifies('promise.1.odd-servers')
  const client = await connect('odd-json')
  const answer = await client.callTool('echo', { text: 'odd, but alive' })
  expect(toolText(answer.last['result'])).toBe('odd, but alive')
  expect(answer.messages.map((message) => Object.keys(message))).toEqual([
    ['jsonrpc', 'method', 'params'],
    ['jsonrpc', 'id', 'result'],
  ])
  expect(answer.last['id']).toBeTypeOf('number')
})

test('a server that prints its answers over several lines: CHILD_START_FAILED that says so', async () => {
  verifies('promise.10.unreadable')
  const share = await shareOf('pretty-prints')
  const { data } = errorOf(await new RawClient(share.shareUrl).request('initialize', CLIENT))
  expect(data).toMatchObject({ code: 'CHILD_START_FAILED', executed: 'unknown' })
  expect(data['detail']).toContain('pretty-printed JSON')
})

test('a server that never answers: the call ends when its client cancels it, and others go on', async () => {
  verifies('cancel.stops', 'cancel.no-response')
  const client = await connect('life/never-answers')
  const body = { jsonrpc: '2.0', id: 'hang', method: 'tools/call', params: { name: 'hang' } }
  const hanging = client.exchange(JSON.stringify(body))
  expect(await echo(client)).toBe('still here')
  await client.notify('notifications/cancelled', { requestId: 'hang', reason: 'test' })
  const ended = await hanging
  if (ended.messages.length > 0) expect(errorOf(ended).data['code']).toBe('CANCELLED')
  expect(await echo(client)).toBe('still here')
})

test('a server that answers twice: the first answer counts', async () => {
  verifies('promise.1.stray-answers')
  const client = await connect('answers-twice')
  for (const text of ['one', 'two', 'three']) {
    const answer = await client.callTool('echo', { text })
    expect(answer.messages).toHaveLength(1)
    expect(toolText(answer.last['result'])).toBe(text)
  }
})

test('a server that answers unknown ids: nobody gets those answers', async () => {
  verifies('promise.1.stray-answers')
  const client = await connect('answers-unknown-id')
  const texts = Array.from({ length: 10 }, (_, index) => `text ${index}`)
  expect(await Promise.all(texts.map((text) => echo(client, text)))).toEqual(texts)
})

test('a server that splits characters: they arrive whole', async () => {
  verifies('stdio.utf8')
  const client = await connect('splits-utf8')
  const text = 'é漢字🙂한국어'.repeat(20)
  expect(await echo(client, text)).toBe(text)
})

test('a server that prints a line over the limit: LINE_TOO_LONG, and the channel lives on', async () => {
  const client = await connect('line-over-limit')
  expect(errorOf(await client.callTool('huge', { bytes: 65 * MIB })).data['code']).toBe('LINE_TOO_LONG')
  expect(await echo(client)).toBe('still here')
}, 120_000)

test('a server that pings: answered without a GET stream', async () => {
  const client = await connect('pings-client')
  expect(toolText((await client.callTool('pongs')).last['result'])).toBe('3 pongs')
})

/** Reads a stream until it ends or is aborted. */
async function drain(stream: Listener): Promise<void> {
  try {
    while ((await stream.nextEvent()) !== undefined);
  } catch {
    // Aborted by the test.
  }
}

describe('a server that floods', () => {
  test('still answers, fills no buffer, and leaves others alone', async () => {
    verifies('promise.10.object-4mib', 'promise.10.fair')
    const share = await shareOf('floods')
    const flooded = new RawClient(share.shareUrl)
    const neighbour = new RawClient(share.shareUrl)
    for (const client of [flooded, neighbour]) await client.initialize()
    await flooded.callTool('flood')
    for (let round = 0; round < 20; round++) {
      expect(await echo(flooded, `flooded ${round}`)).toBe(`flooded ${round}`)
      expect(await echo(neighbour, `dry ${round}`)).toBe(`dry ${round}`)
    }
    expect(await relay.counter(share, 'buffered_max_bytes')).toBeLessThanOrEqual(4 * MIB)
    expect(toolText((await flooded.callTool('calm')).last['result'])).toBe('calm')
  })

  test('is read as fast as its listener reads, and no faster', async () => {
    const share = await shareOf('floods')
    const client = new RawClient(share.shareUrl)
    await client.initialize()
    await using stream = await client.listen()
    await client.callTool('flood')
    for (let seen = 0; seen < 2000; seen++) await stream.nextNotification('notifications/message')
    expect(await relay.counter(share, 'buffered_max_bytes')).toBeLessThanOrEqual(4 * MIB)
    // An answer comes after what was said before it, so somebody must go on reading.
    const calm = client.callTool('calm')
    const drained = drain(stream)
    expect(toolText((await calm).last['result'])).toBe('calm')
    await stream[Symbol.asyncDispose]()
    await drained
  })
})
