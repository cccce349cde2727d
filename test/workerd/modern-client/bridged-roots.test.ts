/** Roots that a child of the handshake era asks of modern clients: asked once for the group, and never made up. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ROOTS_IN_LIST_MS } from '../../../worker/asking-limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { type Asked, asked, callTool, HandshakeChild, postModern, told } from '../harness/handshake-child.ts'
import { heldTimers } from '../harness/held-timers.ts'
import { stubOf, type TestShare } from '../harness/relay.ts'
import { bodyText } from '../harness/scripted-agent.ts'
import { INPUT, type CallFrame } from '../harness/parked-call.ts'

afterEach(() => {
  vi.restoreAllMocks()
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
