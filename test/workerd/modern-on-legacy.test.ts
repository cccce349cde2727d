/** Modern clients on a child of the handshake era, in the real runtime: one handshake, attribution, parked calls and their retries. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { RelayFrame } from '../../protocol/frame.ts'
import { ROOTS_IN_LIST_MS, TURN_WAIT_MS, UNDECIDED_ASK_MS } from '../../worker/asking-limits.ts'
import { PARKED_MS } from '../../worker/limits.ts'
import type { GroupCallRequest, ParkedRow, RetryInput } from '../../worker/contract/share-rpc.ts'
import { bridgedGroup, groupOf } from '../../worker/contract/groups.ts'
import { verifies } from '../requirements/verifies.ts'
import { type Asked, asked, callTool, HandshakeChild, postModern, SERVER_INFO, told } from './harness/handshake-child.ts'
import { heldTimers } from './harness/held-timers.ts'
import { createClientToken, createShare, passOf, resetShare, stubOf, type TestShare } from './harness/relay.ts'
import { BARE_SERVER, bodyText, ScriptedAgent, survivorOf } from './harness/scripted-agent.ts'

const INPUT = { action: 'accept', content: { name: 'Grace' } }
const REFUSED = { status: 200, body: { id: 1, error: { code: -32602 } } }

afterEach(() => {
  vi.restoreAllMocks()
})

type CallFrame = Awaited<ReturnType<typeof expectCall>>

function expectCall(child: HandshakeChild): ReturnType<typeof child.expect<'call'>> {
  return child.expect('call')
}

/** A call whose child has asked for a name: it waits for its client. */
async function parked(name = 'a'): Promise<{ readonly child: HandshakeChild; readonly call: CallFrame; readonly state: string }> {
  const child = await HandshakeChild.connect()
  const response = callTool(child.share, name)
  const call = await expectCall(child)
  child.elicit(call.header, '"q"')
  const { requestState } = await asked(response)
  return { child, call, state: requestState }
}

/** Calls of these names were answered, without having asked; the last of them. */
async function settled(...names: readonly string[]): Promise<{ readonly child: HandshakeChild; readonly call: CallFrame }> {
  const child = await HandshakeChild.connect()
  let last: CallFrame | undefined
  for (const name of names) {
    const response = callTool(child.share, name)
    last = await expectCall(child)
    child.answer(last, { content: [] })
    expect((await response).status).toBe(200)
  }
  if (last === undefined) throw new Error('no call')
  return { child, call: last }
}

function retry(share: TestShare, state: string, more: { name?: string; token?: string; input?: object } = {}): Promise<Response> {
  const { name = 'a', token = share.clientToken, input = {} } = more
  return callTool(share, name, { token, input: { requestState: state, inputResponses: { 'ask-1': INPUT }, ...input } })
}

/** The request by which a Worker goes on with the one call that is parked. */
async function requestFor(share: TestShare, { header, body }: CallFrame): Promise<GroupCallRequest & { readonly input: RetryInput }> {
  const row = await runInDurableObject(stubOf(share), (_, { storage }) =>
    storage.sql.exec<{ call: string }>('SELECT call FROM parked').one(),
  )
  const { handle, principal } = JSON.parse(row.call) as ParkedRow
  const response = `{"jsonrpc":"2.0","id":"q","result":${JSON.stringify(INPUT)}}`
  return {
    principal,
    capabilities: [],
    // The name of the group stands between the channel's prefix and its generation.
    group: groupOf(header.ch).slice(bridgedGroup('').length),
    bridge: 'any',
    key: header.key,
    method: header.method,
    rawId: '1',
    id: header.id,
    body,
    size: body.length,
    delivery: 'stream',
    input: { handle, taker: `${'e'.repeat(30)}00`, responses: [{ rawId: '"q"', body: response }] },
  }
}

describe('a child of the handshake era', () => {
  test('is initialised once for each principal and set of capabilities', async () => {
    const child = await HandshakeChild.connect()
    const { share } = child
    const other = await createClientToken(share)
    const channels: string[] = []
    for (const request of [{}, {}, { capabilities: { sampling: {} } }, { token: other }]) {
      const response = postModern(share, 'prompts/list', {}, request)
      const call = await child.expect('call')
      channels.push(call.header.ch)
      child.answer(call, { prompts: [] })
      expect((await response).status).toBe(200)
    }
    expect(channels[1]).toBe(channels[0])
    expect(new Set(channels).size).toBe(3)
    expect(child.initializes.map(({ params }) => params['capabilities'])).toEqual([
      { elicitation: {} },
      { sampling: {} },
      { elicitation: {} },
    ])
  })

  test('is told revision, capabilities and name of who initialises it', async () => {
    verifies('lifecycle.initialize.members')
    const child = await HandshakeChild.connect()
    const response = postModern(child.share, 'prompts/list')
    child.answer(await child.expect('call'), { prompts: [] })
    await response
    expect(child.initializes.map(({ params }) => params)).toEqual([
      {
        protocolVersion: '2025-11-25',
        capabilities: { elicitation: {} },
        clientInfo: { name: expect.any(String), version: expect.any(String) },
      },
    ])
  })

  test('answers with resultType, cache fields and its name, which the relay adds', async () => {
    verifies('modern.meta.result-type')
    const child = await HandshakeChild.connect()
    const response = postModern(child.share, 'prompts/list')
    const call = await child.expect('call')
    expect(bodyText(call)).not.toContain('io.modelcontextprotocol/')
    child.answer(call, { prompts: [], _meta: { own: 1 } })
    expect(await (await response).json()).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: {
        prompts: [],
        resultType: 'complete',
        ttlMs: expect.any(Number),
        cacheScope: 'private',
        _meta: { own: 1, 'io.modelcontextprotocol/serverInfo': SERVER_INFO },
      },
    })
  })

  test('is discovered by what it said to initialize', async () => {
    verifies('modern.discover')
    const child = await HandshakeChild.connect()
    const response = postModern(child.share, 'server/discover')
    const heard = child.next()
    expect(await told(response)).toMatchObject({
      status: 200,
      body: { result: { supportedVersions: ['2026-07-28'], capabilities: { tools: { listChanged: true } }, resultType: 'complete' } },
    })
    const probe = postModern(child.share, 'prompts/list')
    // Nothing but the handshake had reached the child before this.
    const call = await heard
    expect(call.header).toMatchObject({ type: 'call', method: 'prompts/list' })
    child.answer(call as CallFrame, { prompts: [] })
    expect((await probe).status).toBe(200)
  })

  test.each(['ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe', 'tasks/list'])(
    'is not asked for %s, which revision 2026-07-28 has not: 404 with -32601',
    async (method) => {
      verifies('modern.header.unknown-method')
      const child = await HandshakeChild.connect()
      const answer = told(postModern(child.share, method, { uri: 'x:1', level: 'debug' }))
      expect(await Promise.all([answer, child.hasHeardNothing()])).toMatchObject([
        { status: 404, body: { id: 1, error: { code: -32601 } } },
        true,
      ])
    },
  )
})

describe('a client that leaves while its child is initialised', () => {
  /** What was sent for it, up to the request of the next client. */
  async function left() {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { era: 'legacy' })
    const leave = new AbortController()
    const response = postModern(share, 'prompts/list', {}, {}, {}, leave.signal)
    await agent.expect('open')
    const { header: initialize } = await agent.expect('call')
    expect(initialize.method).toBe('initialize')
    leave.abort()
    await response.catch(() => undefined)
    agent.answer(initialize, '0', BARE_SERVER)
    void postModern(share, 'prompts/list', {}, { id: 2 })
    const heard: RelayFrame[] = []
    for (;;) {
      const frame = await agent.next()
      const { header } = frame
      if (header.type === 'call' && bodyText(frame).slice(...header.id) === '2') break
      heard.push(header)
    }
    const cancelled = heard.flatMap((header) => (header.type === 'notify' && header.cancels !== undefined ? [header.cancels] : []))
    return { initialize, cancelled, called: heard.flatMap((header) => (header.type === 'call' ? [header.tag] : [])) }
  }

  test('cancels its own request, and never that initialize', async () => {
    verifies('cancel.not-initialize')
    const { initialize, cancelled } = await left()
    expect(cancelled).toHaveLength(1)
    expect(cancelled).not.toContain(initialize.tag)
  })

  test('has no request sent to it any more', async () => {
    verifies('cancel.modern.before-sent')
    expect((await left()).called).toEqual([])
  })
})

describe('an ask of the child', () => {
  test('becomes input_required with a state; the retry answers the child, and the call goes on under its own key', async () => {
    verifies('modern.input.instead-of-requests')
    const child = await HandshakeChild.connect()
    const response = callTool(child.share, 'a')
    const call = await child.expect('call')
    child.elicit(call.header, '"q"')
    const { inputRequests, requestState } = await asked(response)
    expect(inputRequests).toEqual({
      'ask-1': { method: 'elicitation/create', params: expect.objectContaining({ message: 'Who are you?' }) },
    })
    const answer = retry(child.share, requestState)
    const respond = await child.expect('respond')
    expect(respond.header).toMatchObject({ ch: call.header.ch, rawId: '"q"' })
    expect(JSON.parse(bodyText(respond))).toEqual({ jsonrpc: '2.0', id: 'q', result: INPUT })
    const again = await child.expect('call')
    expect(again.header).toMatchObject({ ch: call.header.ch, key: call.header.key })
    child.answer(again, { content: [] })
    expect(await told(answer)).toMatchObject({ status: 200, body: { id: 1, result: { content: [], resultType: 'complete' } } })
  })

  test('of a second round has a key and a state of its own', async () => {
    const { child, state } = await parked()
    const second = retry(child.share, state)
    await child.expect('respond')
    const again = await child.expect('call')
    child.elicit(again.header, '2', 'And your quest?')
    const { inputRequests, requestState } = await asked(second)
    expect(Object.keys(inputRequests)).toEqual(['ask-2'])
    expect(requestState).not.toBe(state)
    const last = retry(child.share, requestState, { input: { inputResponses: { 'ask-2': INPUT } } })
    expect((await child.expect('respond')).header.rawId).toBe('2')
    child.answer(await child.expect('call'), { content: [] })
    expect((await last).status).toBe(200)
  })

  test('that is not answered by the retry is put again, with the same state', async () => {
    verifies('modern.input.asks-again')
    const { child, state } = await parked()
    const again = await asked(retry(child.share, state, { input: { inputResponses: {} } }))
    expect(again.requestState).toBe(state)
    expect(Object.keys(again.inputRequests)).toEqual(['ask-1'])
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test('for what the client has not declared is refused to the child, and to the client with 400 and -32021', async () => {
    verifies('lifecycle.capabilities.server-asks', 'modern.input.declared', 'modern.meta.undeclared')
    const child = await HandshakeChild.connect()
    const response = told(callTool(child.share, 'a'))
    const call = await child.expect('call')
    child.ask(call.header, '1', 'sampling/createMessage', { messages: [], maxTokens: 1 }, true)
    expect(JSON.parse(bodyText(await child.expect('respond')))).toMatchObject({ id: 1, error: { code: -32601 } })
    expect(await response).toMatchObject({
      status: 400,
      body: { error: { code: -32021, data: { requiredCapabilities: { sampling: {} } } } },
    })
    expect((await child.expect('notify')).header).toMatchObject({ method: 'notifications/cancelled', cancels: call.header.tag })
  })

  test('for roots does not make what asks for them run alone', async () => {
    const child = await HandshakeChild.connect()
    const first = callTool(child.share, 'a', { capabilities: { roots: {} } })
    const call = await child.expect('call')
    child.ask(call.header, '1', 'roots/list', {}, true)
    const { requestState, inputRequests } = await asked(first)
    const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((key) => [key, { roots: [] }]))
    const goingOn = callTool(child.share, 'a', { capabilities: { roots: {} }, input: { requestState, inputResponses } })
    await child.expect('respond')
    child.answer(await child.expect('call'), { content: [] })
    expect((await goingOn).status).toBe(200)
    const next = callTool(child.share, 'a', { capabilities: { roots: {} } })
    const later = await child.expect('call')
    expect(later.header.ch).toBe(call.header.ch)
    child.answer(later, { content: [] })
    expect((await next).status).toBe(200)
  })

  test('that may be of either of two calls waits, and goes to the one that is left when the other is answered', async () => {
    verifies('promise.1.asks-certain')
    const { child } = await settled('a', 'b')
    const { share } = child
    const responses = [callTool(share, 'a'), callTool(share, 'b')]
    const [first, second] = [await child.expect('call'), await child.expect('call')]
    child.ask(first.header, '9', 'elicitation/create', { message: 'Who?' }, false)
    child.answer(second, { content: [] })
    const [a, b] = await Promise.all(responses.map((response) => told(response)))
    expect([a?.body['result'], b?.body['result']]).toMatchObject([{ resultType: 'input_required' }, { resultType: 'complete' }])
  })

  test('that may be of either of two calls is refused in the end; each has the own child of its group to itself from then on', async () => {
    verifies('promise.1.asks-certain', 'modern.http.related', 'modern.input.own-child')
    const { child } = await settled('a', 'b')
    const timers = heldTimers(UNDECIDED_ASK_MS)
    const { share } = child
    const responses = [callTool(share, 'a'), callTool(share, 'b')]
    const calls = [await child.expect('call'), await child.expect('call')]
    const [first] = calls
    if (first === undefined) throw new Error('no call')
    child.ask(first.header, '9', 'elicitation/create', { message: 'Who?' }, false)
    await vi.waitFor(() => expect(timers.count).toBe(2))
    timers.end()
    const respond = await child.expect('respond')
    expect([respond.header.rawId, JSON.parse(bodyText(respond))]).toMatchObject(['9', { error: { code: -32601 } }])
    for (const call of calls) child.answer(call, { content: [] })
    for (const response of responses) expect((await response).status).toBe(200)
    const again = [callTool(share, 'a'), callTool(share, 'b')]
    for (const _ of again) {
      const call = await child.expect('call')
      expect(call.header.ch).toBe(first.header.ch)
      child.answer(call, { content: [] })
    }
    for (const response of again) expect((await response).status).toBe(200)
    expect(child.initializes).toHaveLength(1)
    expect(child.opened).toHaveLength(1)
  })

  test('by a tool that has asked before runs it on the own child of its group, alone', async () => {
    verifies('modern.input.own-child')
    const { child, call, state } = await parked()
    const answer = retry(child.share, state)
    await child.expect('respond')
    child.answer(await child.expect('call'), { content: [] })
    expect((await answer).status).toBe(200)
    const other = callTool(child.share, 'b')
    const running = await child.expect('call')
    const next = callTool(child.share, 'a')
    child.answer(running, { content: [] })
    expect((await other).status).toBe(200)
    const later = await child.expect('call')
    expect(later.header.ch).toBe(call.header.ch)
    child.answer(later, { content: [] })
    expect((await next).status).toBe(200)
  })

  test('by a tool of which nothing is known is certainly its own, though it is called twice at once', async () => {
    verifies('promise.1.asks-certain', 'modern.input.own-child')
    const child = await HandshakeChild.connect()
    const { share } = child
    const [first, second] = [callTool(share, 'a', { id: 1 }), callTool(share, 'a', { id: 2 })]
    const call = await child.expect('call')
    child.elicit(call.header, '"q"')
    const { requestState } = await asked(first)
    const answer = retry(share, requestState)
    await child.expect('respond')
    child.answer(await child.expect('call'), { content: [] })
    expect((await answer).status).toBe(200)
    const next = await child.expect('call')
    expect(next.header.ch).toBe(call.header.ch)
    child.elicit(next.header, '"p"')
    expect(Object.keys((await asked(second)).inputRequests)).toEqual(['ask-1'])
    expect(child.opened).toHaveLength(1)
  })

  test('that no call can have made is refused, and no name is suspected for it', async () => {
    verifies('promise.1.asks-certain')
    const { child, call } = await settled('a')
    child.ask(call.header, '9', 'elicitation/create', { message: 'Who?' }, false)
    const respond = await child.expect('respond')
    expect([respond.header.rawId, JSON.parse(bodyText(respond))]).toMatchObject(['9', { error: { code: -32601 } }])
    const responses = [callTool(child.share, 'a'), callTool(child.share, 'b')]
    const calls = [await child.expect('call'), await child.expect('call')]
    for (const each of calls) child.answer(each, { content: [] })
    for (const response of responses) expect((await response).status).toBe(200)
    expect(child.opened).toHaveLength(1)
  })

  test('that waits for its client makes tools wait, then run apart, of which nobody knows whether they ask', async () => {
    const timers = heldTimers(TURN_WAIT_MS)
    const { child, call, state } = await parked()
    const { share } = child
    const response = callTool(share, 'b')
    await vi.waitFor(() => expect(timers.count).toBe(1))
    timers.end()
    const apart = await child.expect('call')
    expect(apart.header.ch).not.toBe(call.header.ch)
    child.answer(apart, { content: [] })
    expect((await response).status).toBe(200)
    expect((await child.expect('close')).header.ch).toBe(apart.header.ch)
    // It has not asked: from now on it need not be alone.
    const next = callTool(share, 'b')
    const beside = await child.expect('call')
    expect(beside.header.ch).toBe(call.header.ch)
    child.answer(beside, { content: [] })
    expect((await next).status).toBe(200)
    const answer = retry(share, state)
    await child.expect('respond')
    child.answer(await child.expect('call'), { content: [] })
    expect((await answer).status).toBe(200)
  })

  test('is parked and answered over a reset of the Share', async () => {
    const { child, call, state } = await parked()
    const { share } = child
    await resetShare(share)
    child.agent = await ScriptedAgent.connect(share, { era: 'legacy', ...survivorOf(call.header.ch, child.agent, [call.header.key]) })
    const answer = retry(share, state)
    expect((await child.expect('respond')).header).toMatchObject({ ch: call.header.ch, rawId: '"q"' })
    child.answer(await child.expect('call'), { content: [] })
    expect((await answer).status).toBe(200)
  })

  test('that it takes back is none of which the client hears', async () => {
    verifies('cancel.modern.only-listens')
    const child = await HandshakeChild.connect()
    const response = callTool(child.share, 'a')
    const { header } = await child.expect('call')
    const cancelled = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"q"}}'
    const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}'
    for (const text of [cancelled, progress]) child.agent.notify(header.ch, text, { ra: header.ra, sure: true })
    child.agent.answer(header, '1', '{"content":[]}')
    const text = await (await response).text()
    expect(text).toContain('notifications/progress')
    expect(text).not.toContain('notifications/cancelled')
  })

  test('made after a reset of the Share reaches the client of the call that was running', async () => {
    const child = await HandshakeChild.connect()
    const response = callTool(child.share, 'a')
    const call = await child.expect('call')
    await resetShare(child.share)
    child.agent = await ScriptedAgent.connect(child.share, { era: 'legacy', ...survivorOf(call.header.ch, child.agent, [call.header.key]) })
    const again = await child.expect('call')
    expect(again.header.key).toBe(call.header.key)
    child.elicit(again.header, '1')
    expect(Object.keys((await asked(response)).inputRequests)).toEqual(['ask-1'])
  })

  test('whose client stays away is given up by the alarm, and the child hears of it', async () => {
    verifies('lifecycle.timeout.own', 'cancel.modern.timeout', 'modern.input.may-stay-away')
    const { child, call } = await parked()
    const nowMs = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => nowMs + PARKED_MS + 1)
    expect(await runDurableObjectAlarm(stubOf(child.share))).toBe(true)
    const cancel = await child.expect('notify')
    expect(cancel.header).toMatchObject({ method: 'notifications/cancelled', cancels: call.header.key, ch: call.header.ch })
    const rows = await runInDurableObject(stubOf(child.share), (_, { storage }) => storage.sql.exec('SELECT handle FROM parked').toArray())
    expect(rows).toEqual([])
  })
})

describe('roots/list of the child', () => {
  const CAPABILITIES = { capabilities: { roots: {} } }
  const ROOTS = { roots: [{ uri: 'file:///a' }] }
  const askRoots = (child: HandshakeChild, call: CallFrame, rawId: string, sure = false): void =>
    child.ask(call.header, rawId, 'roots/list', {}, sure)

  function tell(share: TestShare, name: string, { inputRequests, requestState }: Asked['result']): Promise<Response> {
    const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((key) => [key, ROOTS]))
    return callTool(share, name, { ...CAPABILITIES, input: { requestState, inputResponses } })
  }

  async function expectRoots(child: HandshakeChild, id: string): Promise<void> {
    expect(JSON.parse(bodyText(await child.expect('respond')))).toEqual({ jsonrpc: '2.0', id, result: ROOTS })
  }

  test('in two calls at once is put to one client once, answers both, and holds for the next', async () => {
    verifies('modern.input.roots-once')
    const child = await HandshakeChild.connect()
    const { share } = child
    const responses = [callTool(share, 'a', CAPABILITIES), callTool(share, 'b', CAPABILITIES)]
    const calls = [await child.expect('call'), await child.expect('call')]
    const [first, second] = calls
    if (first === undefined || second === undefined) throw new Error('no call')
    askRoots(child, first, '"r1"')
    askRoots(child, second, '"r2"')
    const [asked1] = [await asked(Promise.race(responses))]
    expect(Object.values(asked1.inputRequests)).toEqual([{ method: 'roots/list', params: {} }])
    const goingOn = tell(share, 'a', asked1)
    await expectRoots(child, 'r1')
    await expectRoots(child, 'r2')
    child.answer(await child.expect('call'), { content: [] })
    child.answer(second, { content: [] })
    expect([(await goingOn).status, ...(await Promise.all(responses)).map(({ status }) => status)]).toEqual([200, 200, 200])
    const next = callTool(share, 'a', CAPABILITIES)
    const later = await child.expect('call')
    expect(later.header.ch).toBe(first.header.ch)
    askRoots(child, later, '"r3"', true)
    await expectRoots(child, 'r3')
    child.answer(later, { content: [] })
    expect((await next).status).toBe(200)
    expect(child.opened).toHaveLength(1)
  })

  test('outside all calls waits for the next that can carry it, over the sleep of the Share, and is told before that call begins', async () => {
    verifies('modern.input.roots-once', 'promise.6.state-survives')
    const child = await HandshakeChild.connect()
    const { share } = child
    const listing = postModern(share, 'prompts/list', {}, CAPABILITIES)
    const list = await child.expect('call')
    child.answer(list, { prompts: [] })
    expect((await listing).status).toBe(200)
    askRoots(child, list, '"r"')
    // The answer to another list shows that the ask was heard.
    const another = postModern(share, 'prompts/list', {}, CAPABILITIES)
    child.answer(await child.expect('call'), { prompts: [] })
    expect((await another).status).toBe(200)
    await evictDurableObject(stubOf(share))
    // The relay looks at the tools first; nothing else reaches the child before the roots.
    const heard = expectRoots(child, 'r')
    const goingOn = tell(share, 'a', await asked(callTool(share, 'a', CAPABILITIES)))
    await heard
    child.answer(await child.expect('call'), { content: [] })
    expect(await told(goingOn)).toMatchObject({ status: 200, body: { result: { content: [] } } })
  })

  test('that is answered does not let others begin beside the call that was asked, which may ask for more', async () => {
    const capabilities = { roots: {}, elicitation: {} }
    const child = await HandshakeChild.connect()
    const { share } = child
    const [first, second] = [callTool(share, 'a', { capabilities }), callTool(share, 'b', { capabilities })]
    const call = await child.expect('call')
    askRoots(child, call, '"r"', true)
    const answered = async (response: Promise<Response>, key: string, answer: object): Promise<Response> => {
      const { requestState } = await asked(response)
      return callTool(share, 'a', { capabilities, input: { requestState, inputResponses: { [key]: answer } } })
    }
    const goingOn = answered(first, 'ask-1', ROOTS)
    await expectRoots(child, 'r')
    child.elicit((await child.expect('call')).header, '"q"')
    const last = answered(goingOn, 'ask-2', INPUT)
    // Had the other begun, its call would come first.
    expect((await child.expect('respond')).header.rawId).toBe('"q"')
    child.answer(await child.expect('call'), { content: [] })
    expect((await last).status).toBe(200)
    child.answer(await child.expect('call'), { content: [] })
    expect((await second).status).toBe(200)
  })

  test('while only a list runs is refused after a while, and never answered with an empty list', async () => {
    verifies('modern.input.methods', 'modern.input.roots-true')
    const timers = heldTimers(ROOTS_IN_LIST_MS)
    const child = await HandshakeChild.connect()
    const response = postModern(child.share, 'prompts/list', {}, CAPABILITIES)
    const listing = await child.expect('call')
    askRoots(child, listing, '"r"', true)
    await vi.waitFor(() => expect(timers.count).toBe(1))
    timers.end()
    const { header, body } = await child.expect('respond')
    expect([header.rawId, JSON.parse(new TextDecoder().decode(body))]).toMatchObject(['"r"', { id: 'r', error: { code: -32601 } }])
    child.answer(listing, { prompts: [] })
    expect((await told(response)).body).toMatchObject({ result: { prompts: [], resultType: 'complete' } })
  })

  test('of a child whose clients have none is refused, and its call goes on', async () => {
    verifies('modern.input.roots-true', 'modern.input.declared')
    const child = await HandshakeChild.connect()
    const response = callTool(child.share, 'a')
    const call = await child.expect('call')
    askRoots(child, call, '"r"', true)
    expect(JSON.parse(bodyText(await child.expect('respond')))).toMatchObject({ id: 'r', error: { code: -32601 } })
    child.answer(call, { content: [] })
    expect((await response).status).toBe(200)
  })
})

describe('a requestState', () => {
  test.each([0, 40, 115])('with another character at %i is refused, and the child hears nothing', async (at) => {
    verifies('modern.input.state-sealed')
    const { child, state } = await parked()
    const tampered = `${state.slice(0, at)}${state[at] === 'A' ? 'B' : 'A'}${state.slice(at + 1)}`
    expect(await told(retry(child.share, tampered))).toMatchObject(REFUSED)
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test('that a retry has used is refused to the next, and the child hears nothing of that', async () => {
    verifies('modern.input.once')
    const { child, state } = await parked()
    const first = retry(child.share, state)
    await child.expect('respond')
    const again = await child.expect('call')
    expect(await told(retry(child.share, state))).toMatchObject(REFUSED)
    child.answer(again, { content: [] })
    expect((await first).status).toBe(200)
    expect(await told(retry(child.share, state))).toMatchObject(REFUSED)
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test('that its own retry brings again, after a reset of the Share, is no replay', async () => {
    const { child, call, state } = await parked()
    const [stub, pass] = [stubOf(child.share), passOf(child.share)]
    const request = await requestFor(child.share, call)
    const first = stub.call(pass, request)
    const respond = await child.expect('respond')
    expect((await child.expect('call')).header.key).toBe(call.header.key)
    const second = stub.call(pass, { ...request, isResend: true })
    // The agent, which knows both keys, passes the repetition over.
    expect((await child.expect('respond')).header.key).toBe(respond.header.key)
    child.answer(await child.expect('call'), { content: [] })
    expect(await second).toMatchObject({ kind: 'frame' })
    await first
    const other = { ...request, input: { ...request.input, taker: 'f'.repeat(32) } }
    expect(await stub.call(pass, other)).toEqual({ kind: 'state_refused' })
    expect(await told(retry(child.share, state))).toMatchObject(REFUSED)
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test('whose time is over is refused, and the child hears nothing', async () => {
    verifies('modern.input.state-sealed')
    const { child, state } = await parked()
    const nowMs = Date.now()
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => nowMs + PARKED_MS + 1)
    expect(await told(retry(child.share, state))).toMatchObject(REFUSED)
    clock.mockRestore()
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test('whose parked call has expired is refused, and the child hears nothing', async () => {
    const { child, state } = await parked()
    await runInDurableObject(stubOf(child.share), (_, { storage }) => {
      storage.sql.exec(`UPDATE parked SET call = json_set(call, '$.expiresAtMs', 1)`)
    })
    expect(await told(retry(child.share, state))).toMatchObject(REFUSED)
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test('of another principal is refused, and neither child hears of it', async () => {
    verifies('modern.input.state-sealed')
    const { child, state } = await parked()
    const token = await createClientToken(child.share)
    const answer = told(retry(child.share, state, { token }))
    // The other principal's child is made ready; it gets no answers and no call.
    expect(await Promise.all([answer, child.hasHeardNothing(token)])).toMatchObject([REFUSED, true])
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test.each([
    { what: 'other arguments', input: { arguments: { more: 1 } } },
    { what: 'another tool', name: 'b' },
  ])('for $what is refused, and the child hears nothing', async (more) => {
    const { child, state } = await parked()
    expect(await told(retry(child.share, state, more))).toMatchObject(REFUSED)
    expect(await child.hasHeardNothing()).toBe(true)
  })

  test('whose child has died is refused, and the next child hears nothing of it', async () => {
    const { child, call, state } = await parked()
    child.agent.send({ type: 'died', ch: call.header.ch, reason: 'exit', exitCode: 1 })
    const answer = told(retry(child.share, state))
    expect(await Promise.all([answer, child.hasHeardNothing()])).toMatchObject([REFUSED, true])
  })
})
