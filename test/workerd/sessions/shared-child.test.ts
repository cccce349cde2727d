/** One child for all sessions (isolation `share`): its handshake, its log level, its subscriptions and what it says to all. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { MAX_RPC_WAIT_MS } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { heldTimers } from '../harness/held-timers.ts'
import { createShare, EventReader, factsOf, resetShare, TestClient, type TestShare } from '../harness/relay.ts'
import { expectReplay } from '../harness/left-stream.ts'
import { bodyText, ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'

const LIST_CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
const OLD_SERVER = '{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"old","version":"1"}}'
const NEW_SERVER = '{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"new","version":"2"}}'

/** Answers the relay's own handshake with a new shared child; returns its channel. */
async function serve(agent: ScriptedAgent, server: string): Promise<string> {
  await agent.expect('open')
  const { header } = await agent.expect('call')
  await agent.expect('notify')
  agent.answer(header, '0', server)
  return header.ch
}

/** A shared child that has sessions of two clients. */
async function twoClients() {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
  const [client, other] = [new TestClient(share), new TestClient(share)]
  const initialized = client.initialize()
  const ch = await serve(agent, OLD_SERVER)
  await initialized
  await other.initialize()
  return { share, agent, client, other, ch }
}

afterEach(() => void vi.restoreAllMocks())

describe('the initialize of a shared child', () => {
  test('that it refuses is an error for its client, and the next client gets a new child', async () => {
    verifies('lifecycle.initialize.refused')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const refused = new TestClient(share).initialize()
    const open = await agent.expect('open')
    const { header } = await agent.expect('call')
    await agent.expect('notify')
    agent.refuse(header, '0', 'not ready')
    expect(await (await refused).json()).toMatchObject({ id: 0, error: { data: { code: 'CHILD_START_FAILED', executed: 'no' } } })
    expect((await agent.expect('close')).header.ch).toBe(open.header.ch)
    const next = new TestClient(share)
    const response = next.initialize()
    expect(await serve(agent, NEW_SERVER)).not.toBe(open.header.ch)
    expect(await (await response).json()).toMatchObject({ result: { serverInfo: { name: 'new' } } })
    expect(next.session).toBeDefined()
  })

  test('that takes it very long does not hold the Share awake for clients that have left, and is told to those that have not', async () => {
    verifies('promise.6.no-rpc-for-ever')
    const waits = heldTimers(MAX_RPC_WAIT_MS)
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const early = new TestClient(share).initialize()
    await agent.expect('open')
    const { header } = await agent.expect('call')
    await agent.expect('notify')
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + MAX_RPC_WAIT_MS + 1)
    waits.end()
    await vi.waitFor(() => expect(waits.count).toBeGreaterThan(1))
    agent.answer(header, '0', NEW_SERVER)
    expect(await (await early).json()).toMatchObject({ result: { serverInfo: { name: 'new' } } })
  })

  test('that it never answers, since it could not be started, is an error for its clients', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const waiting = [new TestClient(share).initialize(), new TestClient(share).initialize()]
    await agent.expect('open')
    const { header } = await agent.expect('call')
    await agent.expect('notify')
    agent.fail(header, 'CHILD_START_FAILED', 'no')
    for (const response of waiting) expect(await (await response).json()).toMatchObject({ error: { data: { code: 'CHILD_START_FAILED' } } })
  })

  test('is told anew when another server has taken its place', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const early = new TestClient(share).initialize()
    await serve(agent, OLD_SERVER)
    expect(await (await early).json()).toMatchObject({ result: { serverInfo: { name: 'old' } } })
    const successor = await ScriptedAgent.connect(share, { isolation: 'share', agent: 'successor', join: 'replace' })
    const late = new TestClient(share).initialize()
    await serve(successor, NEW_SERVER)
    expect(await (await late).json()).toMatchObject({ result: { serverInfo: { name: 'new' } } })
  })
})

describe('HTTP+SSE over a shared child', () => {
  test('answers initialize, logging/setLevel and resources/subscribe on the stream, whether or not the child hears of them', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const first = await SseClient.connect(share)
    const initialized = first.initialize()
    const ch = await serve(agent, OLD_SERVER)
    await initialized
    expect(await first.next()).toMatchObject({ id: 0, result: { protocolVersion: '2024-11-05', serverInfo: { name: 'old' } } })
    const second = await SseClient.connect(share)
    await second.initialize()
    expect(await second.next()).toMatchObject({ id: 0, result: { protocolVersion: '2024-11-05', serverInfo: { name: 'old' } } })
    await agent.expect('resume')

    const requests = [
      { first: '{"level":"debug"}', second: '{"level":"error"}', method: 'logging/setLevel' },
      { first: '{"uri":"echo://1"}', second: '{"uri":"echo://1"}', method: 'resources/subscribe' },
    ]
    for (const request of requests) {
      await first.post(`{"jsonrpc":"2.0","id":1,"method":"${request.method}","params":${request.first}}`)
      const call = await agent.expect('call')
      expect(call.header).toMatchObject({ ch, method: request.method })
      agent.answer(call.header, '1', '{}')
      expect(await first.next()).toEqual({ jsonrpc: '2.0', id: 1, result: {} })
      await second.post(`{"jsonrpc":"2.0","id":"b","method":"${request.method}","params":${request.second}}`)
      expect(await second.next()).toEqual({ jsonrpc: '2.0', id: 'b', result: {} })
    }
    expect(agent.waiting).toEqual([])
    await first.events.cancel()
    await second.events.cancel()
  })

  test('says on the stream that the shared child refused initialize: the body of a post is nothing that clients read', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const client = await SseClient.connect(share)
    const initialized = client.initialize()
    await agent.expect('open')
    const { header } = await agent.expect('call')
    await agent.expect('notify')
    agent.refuse(header, '0', 'not ready')
    await initialized
    expect(await client.next()).toMatchObject({ id: 0, error: { data: { code: 'CHILD_START_FAILED' } } })
    await client.events.cancel()
  })
})

describe('what a shared child says to all', () => {
  test('reaches a GET stream that opened while the agent was away', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const client = new TestClient(share)
    const initialized = client.initialize()
    const ch = await serve(agent, OLD_SERVER)
    await initialized
    await agent.leave()
    const events = new EventReader(await client.listen())
    const back = await ScriptedAgent.connect(share, { isolation: 'share', ...survivorOf(ch, agent) })
    back.notify(ch, LIST_CHANGED)
    expect(await events.next()).toBe(LIST_CHANGED)
    await events.cancel()
  })

  test('about a resource reaches its subscribers only', async () => {
    const { agent, client: subscriber, other, ch } = await twoClients()
    const heard = new EventReader(await subscriber.listen())
    await agent.expect('resume')
    const overheard = new EventReader(await other.listen())
    await agent.expect('resume')
    const subscribing = subscriber.post('{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"echo://1"}}')
    const call = await agent.expect('call')
    expect(bodyText(call)).toContain('echo://1')
    agent.answer(call.header, '1', '{}')
    await subscribing
    const updated = '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"echo://1"}}'
    agent.notify(ch, updated, { uri: 'echo://1' })
    agent.notify(ch, LIST_CHANGED)
    expect([await heard.next(), await heard.next()]).toEqual([updated, LIST_CHANGED])
    expect(await overheard.next()).toBe(LIST_CHANGED)
    await heard.cancel()
    await overheard.cancel()
  })
})

describe('a task of a shared child', () => {
  const STATUS = '{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"one","status":"completed"}}'

  /** A client whose task `one` the child has begun, and another. */
  async function begun() {
    const { share, agent, client, other, ch } = await twoClients()
    const response = client.post('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","task":{"ttl":60000}}}')
    agent.answer((await agent.expect('call')).header, '1', '{"task":{"taskId":"one","status":"working","ttl":60000}}')
    expect((await response).status).toBe(200)
    return { share, agent, client, other, ch }
  }

  test.each([
    ['', false],
    [', also after the relay was reset', true],
  ])('is told to its client on its next stream, when it had none%s', async (_, isReset) => {
    verifies('promise.13.told')
    const { share, agent, client, other, ch } = await begun()
    const held = agent.notify(ch, LIST_CHANGED)
    expect((await agent.expect('hold')).header.ch).toBe(ch)
    const told = agent.notify(ch, STATUS, { task: 'one' })
    const before = (await factsOf(share)).counters.total_changes
    agent.notify(ch, STATUS, { task: 'one' })
    // Whatever more is told: one row.
    expect((await factsOf(share)).counters.total_changes).toBe(before)
    const back = isReset ? await afterReset(share, agent, ch) : agent
    const others = new EventReader(await other.listen())
    // From where on something is held is not remembered over a reset.
    if (isReset) expect((await back.expect('resume')).header.ch).toBe(ch)
    else back.repeat({ ...held, header: { ...held.header, to: (await expectReplay(back)).to ?? '' } })
    if (!isReset) expect(await others.next()).toBe(LIST_CHANGED)
    const events = new EventReader(await client.listen())
    const replay = await expectReplay(back)
    expect(replay).toMatchObject({ ch, after: told.header.n - 1 })
    back.send({ ...told.header, to: replay.to ?? '' }, told.body)
    expect(await events.next()).toBe(STATUS)
    back.notify(ch, LIST_CHANGED)
    expect([await events.next(), await others.next()]).toEqual([LIST_CHANGED, LIST_CHANGED])
    await events.cancel()
    await others.cancel()
    // It was told: the next stream is like any other.
    const next = new EventReader(await client.listen())
    expect((await back.next()).header).not.toMatchObject({ type: 'replay', after: told.header.n - 1 })
    await next.cancel()
  })

  test('is told over HTTP+SSE to its client when that has come back for its stream', async () => {
    verifies('promise.13.told')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const client = await SseClient.connect(share)
    const initialized = client.initialize()
    const ch = await serve(agent, OLD_SERVER)
    await initialized
    expect(await client.next()).toMatchObject({ id: 0 })
    await client.post('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","task":{"ttl":60000}}}')
    agent.answer((await agent.expect('call')).header, '1', '{"task":{"taskId":"one","status":"working","ttl":60000}}')
    expect(await client.next()).toMatchObject({ id: 1, result: { task: { taskId: 'one' } } })
    await client.leaveNoticed()
    const told = agent.notify(ch, STATUS, { task: 'one' })
    const back = await SseClient.connect(share, client.streamId)
    expect((await agent.expect('resume')).header).toEqual({ type: 'resume', ch })
    const replay = await expectReplay(agent)
    expect(replay).toMatchObject({ ch, after: told.header.n - 1 })
    agent.send({ ...told.header, to: replay.to ?? '' }, told.body)
    expect(await back.next()).toEqual(JSON.parse(STATUS))
    await back.events.cancel()
  })

  async function afterReset(share: TestShare, agent: ScriptedAgent, ch: string): Promise<ScriptedAgent> {
    await resetShare(share)
    return ScriptedAgent.connect(share, { isolation: 'share', ...survivorOf(ch, agent) })
  }
})

test('a client’s notification of an extension reaches the shared child as it was sent, and is accepted with the agent’s receipt', async () => {
  verifies('promise.2.notifications-held')
  const { agent, client, other, ch } = await twoClients()
  for (const from of [client, other]) {
    const noted = `{"jsonrpc":"2.0","method":"com.example/note","params":{"n":1.0,"big":12345678901234567890}}`
    const accepted = from.post(noted)
    const frame = await agent.expect('notify')
    expect([frame.header.ch, frame.header.method, bodyText(frame)]).toEqual([ch, 'com.example/note', noted])
    agent.send({ type: 'receipts', keys: [frame.header.key] })
    expect((await accepted).status).toBe(202)
  }
  // Of one client alone it means nothing to a child that serves many.
  expect((await client.post('{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}')).status).toBe(202)
  expect(agent.waiting).toEqual([])
})

describe.each([
  ['a log message', '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}'],
  ['a notification of an extension', '{"jsonrpc":"2.0","method":"notifications/com.example/n","params":{"x":1.0}}'],
])('%s of a shared child that belongs to no certain call', (_, LOGGED) => {
  async function begin(share: TestShare, agent: ScriptedAgent): Promise<{ readonly client: TestClient; readonly ch: string }> {
    const client = new TestClient(share)
    const response = client.initialize()
    const ch = await serve(agent, NEW_SERVER)
    expect((await response).status).toBe(200)
    return { client, ch }
  }

  test('goes to the only session that the child has served', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const { client, ch } = await begin(share, agent)
    const events = new EventReader(await client.listen())
    agent.notify(ch, LOGGED)
    expect(await events.next()).toBe(LOGGED)
    await events.cancel()
  })

  test('goes to nobody once another session has been there: it may be that one’s, sent again after its end', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const { client, ch } = await begin(share, agent)
    const events = new EventReader(await client.listen())
    const visitor = new TestClient(share)
    expect((await visitor.initialize()).status).toBe(200)
    expect((await visitor.leave()).status).toBe(204)
    agent.notify(ch, LOGGED)
    agent.notify(ch, LIST_CHANGED)
    expect(await events.next()).toBe(LIST_CHANGED)
    await events.cancel()
  })
})
