/** Agents of ContextForge, its older and its newer client, behind shares of ours: vectors V1 to V7, V11 and V12 of their wire format. */
import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { describe, expect, test, vi } from 'vitest'
import {
  contextForgeHeaders,
  heartbeat,
  newerRegistration,
  notification,
  olderRegistration,
  ownHandshake,
  response,
  SERVER_FACTS,
  thirdRegistration,
  unregister,
} from '../../fixtures/foreign-agents/context-forge-agents.ts'
import { verifies } from '../../requirements/verifies.ts'
import { ForeignAgent, type ForeignText } from '../harness/foreign-agent.ts'
import { primedCall } from '../harness/left-stream.ts'
import { createClientToken, createShare, EventReader, factsOf, fetchRelay, stubOf, TestClient, type TestShare } from '../harness/relay.ts'
import { ScriptedAgent } from '../harness/scripted-agent.ts'

const S = '0f8fad5b-d9cb-469f-a165-70867728950e'

function dial(share: TestShare, path = '/reverse-proxy/ws', session = S): Promise<ForeignAgent> {
  return ForeignAgent.dial(path, contextForgeHeaders(share.agentToken, session))
}

/** A newer client whose server is ready. */
async function serving(share: TestShare, session = S): Promise<ForeignAgent> {
  const agent = await dial(share, '/reverse-proxy/ws', session)
  agent.say(newerRegistration(session))
  await agent.next()
  const { payload } = await agent.next()
  agent.say(response(session, { jsonrpc: '2.0', id: payload.id, result: SERVER_FACTS }))
  await agent.next()
  await agent.next()
  return agent
}

async function initialized(share: TestShare, token = share.clientToken): Promise<TestClient> {
  const client = new TestClient(share, token)
  expect((await client.initialize()).status).toBe(200)
  return client
}

function call(id: string, text: string, token?: string): string {
  const meta = token === undefined ? '' : `"_meta":{"progressToken":${token}},`
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{${meta}"name":"t","arguments":{"text":"${text}"}}}`
}

/** What the server answers that echoes. */
function echoed({ payload }: ForeignText): string {
  return response(S, { jsonrpc: '2.0', id: payload.id, result: { echo: payload.params?.['arguments'] } })
}

describe('the older client', () => {
  test('V1 registers after its own handshake, is acknowledged, and hears nothing for its heartbeats', async () => {
    verifies('foreign.context-forge.registers', 'foreign.heartbeats')
    const share = await createShare()
    const agent = await dial(share)
    agent.say(ownHandshake(S), olderRegistration(S))
    expect(await agent.next()).toEqual({ type: 'register_ack', sessionId: expect.stringContaining(`${share.id}.`), status: 'success' })
    expect((await agent.next()).payload).toEqual({ jsonrpc: '2.0', method: 'notifications/initialized' })
    agent.say(...Array.from({ length: 5 }, () => heartbeat(S)))
    const client = await initialized(share)
    const answer = client.post(call('1', 'a'))
    agent.say(echoed(await agent.next()))
    expect(await (await answer).json()).toEqual({ jsonrpc: '2.0', id: 1, result: { echo: { text: 'a' } } })
    expect(agent.texts.filter(({ type }) => type !== 'request' && type !== 'register_ack')).toEqual([])
    expect(agent.texts).toHaveLength(3)
  })

  test('V1 that registers before its server has answered is served once it has, and its server is begun with once', async () => {
    verifies('foreign.one-handshake')
    const share = await createShare()
    const agent = await dial(share, `/s/${share.id}/reverse-proxy/ws`)
    agent.say(olderRegistration(S))
    expect((await agent.next()).status).toBe('success')
    agent.say(ownHandshake(S))
    await agent.next()
    await Promise.all([initialized(share), initialized(share)])
    expect(agent.texts.filter(({ payload }) => payload?.method === 'initialize')).toEqual([])
  })

  test('its command line is shown to nobody', async () => {
    verifies('foreign.description-hidden')
    const share = await createShare()
    const agent = await dial(share)
    agent.say(ownHandshake(S), olderRegistration(S))
    await agent.next()
    await agent.next()
    const { agents } = await factsOf(share)
    expect(agents).toMatchObject([{ name: 'context-forge', product: `context-forge reverse-proxy-${S.slice(0, 8)}`, isolation: 'share' }])
    expect(JSON.stringify(agents)).not.toContain('s3cr3t')
  })
})

describe('the newer client', () => {
  test.each([
    ['/reverse-proxy/ws', newerRegistration],
    ['/v1/reverse-proxy/ws', newerRegistration],
    ['/reverse-proxy/ws', thirdRegistration],
  ])('V2 registers at %s, and is told when its server has answered', async (path, registration) => {
    verifies('foreign.context-forge.registers')
    const share = await createShare()
    const agent = await dial(share, path)
    agent.say(registration(S))
    expect(await agent.next()).toMatchObject({ type: 'register_ack', status: 'processing' })
    const first = await agent.next()
    expect(first).toMatchObject({ type: 'request', payload: { method: 'initialize', params: { protocolVersion: '2025-11-25' } } })
    agent.say(response(S, { jsonrpc: '2.0', id: first.payload.id, result: SERVER_FACTS }))
    expect(await agent.next()).toMatchObject({ type: 'request', payload: { method: 'notifications/initialized' } })
    expect(await agent.next()).toMatchObject({ type: 'register_complete', status: 'success' })
    expect((await factsOf(share)).agents).toMatchObject([{ product: expect.stringMatching(/^context-forge weather/) }])
  })

  test('V2 whose server refuses the handshake is told so, and closed with 1008', async () => {
    verifies('foreign.failed-start')
    const share = await createShare()
    const agent = await dial(share)
    agent.say(newerRegistration(S))
    await agent.next()
    const { payload } = await agent.next()
    agent.say(response(S, { jsonrpc: '2.0', id: payload.id, error: { code: -32603, message: 'no' } }))
    expect(await agent.next()).toMatchObject({ type: 'register_complete', status: 'error', message: 'registration failed' })
    expect((await agent.closed).code).toBe(1008)
    expect((await factsOf(share)).agents).toEqual([])
  })

  test('that registers again on its socket is another process: what ran is told to have been lost', async () => {
    verifies('foreign.lost-at-once')
    const share = await createShare()
    const agent = await serving(share)
    const client = await initialized(share)
    const lost = client.post(call('1', 'a'))
    await agent.next()
    agent.say(newerRegistration(S))
    await agent.next()
    const { payload } = await agent.next()
    agent.say(response(S, { jsonrpc: '2.0', id: payload.id, result: SERVER_FACTS }))
    expect(await (await lost).json()).toMatchObject({ error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
  })
})

describe('the server behind such an agent', () => {
  test('V3 that asks in a response is refused, whoever calls: its request answers no call', async () => {
    verifies('foreign.asks-refused')
    const share = await createShare()
    const agent = await serving(share)
    const client = await initialized(share)
    const answer = client.post(call('99', 'a'))
    const sent = await agent.next()
    agent.say(response(S, { jsonrpc: '2.0', id: 99, method: 'roots/list' }))
    agent.say(response(S, { jsonrpc: '2.0', id: 'p', method: 'ping' }))
    expect(await agent.next()).toMatchObject({ type: 'request', payload: { id: 99, error: { code: -32601 } } })
    expect(await agent.next()).toMatchObject({ type: 'request', payload: { id: 'p', result: {} } })
    agent.say(echoed(sent))
    expect(await (await answer).json()).toEqual({ jsonrpc: '2.0', id: 99, result: { echo: { text: 'a' } } })
  })

  test('V4 sees an id of its own for each call, and no answer or progress crosses, in whatever order they come', async () => {
    verifies('foreign.ids-apart')
    const share = await createShare()
    const agent = await serving(share)
    const other = await createClientToken(share)
    const clients = [await initialized(share), await initialized(share, other), await initialized(share)]
    const ids = ['1', '0', '"1"']
    const calls = clients.flatMap((client, one) => ids.map((id, two) => ({ client, id, text: `${one}.${two}` })))
    const answers = calls.map(({ client, id, text }) => client.post(call(id, text, '7')))
    const sent: ForeignText[] = []
    for (const _ of calls) sent.push(await agent.next())
    expect(new Set(sent.map(({ payload }) => payload.id)).size).toBe(calls.length)
    for (const { payload } of sent.toReversed()) {
      const { _meta, arguments: args } = payload.params as unknown as { _meta: { progressToken: string }; arguments: { text: string } }
      const token = _meta.progressToken
      const { text } = args
      agent.say(
        notification(S, { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress: 1, message: text } }),
      )
    }
    for (const text of sent.toReversed()) agent.say(echoed(text))
    for (const [at, { id, text }] of calls.entries()) {
      const events = new EventReader(await (answers[at] ?? Promise.reject(new Error('no answer'))))
      expect(JSON.parse((await events.next()) ?? '')).toMatchObject({
        method: 'notifications/progress',
        params: { progressToken: 7, message: text },
      })
      expect(JSON.parse((await events.next()) ?? '')).toEqual({ jsonrpc: '2.0', id: JSON.parse(id), result: { echo: { text } } })
    }
  })

  test('is passed bytes as they came, both ways', async () => {
    const share = await createShare()
    const agent = await serving(share)
    const client = await initialized(share)
    const answer = client.post('{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"ü","n":9007199254740993}}')
    const { payload } = await agent.next()
    agent.say(
      `{"type":"response","sessionId":"${S}","payload":{"jsonrpc": "2.0",\n"id":"${payload.id}","result":{"n":9007199254740993,"t":1.0,"u":"ü"}}}`,
    )
    expect(await (await answer).text()).toBe('{"jsonrpc": "2.0", "id":1.0,"result":{"n":9007199254740993,"t":1.0,"u":"ü"}}')
  })

  test('a client that cancels has its own call cancelled, by the id that the server knows', async () => {
    verifies('foreign.cancels')
    const share = await createShare()
    const agent = await serving(share)
    const [one, two] = [await initialized(share), await initialized(share)]
    void one.post(call('1', 'one'))
    const first = await agent.next()
    const answer = two.post(call('1', 'two'))
    const second = await agent.next()
    expect((await one.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')).status).toBe(202)
    expect((await agent.next()).payload).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: first.payload.id },
    })
    agent.say(echoed(first), echoed(second))
    expect(await (await answer).json()).toMatchObject({ result: { echo: { text: 'two' } } })
  })

  test('answers, reports progress and is cancelled after the relay has slept, as before', async () => {
    verifies('foreign.sleeps')
    const share = await createShare()
    const agent = await serving(share)
    const [one, two] = [await initialized(share), await initialized(share)]
    const events = new EventReader(await one.post(call('1', 'one', '"p"'), { accept: 'text/event-stream' }))
    const first = await agent.next()
    const other = new EventReader(await two.post(call('1', 'two'), { accept: 'text/event-stream' }))
    const second = await agent.next()
    await evictDurableObject(stubOf(share))
    agent.say(
      notification(S, { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: first.payload.id, progress: 2 } }),
    )
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ params: { progressToken: 'p', progress: 2 } })
    await evictDurableObject(stubOf(share))
    expect((await two.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')).status).toBe(202)
    expect((await agent.next()).payload).toMatchObject({ method: 'notifications/cancelled', params: { requestId: second.payload.id } })
    agent.say(echoed(first))
    expect(JSON.parse((await events.next()) ?? '')).toEqual({ jsonrpc: '2.0', id: 1, result: { echo: { text: 'one' } } })
    await other.cancel()
    await evictDurableObject(stubOf(share))
    const third = await initialized(share)
    const answer = third.post(call('1', 'three'))
    agent.say(echoed(await agent.next()))
    expect(await (await answer).json()).toMatchObject({ result: { echo: { text: 'three' } } })
  })

  test('answers a hundred calls at once, of which more than half are forgotten while the relay sleeps', async () => {
    verifies('foreign.sleeps')
    const share = await createShare()
    const agent = await serving(share)
    const client = await initialized(share)
    const texts = Array.from({ length: 100 }, (_, at) => `${at}`)
    const answers = texts.map((text, at) => client.post(call(`${at}`, text), { accept: 'text/event-stream' }))
    const sent: ForeignText[] = []
    for (const _ of texts) sent.push(await agent.next())
    const streams = (await Promise.all(answers)).map((answer) => new EventReader(answer))
    await evictDurableObject(stubOf(share))
    agent.say(...sent.toReversed().map(echoed))
    for (const [at, stream] of streams.entries())
      expect(JSON.parse((await stream.next()) ?? '')).toEqual({ jsonrpc: '2.0', id: at, result: { echo: { text: `${at}` } } })
  })

  test('a list that has changed is told to all who listen', async () => {
    const share = await createShare()
    const agent = await serving(share)
    const client = await initialized(share)
    const events = new EventReader(await client.listen())
    agent.say(notification(S, { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }))
    expect(JSON.parse((await events.next()) ?? '')).toEqual({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    await events.cancel()
  })

  test.each([
    ['names its last event', true],
    ['names none', false],
  ])('what is new comes on the GET stream of a client that is back, and %s', async (_, isMarked) => {
    const share = await createShare()
    const agent = await serving(share)
    const client = await initialized(share)
    const change = (list: string): void => agent.say(notification(S, { jsonrpc: '2.0', method: `notifications/${list}/list_changed` }))
    const events = new EventReader(await client.listen())
    change('tools')
    const lastId = (await events.nextEvent())?.id ?? ''
    await events.cancel()
    const again = new EventReader(await (isMarked ? client.resume(lastId) : client.listen()))
    for (const list of ['prompts', 'resources']) change(list)
    for (const list of ['prompts', 'resources']) expect(await again.next()).toContain(list)
    await again.cancel()
  })

  test('the answer to a call comes to its client that has come back for it', async () => {
    const share = await createShare()
    const agent = await serving(share)
    const client = await initialized(share)
    const { events, primed } = await primedCall(client, call('1', 'a'))
    const asked = await agent.next()
    await events.cancel()
    const again = new EventReader(await client.resume(primed))
    await evictDurableObject(stubOf(share))
    agent.say(echoed(asked))
    expect(JSON.parse((await again.next()) ?? '')).toEqual({ jsonrpc: '2.0', id: 1, result: { echo: { text: 'a' } } })
  })

  test('an answer of 900 KiB comes whole', async () => {
    verifies('foreign.one-mib')
    const share = await createShare()
    const agent = await serving(share)
    const client = await initialized(share)
    const answer = client.post(call('1', 'a'))
    const { payload } = await agent.next()
    const big = 'x'.repeat(900 * 1024)
    agent.say(response(S, { jsonrpc: '2.0', id: payload.id, result: { big } }))
    expect(JSON.stringify(await lastOf(await answer))).toBe(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { big } }))
  })
})

/** Does something as if it were so many milliseconds later. */
async function later(ms: number, act: () => Promise<unknown>): Promise<void> {
  const now = Date.now.bind(Date)
  vi.spyOn(Date, 'now').mockImplementation(() => now() + ms)
  try {
    await act()
  } finally {
    vi.restoreAllMocks()
  }
}

/** The last message of a response, in whichever form it comes. */
async function lastOf(answer: Response): Promise<unknown> {
  const text = await answer.text()
  const data = text.split('\n').findLast((line) => line.startsWith('data: {'))
  return JSON.parse(data?.slice('data: '.length) ?? text)
}

describe('what such an agent cannot do', () => {
  test('V5 an answer that never comes is a time-out after five minutes, and an agent that has said nothing since is closed', async () => {
    verifies('foreign.timeout')
    const share = await createShare()
    const agent = await serving(share)
    const client = await initialized(share)
    const answer = client.post(call('1', 'a'), { accept: 'text/event-stream' })
    await agent.next()
    const events = new EventReader(await answer)
    await later(301_000, () => runDurableObjectAlarm(stubOf(share)))
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ error: { data: { code: 'CALL_TIMEOUT', executed: 'unknown' } } })
    expect((await agent.next()).payload.method).toBe('notifications/cancelled')
    expect((await agent.closed).code).toBe(1011)
  })

  test('V5 one whose server is slow, and has said something since, stays', async () => {
    const share = await createShare()
    const agent = await serving(share)
    const [one, two] = [await initialized(share), await initialized(share)]
    const events = new EventReader(await one.post(call('1', 'slow'), { accept: 'text/event-stream' }))
    await agent.next()
    const quick = two.post(call('1', 'quick'))
    agent.say(echoed(await agent.next()))
    await (await quick).text()
    await evictDurableObject(stubOf(share))
    await later(301_000, () => runDurableObjectAlarm(stubOf(share)))
    expect(JSON.parse((await events.next()) ?? '')).toMatchObject({ error: { data: { code: 'CALL_TIMEOUT', executed: 'unknown' } } })
    expect((await factsOf(share)).agents).toHaveLength(1)
  })

  test('V5 an agent that drops fails its calls at once', async () => {
    verifies('foreign.lost-at-once')
    const share = await createShare()
    const agent = await serving(share)
    const client = await initialized(share)
    const answer = client.post(call('1', 'a'))
    await agent.next()
    agent.say(unregister(S))
    agent.close()
    expect(await (await answer).json()).toMatchObject({ error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
  })

  test('V6 a request of 1 MiB and more is refused and not sent, and the socket stays', async () => {
    verifies('foreign.one-mib')
    const share = await createShare()
    const agent = await serving(share)
    const client = await initialized(share)
    const envelope = agent.texts.length
    for (const size of [1024 * 1024 - 200, 1024 * 1024 + 1, 3 * 1024 * 1024]) {
      const refused = await client.post(call('1', 'x'.repeat(size)))
      expect(await refused.json()).toMatchObject({ error: { data: { code: 'AGENT_MESSAGE_TOO_LARGE', executed: 'no' } } })
    }
    expect(agent.texts).toHaveLength(envelope)
    const fits = client.post(call('1', 'x'.repeat(1000 * 1024)))
    const sent = await agent.next()
    agent.say(response(S, { jsonrpc: '2.0', id: sent.payload.id, result: {} }))
    expect(await (await fits).json()).toMatchObject({ result: {} })
  })

  test('a message of more than 1 MiB closes its link with 1009', async () => {
    verifies('foreign.one-mib')
    const agent = await serving(await createShare())
    agent.say(response(S, { jsonrpc: '2.0', id: 1, result: { big: 'x'.repeat(1024 * 1024) } }))
    expect((await agent.closed).code).toBe(1009)
  })

  test('V7 a second agent takes over, and the late close of the first takes nothing from it', async () => {
    verifies('foreign.newest-wins')
    const share = await createShare()
    const first = await serving(share)
    const second = await serving(share)
    expect((await first.closed).code).toBe(1008)
    first.close()
    const client = await initialized(share)
    const answer = client.post(call('1', 'a'))
    second.say(echoed(await second.next()))
    expect(await (await answer).json()).toMatchObject({ result: { echo: { text: 'a' } } })
    expect((await factsOf(share)).agents).toHaveLength(1)
  })

  test('V12 the same X-Session-ID at two shares has nothing in common', async () => {
    verifies('foreign.session-id-is-nobodys')
    const [one, two] = [await createShare(), await createShare()]
    const agents = [await serving(one), await serving(two)]
    const clients = [await initialized(one), await initialized(two)]
    const answers = clients.map((client) => client.post(call('1', client.share.id)))
    for (const agent of agents) agent.say(echoed(await agent.next()))
    for (const [at, answer] of answers.entries())
      expect(await (await answer).json()).toMatchObject({ result: { echo: { text: clients[at]?.share.id } } })
  })

  test('an agent of ours takes its place, and it is closed', async () => {
    const share = await createShare()
    const foreign = await serving(share)
    await ScriptedAgent.connect(share, { join: 'replace' })
    expect((await foreign.closed).code).toBe(1008)
  })
})

describe('the door', () => {
  const upgrade = (headers: Record<string, string>, path = '/reverse-proxy/ws') => fetchRelay(path, { headers })

  test('V11 refuses without a token, or with a wrong one, with 401 and JSON before the upgrade; a token in the query counts for nothing', async () => {
    verifies('foreign.refused-before-upgrade')
    const share = await createShare()
    const bare = contextForgeHeaders(undefined, S)
    const attempts = [
      upgrade(bare),
      upgrade(contextForgeHeaders('nonsense', S)),
      upgrade(bare, `/reverse-proxy/ws?token=${share.agentToken}`),
      upgrade(bare, `/s/${share.id}/reverse-proxy/ws`),
    ]
    for (const attempt of attempts) {
      const refused = await attempt
      expect([401, 404]).toContain(refused.status)
      expect(await refused.json()).toMatchObject({ detail: expect.any(String) })
      expect(refused.webSocket).toBeNull()
    }
    expect((await upgrade(bare)).status).toBe(401)
  })

  test('V11 refuses a token that may not do this with 403', async () => {
    verifies('foreign.refused-before-upgrade')
    const share = await createShare()
    const refused = await upgrade(contextForgeHeaders(share.clientToken, S))
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS' })
  })

  test('refuses a share of several lanes, of which such an agent could serve one', async () => {
    const share = await createShare({ lanes: 2 })
    const refused = await upgrade(contextForgeHeaders(share.agentToken, S))
    expect(refused.status).toBe(409)
    expect(await refused.json()).toMatchObject({ code: 'LANES_NOT_SERVED' })
  })
})
