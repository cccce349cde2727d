/** What a child of the handshake era asks of modern clients: whose ask it is, how it is parked, and what runs beside it. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { TURN_WAIT_MS, UNDECIDED_ASK_MS } from '../../../worker/asking-limits.ts'
import { PARKED_MS } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { asked, callTool, HandshakeChild, told } from '../harness/handshake-child.ts'
import { heldTimers } from '../harness/held-timers.ts'
import { resetShare, stubOf } from '../harness/relay.ts'
import { bodyText, ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'
import { INPUT, type CallFrame, expectCall, parked, retry } from '../harness/parked-call.ts'

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

afterEach(() => {
  vi.restoreAllMocks()
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
