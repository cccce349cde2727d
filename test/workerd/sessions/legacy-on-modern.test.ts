/** Sessions of the handshake era on a child of revision 2026-07-28, in the real runtime. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  ASKS,
  CALL,
  connected,
  discovered,
  ELICITS,
  GIVEN,
  initialize,
  initializeText,
  MUTE,
  reply,
  SERVER,
  told,
  type Told,
} from '../harness/bridged-session.ts'
import { STREAM_CLOSE } from '../../../worker/contract/streams.ts'
import { verifies } from '../../requirements/verifies.ts'
import { postModern } from '../harness/handshake-child.ts'
import { expectReplay } from '../harness/left-stream.ts'
import { createShare, EventReader, factsOf, openStream, passOf, stubOf, TestClient } from '../harness/relay.ts'
import { ScriptedAgent } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'
import { runClockFaster } from '../harness/fast-clock.ts'
import { SseSessions } from '../../../worker/share/calls/sse-sessions.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('initialize', () => {
  test('is answered from server/discover, in the revision of the client, and offers levels and subscriptions', async () => {
    verifies('lifecycle.capabilities.offered', 'lifecycle.initialize.answered', 'stdio.probe.modern-error')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { era: 'modern' })
    const client = new TestClient(share)
    const response = client.post(initializeText(ELICITS))
    await agent.expect('open')
    const discover = told(await discovered(agent, SERVER))
    expect(discover.params._meta).toMatchObject({
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
    })
    expect(await (await response).json()).toEqual({
      jsonrpc: '2.0',
      id: 0,
      result: {
        protocolVersion: '2025-11-25',
        capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} },
        serverInfo: { name: 'modern', version: '1' },
        instructions: 'be kind',
      },
    })
    expect(told(await agent.expect('call'))).toMatchObject({
      method: 'subscriptions/listen',
      params: { notifications: { toolsListChanged: true } },
    })
  })

  test('that the child refuses is an error, and leaves no session', async () => {
    verifies('lifecycle.initialize.refused')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { era: 'modern' })
    const response = new TestClient(share).initialize()
    await agent.expect('open')
    agent.refuse((await agent.expect('call')).header, '1', 'no')
    expect(await (await response).json()).toMatchObject({ error: { data: { code: 'CHILD_START_FAILED' } } })
    expect((await factsOf(share)).sessions).toBe(0)
  })
})

test('a call that waits for its child to say what it offers does not move to a socket: what comes of it comes over RPC', async () => {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern' })
  const body = new TextEncoder().encode(initializeText('{}'))
  const key = '0'.repeat(32)
  const caller = { principal: 'client:p', session: 's', key, rawId: '0', id: [22, 23] as const }
  const outcome = stubOf(share).call(passOf(share), { ...caller, method: 'initialize', body, size: body.length, delivery: 'stream' })
  await agent.expect('open')
  const { header } = await agent.expect('call')
  const { webSocket } = await openStream(share, { kind: 'call', key })
  const closed = new Promise((resolve) => webSocket?.addEventListener('close', ({ code }) => resolve(code)))
  webSocket?.accept()
  expect(await closed).toBe(STREAM_CLOSE.SETTLED)
  agent.answer(header, '1', MUTE)
  expect((await outcome).kind).toBe('bridge')
})

describe('a request', () => {
  test('reaches the child with an envelope, and its answer comes back without the marks of the other era', async () => {
    verifies('modern.meta.sent')
    const { agent, client } = await connected()
    expect((await client.post('{"jsonrpc":"2.0","method":"notifications/initialized"}')).status).toBe(202)
    const response = client.post('{"jsonrpc":"2.0","id":"a","method":"tools/list"}')
    const call = await agent.expect('call')
    expect(told(call)).toMatchObject({ id: 'a', method: 'tools/list' })
    expect(told(call).params._meta).toMatchObject({ 'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' } })
    const tool = '{"name":"n","outputSchema":{"type":"array"}}'
    agent.answer(call.header, '2', `{"resultType":"complete","ttlMs":5,"cacheScope":"private","tools":[${tool}]}`)
    expect(await (await response).json()).toEqual({
      jsonrpc: '2.0',
      id: 'a',
      result: { tools: [{ name: 'n', outputSchema: { type: 'object', properties: { result: { type: 'array' } }, required: ['result'] } }] },
    })
  })

  test('that the child answers in several frames is translated as a whole', async () => {
    const { agent, client } = await connected()
    const response = client.post(CALL)
    const { header } = await agent.expect('call')
    const text = 'x'.repeat(300_000)
    const body = new TextEncoder().encode(
      `{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"${text}"}],"resultType":"complete"}}`,
    )
    const half = 200_000
    const { ch, key, ra } = header
    const first = agent.number(ch, half)
    agent.send({ type: 'answer', ...first, size: body.length, key, ra, id: [22, 23], failed: false }, body.subarray(0, half))
    const at = agent.advance(ch, first.n, body.length - half)
    agent.send({ type: 'chunk', ch, n: first.n, at, offset: half, ra, last: true }, body.subarray(half))
    const answered = (await response).headers.get('content-type') === 'text/event-stream' ? await response : undefined
    const whole: unknown =
      answered === undefined ? await (await response).json() : JSON.parse((await new EventReader(answered).next()) ?? '')
    expect(whole).toEqual({ jsonrpc: '2.0', id: 7, result: { content: [{ type: 'text', text }] } })
  })

  test.each([
    ['ping', '{}', { result: {} }],
    ['tasks/list', '{}', { error: { code: -32601 } }],
    ['logging/setLevel', '{"level":"loud"}', { error: { code: -32602 } }],
    ['resources/subscribe', '{}', { error: { code: -32602 } }],
  ])('%s with %s is answered by the relay, with status 200', async (method, params, answer) => {
    const { agent, client } = await connected()
    const response = await client.post(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`)
    expect([response.status, await response.json()]).toMatchObject([200, { id: 1, ...answer }])
    expect(agent.waiting).toEqual([])
  })

  test('after logging/setLevel names the level', async () => {
    const { agent, client } = await connected()
    for (const level of ['debug', 'error']) {
      const set = await client.post(`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"${level}"}}`)
      expect(await set.json()).toEqual({ jsonrpc: '2.0', id: 1, result: {} })
      const response = client.post(CALL)
      const call = await agent.expect('call')
      expect(told(call).params._meta).toHaveProperty(['io.modelcontextprotocol/logLevel'], level)
      agent.answer(call.header, '2', '{"content":[]}')
      expect((await response).status).toBe(200)
    }
  })

  test('of a session that is gone is 404, whatever an isolate still knows of it', async () => {
    const { agent, client } = await connected()
    const response = client.post(CALL)
    agent.answer((await agent.expect('call')).header, '2', '{"content":[]}')
    expect((await response).status).toBe(200)
    expect((await client.leave()).status).toBe(204)
    expect((await client.post(CALL)).status).toBe(404)
  })

  test('whose child was started anew is told so in its result', async () => {
    verifies('stdio.modern.restart')
    const { agent, client, ch } = await connected()
    agent.send({ type: 'died', ch, reason: 'exit' })
    const response = client.post(CALL)
    expect((await agent.expect('open')).header.ch).not.toBe(ch)
    await discovered(agent, MUTE)
    agent.answer((await agent.expect('call')).header, '2', '{"content":[],"resultType":"complete"}')
    expect(await (await response).json()).toEqual({ jsonrpc: '2.0', id: 7, result: { _meta: { 'mcp-edge/restarted': true }, content: [] } })
  })
})

describe('the listen of a session', () => {
  test('follows its subscriptions: the new one first, then the end of the old one', async () => {
    const { agent, client } = await connected({ server: SERVER })
    const old = await agent.expect('call')
    const subscribed = await client.post('{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"a://b"}}')
    expect(await subscribed.json()).toEqual({ jsonrpc: '2.0', id: 1, result: {} })
    expect(told(await agent.expect('call')).params).toMatchObject({
      notifications: { toolsListChanged: true, resourceSubscriptions: ['a://b'] },
    })
    expect((await agent.expect('notify')).header).toMatchObject({ method: 'notifications/cancelled', cancels: old.header.tag })
    expect((await client.post('{"jsonrpc":"2.0","id":2,"method":"resources/unsubscribe","params":{"uri":"a://b"}}')).status).toBe(200)
    expect(told(await agent.expect('call')).params).toMatchObject({ notifications: { toolsListChanged: true } })
  })

  test('brings changes to the GET stream without their mark, held until there is one', async () => {
    const { agent, client, ch } = await connected({ server: SERVER })
    const { ra } = (await agent.expect('call')).header
    const marked = (method: string): string =>
      `{"jsonrpc":"2.0","method":"${method}","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":2}}}`
    agent.notify(ch, marked('notifications/subscriptions/acknowledged'), { ra, sure: true })
    const changed = agent.notify(ch, marked('notifications/tools/list_changed'), { ra, sure: true })
    expect((await agent.expect('hold')).header.n).toBe(changed.header.n)
    const events = new EventReader(await client.listen())
    const { to = '' } = await expectReplay(agent)
    agent.repeat({ ...changed, header: { ...changed.header, to } })
    expect(JSON.parse((await events.next()) ?? '')).toEqual({ jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: {} })
    await events.cancel()
  })

  test('is opened again on a fresh child', async () => {
    verifies('promise.4.state-replayed', 'stdio.modern.listen-again')
    const { agent, client, ch } = await connected({ server: SERVER })
    await agent.expect('call')
    agent.send({ type: 'died', ch, reason: 'exit' })
    const response = client.post(CALL)
    await agent.expect('open')
    await discovered(agent, SERVER)
    expect(told(await agent.expect('call')).method).toBe('subscriptions/listen')
    agent.answer((await agent.expect('call')).header, '2', '{"content":[]}')
    expect((await response).status).toBe(200)
  })
})

describe('a child for all sessions', () => {
  test('is introduced once; answers and cancellations keep to their clients, and a session that ends stops its listen only', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { era: 'modern', isolation: 'share' })
    const [one, two] = [new TestClient(share), new TestClient(share)]
    const ch = await initialize(agent, one, { server: SERVER })
    const listens = [(await agent.expect('call')).header.tag]
    expect((await two.initialize()).status).toBe(200)
    listens.push((await agent.expect('call')).header.tag)
    const responses = [one.post(CALL), two.post(CALL)]
    const calls = [(await agent.expect('call')).header, (await agent.expect('call')).header]
    expect(calls.map((call) => call.ch)).toEqual([ch, ch])
    expect(calls[0]?.tag).not.toBe(calls[1]?.tag)
    const sessions = calls.map(({ tag }) => tag.split(' ')[0])
    for (const call of calls) agent.answer(call, '9', `{"content":[],"for":"${call.tag.split(' ')[0]}"}`)
    const answers = await Promise.all(responses.map(async (response) => (await response).json()))
    expect(answers).toEqual([one, two].map(({ session }) => ({ jsonrpc: '2.0', id: 7, result: { content: [], for: session } })))
    expect(new Set(sessions)).toEqual(new Set([one.session, two.session]))
    await one.leave()
    expect((await agent.expect('notify')).header).toMatchObject({ cancels: listens[0] })
    expect(agent.waiting).toEqual([])
  })

  test('that modern clients have opened is asked what it offers when a session comes', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { era: 'modern', isolation: 'share' })
    const modern = postModern(share, 'tools/list')
    await agent.expect('open')
    const running = (await agent.expect('call')).header
    const response = new TestClient(share).initialize()
    const discover = await discovered(agent, MUTE)
    expect([discover.header.ch, discover.header.gate]).toEqual([running.ch, undefined])
    expect((await response).status).toBe(200)
    agent.answer(running, '1', '{"tools":[],"resultType":"complete"}')
    expect((await modern).status).toBe(200)
  })
})

describe('over HTTP+SSE', () => {
  const DONE = '{"resultType":"complete","content":[]}'

  /** A session of a client that is there. */
  async function begun() {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { era: 'modern' })
    const client = await SseClient.connect(share)
    await client.post(initializeText(ELICITS).replace('2025-11-25', '2024-11-05'))
    await agent.expect('open')
    await discovered(agent, MUTE)
    return { share, agent, client, hello: await client.next() }
  }

  /** The client comes back: its call is asked for by its key, and answered on the next stream. */
  async function answeredOnNext({ share, agent, client }: Awaited<ReturnType<typeof begun>>, key: string): Promise<void> {
    const back = await SseClient.connect(share, client.streamId)
    await agent.expect('resume')
    const again = await agent.expect('call')
    expect(again.header.key).toBe(key)
    agent.answer(again.header, '2', DONE)
    expect(await back.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { content: [] } })
    await back.events.cancel()
  }

  test('a call that is posted again, since it was not clear that its client is there, is made once', async () => {
    verifies('promise.2.sse-taken')
    const { agent, client } = await begun()
    vi.spyOn(SseSessions.prototype, 'heard').mockImplementationOnce(async (_, made) => {
      await made
      return { kind: 'unheard' }
    })
    await client.post(CALL)
    const first = await agent.expect('call')
    agent.answer(first.header, '2', DONE)
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { content: [] } })
    await client.post('{"jsonrpc":"2.0","id":8,"method":"ping"}')
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 8, result: {} })
    expect(agent.waiting.filter(({ type }) => type === 'call')).toEqual([])
    await client.events.cancel()
  })

  test('a call whose stream breaks is asked for by its key on the next one, and answered there', async () => {
    verifies('promise.2.sse-taken')
    const parts = await begun()
    const { agent, client } = parts
    await client.post(CALL)
    const first = await agent.expect('call')
    await client.leaveNoticed()
    agent.answer(first.header, '2', DONE)
    await answeredOnNext(parts, first.header.key)
  })

  test('an answer that went onto a stream which went nowhere comes again on the next one', async () => {
    verifies('promise.2.sse-taken')
    const parts = await begun()
    const { agent, client } = parts
    await client.post(CALL)
    const first = await agent.expect('call')
    agent.answer(first.header, '2', DONE)
    await client.next()
    await answeredOnNext(parts, first.header.key)
  })

  test('an answer that has surely reached its client is not asked for again', async () => {
    runClockFaster(16)
    const { share, agent, client } = await begun()
    const answered = vi.spyOn(SseSessions.prototype, 'answered')
    await client.post(CALL)
    const first = await agent.expect('call')
    agent.answer(first.header, '2', DONE)
    await client.next()
    await vi.waitFor(() => expect(answered).toHaveBeenCalledWith(expect.arrayContaining([first.header.key])), { timeout: 20_000 })
    const back = await SseClient.connect(share, client.streamId)
    await back.post('{"jsonrpc":"2.0","id":8,"method":"ping"}')
    expect(await back.next()).toEqual({ jsonrpc: '2.0', id: 8, result: {} })
    expect(agent.waiting.filter(({ type }) => type === 'call')).toEqual([])
    await back.events.cancel()
  })

  test('a question that its client has answered is not put again, and what came of it is told on the next stream', async () => {
    verifies('promise.2.sse-taken')
    const { share, agent, client } = await begun()
    await client.post(CALL)
    const first = await agent.expect('call')
    agent.answer(first.header, '2', ASKS)
    await client.post(reply(((await client.next()) as Told).id, GIVEN))
    const second = await agent.expect('call')
    const back = await SseClient.connect(share, client.streamId)
    await agent.expect('resume')
    const again = await agent.expect('call')
    expect(again.header.key).toBe(first.header.key)
    agent.answer(again.header, '2', ASKS)
    const asked = await expectReplay(agent)
    expect(asked.key).toBe(second.header.key)
    agent.answer({ ...second.header, ra: asked.ra ?? '' }, '3', DONE)
    expect(await back.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { content: [] } })
    await back.events.cancel()
  })

  test.each([
    ['that is under way', false],
    ['whose answer may have gone nowhere', true],
  ])('a call %s, and of which the Share has slept since, comes on the next stream', async (_, isAnswered) => {
    verifies('promise.2.sse-taken')
    const parts = await begun()
    const { share, agent, client } = parts
    await client.post(CALL)
    const first = await agent.expect('call')
    if (isAnswered) {
      agent.answer(first.header, '2', DONE)
      await client.next()
    }
    await evictDurableObject(stubOf(share))
    await answeredOnNext(parts, first.header.key)
  })

  test('initialize, calls and questions go through the one stream', async () => {
    const { agent, client, hello } = await begun()
    expect(hello).toMatchObject({ id: 0, result: { protocolVersion: '2024-11-05', serverInfo: { name: 'unknown' } } })
    await client.post(CALL)
    agent.answer((await agent.expect('call')).header, '2', ASKS)
    const question = (await client.next()) as Told
    expect(question.method).toBe('elicitation/create')
    await client.post(reply(question.id, GIVEN))
    const retry = await agent.expect('call')
    agent.answer(retry.header, '3', DONE)
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { content: [] } })
    await client.post('{"jsonrpc":"2.0","id":8,"method":"ping"}')
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 8, result: {} })
    await client.events.cancel()
  })
})
