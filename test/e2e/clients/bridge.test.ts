/** Clients of revision 2026-07-28 on servers that know only the handshake: real SDK, relay, agent and children. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { within } from '../../harness/deadline.ts'
import {
  type Command,
  conformanceServer,
  createServedShare,
  createToken,
  fixture,
  npmServer,
  type Relay,
  type Share,
  startRelay,
} from '../../harness/selfhost.ts'
import { asObject, toolText, type JsonObject } from '../../harness/json.ts'
import { bearer } from '../../harness/sdk-client.ts'
import { CAPABILITIES, CLIENT_INFO, ELICITED, ROOTS, SAMPLED } from '../../harness/test-client.ts'

const MODERN = '2026-07-28'
const LEGACY_FIXTURE = conformanceServer('legacy')

const stack = new AsyncDisposableStack()
let relay: Relay
let everything: Share
let rounds: Share
let echo: Share

async function shareOf(command: Command): Promise<Share> {
  return createServedShare(stack, relay, { command })
}

beforeAll(async () => {
  relay = stack.use(await startRelay())
  everything = await shareOf(npmServer('server-everything'))
  rounds = await shareOf(LEGACY_FIXTURE)
  echo = await shareOf(fixture('echo'))
}, 120_000)
afterAll(() => stack.disposeAsync())

type Elicit = (message: string) => Promise<{ action: 'accept'; content: Record<string, string> }>

async function connect(share: Share, token = share.clientToken, elicit: Elicit = async () => ELICITED): Promise<Client> {
  const client = new Client(CLIENT_INFO, { capabilities: CAPABILITIES, versionNegotiation: { mode: { pin: MODERN } } })
  client.setRequestHandler('elicitation/create', ({ params }) => elicit(params.message))
  client.setRequestHandler('sampling/createMessage', () => SAMPLED)
  client.setRequestHandler('roots/list', () => ROOTS)
  await client.connect(new StreamableHTTPClientTransport(new URL(share.url), bearer(token)))
  stack.defer(() => client.close())
  return client
}

async function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> {
  return toolText(await client.callTool({ name, arguments: args }))
}

describe('an SDK client pinned to revision 2026-07-28, on server-everything', () => {
  let client: Client
  beforeAll(async () => {
    client = await connect(everything)
  })

  test('lists and calls tools', async () => {
    expect(client.getNegotiatedProtocolVersion()).toBe(MODERN)
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('trigger-elicitation-request')
    expect(await call(client, 'echo', { message: 'grüße' })).toBe('Echo: grüße')
  })

  test('answers elicitation and sampling', async () => {
    expect(JSON.stringify(await client.callTool({ name: 'trigger-elicitation-request', arguments: {} }))).toContain('Grace Hopper')
    expect(await call(client, 'trigger-sampling-request', { prompt: 'hi' })).toContain(SAMPLED.content.text)
  })

  test('hears of a resource that it listens to', async () => {
    const uri = 'demo://resource/dynamic/text/7'
    const heard = Promise.withResolvers<string>()
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => heard.resolve(params.uri))
    const subscription = await client.listen({ resourceSubscriptions: [uri] })
    expect(subscription.honoredFilter).toEqual({ resourceSubscriptions: [uri] })
    await call(client, 'toggle-subscriber-updates')
    expect(await within(heard.promise, 'the update')).toBe(uri)
    await call(client, 'toggle-subscriber-updates')
    await subscription.close()
  })
})

describe('an SDK client pinned to revision 2026-07-28, on the other servers', () => {
  test('is asked twice in one call', async () => {
    const asked: string[] = []
    const client = await connect(rounds, rounds.clientToken, async (message) => {
      asked.push(message)
      return { action: 'accept', content: message.includes('name') ? { name: 'Grace' } : { color: 'blue' } }
    })
    expect(await call(client, 'test_input_required_result_multi_round')).toBe('Grace likes blue')
    expect(asked).toEqual(['Step 1: What is your name?', 'Step 2: What is your favorite color?'])
  })

  test('hears that the tools have changed', async () => {
    const client = await connect(echo)
    const heard = Promise.withResolvers<void>()
    client.setNotificationHandler('notifications/tools/list_changed', () => heard.resolve())
    const subscription = await client.listen({ toolsListChanged: true })
    await call(client, 'change-list')
    await within(heard.promise, 'the notification')
    await subscription.close()
  })

  test('cancels a call, and the child hears of it', async () => {
    verifies('cancel.modern.disconnect')
    const client = await connect(echo)
    const leave = new AbortController()
    const waiting = client.callTool({ name: 'wait', arguments: { key: 'cancelled' } }, { signal: leave.signal })
    const gone = expect(waiting).rejects.toThrow()
    await call(client, 'waiting', { key: 'cancelled' })
    leave.abort()
    await gone
    expect(JSON.parse(await call(client, 'cancelled'))).toHaveLength(1)
  })

  test('does not notice that a server exits on whatever comes before initialize', async () => {
    verifies('lifecycle.initialize.first')
    const client = await connect(await shareOf(fixture('life/exits-before-initialize')))
    const pids = [await call(client, 'pid'), await call(client, 'pid')]
    expect(pids[1]).toBe(pids[0])
    expect(await call(client, 'echo', { text: 'here' })).toBe('here')
  })
})

describe('calls of one principal on one child', () => {
  test('run at once, 16 of them: all have begun before the first is answered', async () => {
    const client = await connect(echo)
    const keys = Array.from({ length: 16 }, (_, at) => `overlap ${at}`)
    const waits = keys.map((key) => call(client, 'wait', { key }))
    for (const key of keys) expect(await call(client, 'waiting', { key })).toBe('waiting')
    for (const key of keys.toReversed()) await call(client, 'open', { key })
    expect(await Promise.all(waits)).toEqual(keys.map((key) => `opened ${key}`))
  })

  test('are not delayed by one that waits for a human', async () => {
    verifies('promise.10.fair')
    const human = Promise.withResolvers<typeof ELICITED>()
    const isAsked = Promise.withResolvers<void>()
    const share = await shareOf(fixture('echo'))
    const client = await connect(share, share.clientToken, () => {
      isAsked.resolve()
      return human.promise
    })
    const parked = call(client, 'elicit', { message: 'Who?' })
    await within(isAsked.promise, 'the question')
    const others = await Promise.all(['one', 'two', 'three'].map((text) => call(client, 'echo', { text })))
    expect(others).toEqual(['one', 'two', 'three'])
    human.resolve(ELICITED)
    expect(await parked).toContain('Grace Hopper')
  })
})

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test('100 interleavings of two principals with elicitations in flight: none is crossed', async () => {
  verifies('promise.1.asks-certain')
  const random = seeded(20_260_728)
  const tokens = [await createToken(echo, 'client'), await createToken(echo, 'client')]
  const pending = new Map<string, () => void>()
  const arrivals: { wake?: () => void } = {}
  const clients = await Promise.all(
    tokens.map((token, who) =>
      connect(echo, token, async (message) => {
        const { promise, resolve } = Promise.withResolvers<void>()
        pending.set(`${who} ${message}`, resolve)
        arrivals.wake?.()
        await promise
        return { action: 'accept', content: { name: `${who} answers ${message}` } }
      }),
    ),
  )
  for (let run = 0; run < 100; run++) {
    // One child asks in turn, whoever calls; the two principals overlap as chance has it.
    const order = random() < 0.5 ? [0, 1] : [1, 0]
    const results = order.map(async (who) => {
      const client = clients[who]
      if (client === undefined) throw new Error('no client')
      return `${who}: ${await call(client, 'elicit', { message: `run ${run}` })}`
    })
    const both = async (): Promise<void> => {
      while (pending.size < 2) {
        const { promise, resolve } = Promise.withResolvers<void>()
        arrivals.wake = resolve
        await promise
      }
    }
    await within(both(), 'both questions')
    const answers = [...pending].toSorted(() => random() - 0.5)
    pending.clear()
    for (const [, answer] of answers) answer()
    const texts = await Promise.all(results)
    for (const [at, who] of order.entries()) expect(texts[at]).toContain(`${who} answers run ${run}`)
  }
}, 180_000)

// server-everything asks for roots soon after its start: that could come in the middle of these.
test('an SDK client pinned to revision 2026-07-28 tells a server its roots, and sees progress', async () => {
  const client = await connect(await shareOf(LEGACY_FIXTURE))
  expect(await call(client, 'test_input_required_result_list_roots')).toContain(ROOTS.roots[0]?.uri)
  const steps: number[] = []
  const params = { name: 'test_tool_with_progress', arguments: {} }
  await client.callTool(params, { onprogress: ({ progress }) => void steps.push(progress) })
  // The SDK may drop what comes right before an answer.
  expect(steps.slice(0, 2)).toEqual([0, 50])
})

/** A call whose client can leave, beside one that says the same of itself: they share a child. */
function leavable(share: Share, params: JsonObject, signal: AbortSignal): Promise<Response> {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientCapabilities': CAPABILITIES,
    'io.modelcontextprotocol/clientInfo': CLIENT_INFO,
    progressToken: 'left',
  }
  return fetch(share.url, {
    method: 'POST',
    signal,
    headers: {
      authorization: `Bearer ${share.clientToken}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': MODERN,
      'mcp-method': 'tools/call',
      'mcp-name': String(params['name']),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { ...params, _meta: meta } }),
  })
}

test('a client that closes its stream in the middle of a quiet call: the child hears it by the second keep-alive', async () => {
  verifies('promise.8.modern-7s', 'cancel.modern.disconnect', 'modern.http.keep-alive')
  const share = await shareOf(fixture('echo'))
  const client = await connect(share)
  const leave = new AbortController()
  const response = leavable(share, { name: 'wait', arguments: { key: 'left' } }, leave.signal)
  await call(client, 'waiting', { key: 'left' })
  const reader = (await response).body?.getReader()
  expect((await reader?.read())?.done).toBe(false)
  leave.abort()
  // Two pauses of 7 s between keep-alives, and a busy machine.
  const cancelled = await within(call(client, 'cancelled'), 'the cancellation', 25_000)
  expect(JSON.parse(cancelled)).toHaveLength(1)
  expect(asObject(await relay.describe(share))).toHaveProperty('counters.buffered_bytes', 0)
})

test('a client that closes its stream while data flows: the child hears it before the next keep-alive', async () => {
  verifies('cancel.modern.disconnect')
  const share = await shareOf(fixture('echo'))
  const client = await connect(share)
  const leave = new AbortController()
  const reader = (await leavable(share, { name: 'chatter', arguments: {} }, leave.signal)).body?.getReader()
  expect((await reader?.read())?.done).toBe(false)
  leave.abort()
  const cancelled = await within(call(client, 'cancelled'), 'the cancellation', 6_000)
  expect(JSON.parse(cancelled)).toHaveLength(1)
})
