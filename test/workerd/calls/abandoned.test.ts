/** Whatever a client leaves behind, and however it was waited for: soon nothing of it keeps the object awake, and the next call works. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { runClockFaster } from '../harness/fast-clock.ts'
import { postModern } from '../harness/handshake-child.ts'
import { createShare, EventReader, factsOf, fetchRelay, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { ServingAgent } from '../harness/serving-agent.ts'
import { SseClient } from '../harness/sse-client.ts'

/** How soon the object must be able to sleep, in milliseconds. */
const ASLEEP_MS = 15_000
// Not more: what a busy machine takes is multiplied with it.
const FASTER = 5

const INITIALIZE =
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"t","version":"1"}}}'
const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'
const LIST = '{"jsonrpc":"2.0","id":8,"method":"prompts/list"}'

afterEach(() => void vi.restoreAllMocks())

interface Scene {
  readonly share: TestShare
  readonly agent: ServingAgent
  /** Has a session. */
  readonly client: TestClient
}

/** Posts, and leaves with the signal. */
function post({ share, client }: Scene, body: string, headers: Record<string, string> = {}): () => Promise<void> {
  const leaving = new AbortController()
  const response = fetchRelay(share.url, {
    method: 'POST',
    body,
    signal: leaving.signal,
    headers: {
      authorization: `Bearer ${client.token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
  })
  return async () => {
    leaving.abort()
    // A batch has a response at once.
    await response.then((begun) => begun.body?.cancel()).catch(() => undefined)
  }
}

function inSession({ client }: Scene): Record<string, string> {
  return { 'mcp-session-id': client.session ?? '' }
}

async function left(scene: Scene, body: string, headers = inSession(scene)): Promise<void> {
  let leave: (() => Promise<void>) | undefined
  await scene.agent.callOf(() => (leave = post(scene, body, headers)))
  await leave?.()
}

/** A call of which its client has seen the beginning. */
async function streaming({ agent, client }: Scene): Promise<EventReader> {
  let response: Promise<Response> | undefined
  const { ch, ra } = await agent.callOf(() => (response = client.postForEvents(CALL)))
  agent.say({ ch, ra }, 'begins')
  if (response === undefined) throw new Error('the call was not made')
  const events = new EventReader(await response)
  await events.next()
  return events
}

/** What a server asks in the middle of a call, as its client sees it. */
async function asked(scene: Scene): Promise<EventReader> {
  const { agent } = scene.agent
  const events = await streaming(scene)
  const { ch, ra } = scene.agent.kept.at(-1) ?? { ch: '', ra: '' }
  const body = new TextEncoder().encode('{"jsonrpc":"2.0","id":70,"method":"elicitation/create","params":{}}')
  agent.send(
    {
      type: 'ask',
      ...agent.number(ch, body.length),
      size: body.length,
      method: 'elicitation/create',
      id: [21, 23],
      rawId: '70',
      ra,
      sure: true,
    },
    body,
  )
  expect(await events.next()).toContain('elicitation/create')
  return events
}

/** A message that its child does not take. */
async function leftUnread(scene: Scene, body: string): Promise<void> {
  scene.agent.isRead = false
  let leave: (() => Promise<void>) | undefined
  await scene.agent.unreadOf(() => (leave = post(scene, body, inSession(scene))))
  await leave?.()
}

/** A call of 2026-07-28 whose client leaves when the agent has it, or the first that must come before it. */
async function leftModern({ share, agent }: Scene): Promise<void> {
  const leaving = new AbortController()
  const response = postModern(share, 'tools/call', { name: 't', arguments: {} }, {}, {}, leaving.signal)
  await agent.callOf(() => {})
  leaving.abort()
  await expect(response).rejects.toThrow()
}

const KINDS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'an initialize': (scene) => left(scene, INITIALIZE, {}),
  'a tools/call': (scene) => left(scene, CALL),
  'a list': (scene) => left(scene, LIST),
  'a batch': async (scene) => {
    await left(scene, `[${CALL},${LIST}]`, { ...inSession(scene), 'mcp-protocol-version': '2025-03-26' })
  },
  'a GET stream': async ({ client }) => new EventReader(await client.listen()).cancel(),
  'an HTTP+SSE stream with a call': async ({ share, agent }) => {
    const client = await SseClient.connect(share)
    agent.keeps.delete('initialize')
    await client.initialize()
    // Its stream is gone before it is accepted.
    let refused: Promise<void> | undefined
    await agent.callOf(() => void (refused = expect(client.post(CALL)).rejects.toThrow('404')))
    await client.events.cancel()
    await refused
  },
  'a listen': async ({ share, agent }) => {
    agent.keeps.delete('initialize')
    const events = new EventReader(await postModern(share, 'subscriptions/listen', { notifications: { resourceSubscriptions: ['x:1'] } }))
    await events.next()
    await events.cancel()
  },
  'a POST stream in the middle': async (scene) => (await streaming(scene)).cancel(),
  'a call that waits for an agent': async (scene) => {
    await scene.agent.agent.leave()
    await post(scene, CALL, inSession(scene))()
  },
  'the start of a child': async (scene) => {
    const { agent } = scene
    agent.agent.send({ type: 'died', ch: agent.channels.at(-1) ?? '', reason: 'exit', exitCode: 1, signal: null })
    await left(scene, CALL)
    expect(agent.channels).toHaveLength(2)
  },
  'an ask that nobody has answered': async (scene) => (await asked(scene)).cancel(),
  'a notification that no child reads': (scene) => leftUnread(scene, '{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}'),
  'a cancellation that no child reads': (scene) =>
    leftUnread(scene, '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}'),
  'a response that no child reads': (scene) => leftUnread(scene, '{"jsonrpc":"2.0","id":"asked","result":{}}'),
  'a call of 2026-07-28': async (scene) => {
    scene.agent.keeps.delete('initialize')
    await leftModern(scene)
  },
  'a call of 2026-07-28 to a child that reads nothing': async (scene) => {
    scene.agent.keeps.delete('initialize')
    scene.agent.isRead = false
    await leftModern(scene)
  },
  'the start of a child for 2026-07-28': (scene) => leftModern(scene),
  'the start of a child for 2026-07-28 that reads nothing': async (scene) => {
    scene.agent.isRead = false
    await leftModern(scene)
  },
}

/** Where clients share one child nothing of a session starts with it, no client can be asked, and the child hears nothing of one of them. */
const ONLY_APART = new Set([
  'an initialize',
  'an ask that nobody has answered',
  'a notification that no child reads',
  'a response that no child reads',
])

async function incarnation(share: TestShare): Promise<string> {
  return (await factsOf(share)).counters.incarnation
}

describe.each(['session', 'share'] as const)('with --isolate %s', (isolation) => {
  const kinds = Object.entries(KINDS).filter(([kind]) => isolation === 'session' || !ONLY_APART.has(kind))

  test.each(kinds)('%s whose client has left keeps nothing awake, and the next call works', async (kind, leave) => {
    verifies('promise.6.no-rpc-for-ever', 'promise.6.no-timer')
    const share = await createShare()
    const agent = await ServingAgent.connect(share, [], { isolation })
    const client = new TestClient(share)
    await client.initialize()
    for (const method of ['initialize', 'tools/call', 'prompts/list']) agent.keeps.add(method)
    runClockFaster(FASTER)
    await leave({ share, agent, client })
    const before = await incarnation(share)
    const leftMs = Date.now()
    await evictDurableObject(stubOf(share))
    expect(Date.now() - leftMs).toBeLessThan(ASLEEP_MS)
    expect(await incarnation(share)).not.toBe(before)
    vi.restoreAllMocks()
    agent.keeps.clear()
    agent.isRead = true
    if (kind === 'a call that waits for an agent') await ServingAgent.connect(share, [], { isolation, instance: 'two' })
    const response =
      kind === 'the start of a child' ? new TestClient(share).initialize() : client.post('{"jsonrpc":"2.0","id":9,"method":"tools/list"}')
    expect([kind, (await response).status, await (await response).text()]).toEqual([kind, 200, expect.stringContaining('"result"')])
  })
})
