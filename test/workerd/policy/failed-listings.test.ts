/** A list that the relay asks for in a client's name before its request, and that fails: the client is told that failure, by every door, and of no tool more than of another. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { runClockFaster } from '../harness/fast-clock.ts'
import { postModern } from '../harness/handshake-child.ts'
import { LOOK, type Offer, OfferingAgent, PAY } from '../harness/offering-agent.ts'
import { asked, begin, OFFER, pinned, resultIn } from '../harness/scenes/pinned-share.ts'
import { createShare, type TestShare } from '../harness/relay.ts'
import { SseClient } from '../harness/sse-client.ts'

const CALL = { name: 'look', arguments: {} }
/** Allowed, unknown to the server, and known to it but not pinned. */
const NAMES = ['look', 'never was', 'pay']
const ERAS = [['legacy'], ['modern']] as const
/** What the agent says of the list, and what is told of the request behind it. */
const FAILURES = [
  ['SERVER_UNREACHABLE', 200, true],
  ['CHILD_START_FAILED', 200, false],
  ['CHILD_DIED', 200, false],
  ['TOO_MANY_CHILDREN', 503, true],
] as const

interface Told {
  readonly status: number
  readonly code: unknown
  readonly executed: unknown
  readonly retryable: unknown
}

async function toldBy(response: Response): Promise<Told> {
  return { status: response.status, ...dataIn(await response.json()) }
}

function dataIn(answer: unknown): Omit<Told, 'status'> {
  const { error } = answer as { readonly error?: { readonly data?: Omit<Told, 'status'> } }
  const { code, executed, retryable } = error?.data ?? { code: undefined, executed: undefined, retryable: undefined }
  return { code, executed, retryable }
}

function request(method: string, params: object, id = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params })
}

/** A share that pins, whose server has a tool more than is pinned, and fails every list in this way from now on. */
async function failing(
  code: ReturnType<OfferingAgent['failing']>,
  hello: Parameters<typeof pinned>[1] = {},
  offer: Offer = OFFER,
): Promise<{ readonly share: TestShare; readonly agent: OfferingAgent }> {
  const { share, agent } = await pinned(offer, hello)
  agent.turn({ ...offer, tools: [LOOK, PAY] })
  agent.failing = ({ method }) => (method.endsWith('/list') ? code : undefined)
  return { share, agent }
}

afterEach(() => {
  vi.restoreAllMocks()
})

/** The server ends under the list that it is asked for next. */
function endOnce(agent: OfferingAgent): void {
  agent.failing = ({ method }) => {
    if (method !== 'tools/list') return undefined
    agent.failing = () => undefined
    return 'CHILD_DIED'
  }
}

describe.each(ERAS)('a session whose server is of the %s era', (era) => {
  test.each(FAILURES)('is told %s, with its status, and that nothing has run', async (code, status, retryable) => {
    verifies('promise.7.list-failure')
    const { share, agent } = await failing(code, { era })
    const client = await begin(share)
    for (const name of NAMES)
      expect(await toldBy(await client.post(request('tools/call', { name })))).toEqual({ status, code, executed: 'no', retryable })
    expect(agent.calls('tools/call')).toEqual([])
    agent.failing = () => undefined
    expect(await asked(client, 'tools/call', CALL)).toMatchObject({ content: [] })
  })

  test('is refused what stands in no list that its server gives', async () => {
    verifies('promise.7.list-failure')
    const { share, agent } = await failing('refused', { era })
    const client = await begin(share)
    for (const name of NAMES) expect(await asked(client, 'tools/call', { name })).toBe('NOT_OFFERED')
    expect(agent.calls('tools/call')).toEqual([])
  })

  test('is told it in each answer of a batch', async () => {
    verifies('promise.7.list-failure')
    const { share } = await failing('SERVER_UNREACHABLE', { era })
    const client = await begin(share)
    const batch = NAMES.map((name, id) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } }))
    const headers = { 'mcp-protocol-version': '2025-03-26', accept: 'application/json' }
    const answers: unknown[] = await (await client.post(JSON.stringify(batch), headers)).json()
    expect(answers.map(dataIn)).toEqual(NAMES.map(() => ({ code: 'SERVER_UNREACHABLE', executed: 'no', retryable: true })))
  })

  test('is told it on the stream of HTTP+SSE', async () => {
    verifies('promise.7.list-failure')
    const { share } = await failing('SERVER_UNREACHABLE', { era })
    const client = await SseClient.connect(share)
    await client.initialize()
    await client.next()
    for (const name of NAMES) {
      await client.post(request('tools/call', { name }))
      expect(dataIn(await client.next())).toEqual({ code: 'SERVER_UNREACHABLE', executed: 'no', retryable: true })
    }
    await client.events.cancel()
  })

  test('is told it of prompts and completions', async () => {
    verifies('promise.7.list-failure')
    const offer = { ...OFFER, prompts: [{ name: 'greet' }], resourceTemplates: [{ uriTemplate: 'file:///{path}', name: 'files' }] }
    const { share } = await failing('SERVER_UNREACHABLE', { era }, offer)
    const client = await begin(share)
    const argument = { name: 'n', value: '' }
    for (const [method, params] of [
      ['prompts/get', { name: 'greet' }],
      ['prompts/get', { name: 'never was' }],
      ['completion/complete', { ref: { type: 'ref/prompt', name: 'greet' }, argument }],
      ['completion/complete', { ref: { type: 'ref/resource', uri: 'file:///{path}' }, argument }],
    ] as const)
      expect(await toldBy(await client.post(request(method, params)))).toMatchObject({ code: 'SERVER_UNREACHABLE', executed: 'no' })
  })

  test('is told it where a further page fails, also of what stands on the first', async () => {
    verifies('promise.7.list-failure')
    const { share, agent } = await failing(undefined, { era })
    agent.turn({ ...OFFER, results: { 'tools/list': { tools: [LOOK], nextCursor: 'b' } } })
    agent.failing = ({ method, params }) => (method === 'tools/list' && params['cursor'] === 'b' ? 'SERVER_UNREACHABLE' : undefined)
    const client = await begin(share)
    for (const name of NAMES) expect(await asked(client, 'tools/call', { name })).toBe('SERVER_UNREACHABLE')
    expect(agent.calls('tools/call')).toEqual([])
  })
})

describe.each(ERAS)('a client of 2026-07-28 whose server is of the %s era', (era) => {
  test.each(FAILURES)('is told %s, with its status, and that nothing has run', async (code, status, retryable) => {
    verifies('promise.7.list-failure')
    const { share, agent } = await failing(code, { era })
    for (const name of NAMES)
      expect(await toldBy(await postModern(share, 'tools/call', { name }))).toEqual({ status, code, executed: 'no', retryable })
    expect(agent.calls('tools/call')).toEqual([])
    agent.failing = () => undefined
    expect(resultIn(await (await postModern(share, 'tools/call', CALL)).json())).toMatchObject({ content: [] })
  })

  test('is told it where nothing but its headers is checked by the list', async () => {
    verifies('promise.7.list-failure')
    const share = await createShare()
    const agent = await OfferingAgent.connect(share, OFFER, { era })
    agent.failing = ({ method }) => (method === 'tools/list' ? 'CHILD_START_FAILED' : undefined)
    expect(await toldBy(await postModern(share, 'tools/call', CALL))).toMatchObject({ code: 'CHILD_START_FAILED', executed: 'no' })
    expect(agent.calls('tools/call')).toEqual([])
    // What a server refuses by a status it is not asked for again: its headers are for itself to check.
    agent.failing = ({ method }) => (method === 'tools/list' ? 'SERVER_HTTP_ERROR' : undefined)
    const before = agent.calls('tools/list').length
    for (let calls = 0; calls < 3; calls++)
      expect(resultIn(await (await postModern(share, 'tools/call', CALL)).json())).toMatchObject({ content: [] })
    expect(agent.calls('tools/list')).toHaveLength(before + 1)
  })

  test('is served by the next child, where one has ended under the list', async () => {
    verifies('promise.7.list-failure')
    const { share, agent } = await failing(undefined, { era })
    endOnce(agent)
    expect(resultIn(await (await postModern(share, 'tools/call', CALL)).json())).toMatchObject({ content: [] })
  })

  test('is refused what stands in no list that its server gives', async () => {
    verifies('promise.7.list-failure')
    const { share } = await failing('refused', { era })
    for (const name of NAMES) expect(resultIn(await (await postModern(share, 'tools/call', { name })).json())).toBe('NOT_OFFERED')
  })

  test('is told it of prompts', async () => {
    verifies('promise.7.list-failure')
    const { share } = await failing('SERVER_UNREACHABLE', { era }, { ...OFFER, prompts: [{ name: 'greet' }] })
    for (const name of ['greet', 'never was'])
      expect(await toldBy(await postModern(share, 'prompts/get', { name }))).toMatchObject({ code: 'SERVER_UNREACHABLE', executed: 'no' })
  })
})

test('a session is served by the next child, where one of its era has ended under the list', async () => {
  verifies('promise.7.list-failure')
  const { share, agent } = await failing(undefined)
  const client = await begin(share)
  endOnce(agent)
  expect(await asked(client, 'tools/call', CALL)).toMatchObject({ content: [] })
})

test('a client of HTTP+SSE that is to come back later is told so by the status of its post', async () => {
  verifies('promise.7.list-failure')
  const { share } = await failing('TOO_MANY_CHILDREN')
  const client = await SseClient.connect(share)
  await client.initialize()
  await client.next()
  for (const name of NAMES) await expect(client.post(request('tools/call', { name }))).rejects.toThrow('503')
  await client.events.cancel()
})

describe.each([
  ['a session', 'legacy'],
  ['a session', 'modern'],
  ['a client of 2026-07-28', 'legacy'],
  ['a client of 2026-07-28', 'modern'],
] as const)('%s whose agent is lost under the list of a server of the %s era', (kind, era) => {
  /** `before`: what is done while the agent is still there. */
  async function lost(before?: () => void): Promise<{ readonly share: TestShare; readonly response: Promise<Response> }> {
    const { share, agent } = await failing(undefined, { era })
    const client = kind === 'a session' ? await begin(share) : undefined
    agent.silent.add('tools/list')
    const listed = agent.calls('tools/list').length
    const response = client === undefined ? postModern(share, 'tools/call', CALL) : client.post(request('tools/call', CALL))
    await agent.until(() => agent.calls('tools/list').length > listed)
    before?.()
    await agent.agent.leave()
    return { share, response }
  }

  test('is served by the agent that comes then', async () => {
    verifies('promise.7.list-failure')
    const { share, response } = await lost()
    await OfferingAgent.connect(share, OFFER, { era, instance: 'two' })
    const answer = await (await response).text()
    expect(answer).toContain('"content":[]')
  })

  test('is told to come back later where none comes', async () => {
    verifies('promise.7.list-failure')
    // Before it is lost: how long it is waited for is told by timers that begin then.
    const { response } = await lost(() => runClockFaster(16))
    const text = await (await response).text()
    expect(text).toContain('"AGENT_AWAY"')
    expect(text).toContain('"executed":"no"')
    expect(text).toContain('"retryAfterMs"')
    // On a busy machine the list may wait by a socket already: then its agent is waited for by alarm, whose time is the real one.
  }, 90_000)
})
