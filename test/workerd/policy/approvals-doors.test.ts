/** Calls that wait for the owner, by every door and in every revision, on servers of either era, in the real runtime. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { narrowCredential } from '../../../protocol/narrowing/narrow.ts'
import { verifies } from '../../requirements/verifies.ts'
import { ASKS as ELICITING, ELICITS, GIVEN, initializeText, reply, type Told } from '../harness/bridged-session.ts'
import { runClockFaster } from '../harness/fast-clock.ts'
import { BigAnswer } from '../harness/big-answer.ts'
import { callTool } from '../harness/handshake-child.ts'
import { callText, heldCode, Owner, ToolServer } from '../harness/scenes/held-calls.ts'
import { PRIMED } from '../harness/left-stream.ts'
import { createShare, EventReader, TestClient, type TestShare } from '../harness/relay.ts'
import { SseClient } from '../harness/sse-client.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

async function heldOn(era: 'legacy' | 'modern') {
  const share = await createShare()
  const server = await ToolServer.connect(share, { era })
  const owner = new Owner(share)
  await owner.holds()
  return { share, server, owner }
}

function postHeld(share: TestShare, more: Parameters<typeof callTool>[2] = {}): Promise<Response> {
  return callTool(share, 'write_file', { input: { arguments: { path: '/a' } }, ...more })
}

async function sessionOf(share: TestShare, capabilities = '{}'): Promise<TestClient> {
  const client = new TestClient(share)
  const response = await client.post(initializeText(capabilities))
  client.session = response.headers.get('mcp-session-id') ?? undefined
  expect(response.status).toBe(200)
  return client
}

const ERAS = ['legacy', 'modern'] as const

describe.each(ERAS)('on a server of the %s era', (era) => {
  const DONE = era === 'modern' ? '{"resultType":"complete","content":[]}' : '{"content":[]}'

  test('a client of 2026-07-28 has its call held, and made once it is allowed', async () => {
    verifies('promise.11.held-doors')
    const { share, server, owner } = await heldOn(era)
    const response = postHeld(share)
    const approval = await owner.sole()
    expect(approval).toMatchObject({ tool: 'write_file', arguments: '{"path":"/a"}', client: null, session: null })
    expect(server.waiting).toBe(0)
    await owner.decide('allow', approval.id)
    await server.answerNext(DONE)
    expect(await (await response).json()).toMatchObject({ id: 1, result: { resultType: 'complete', content: [] } })
    expect(server.waiting).toBe(0)
  })

  test.each(['APPROVAL_DENIED', 'APPROVAL_PENDING'])('a client of 2026-07-28 is told %s as the result of its tool', async (code) => {
    verifies('promise.11.held-doors')
    const { share, server, owner } = await heldOn(era)
    if (code === 'APPROVAL_PENDING') runClockFaster(60)
    const response = postHeld(share)
    await (code === 'APPROVAL_DENIED' ? owner.decide('deny') : owner.sole())
    const text = await (await response).text()
    const told: unknown = JSON.parse(text.includes('data: ') ? (text.split('data: ').at(-1) ?? '') : text)
    expect(told).toMatchObject({ id: 1, result: { resultType: 'complete' } })
    expect(heldCode(told)).toBe(code)
    expect(server.waiting).toBe(0)
  })

  test('a session has its call held, and made once it is allowed', async () => {
    verifies('promise.11.held-doors')
    const { share, server, owner } = await heldOn(era)
    const client = await sessionOf(share)
    const response = client.post(callText(7))
    expect(await owner.sole()).toMatchObject({ tool: 'write_file', arguments: '{"path":"/a"}', client: 't 1' })
    expect(server.waiting).toBe(0)
    await owner.decide('allow')
    await server.answerNext(DONE)
    expect(await (await response).json()).toEqual({ jsonrpc: '2.0', id: 7, result: { content: [] } })
    expect(server.waiting).toBe(0)
  })

  test('a client of HTTP+SSE has its post taken at once, and hears on its stream what became of the call', async () => {
    verifies('promise.11.held-doors')
    const { share, server, owner } = await heldOn(era)
    const client = await SseClient.connect(share)
    await client.initialize()
    expect(await client.next()).toMatchObject({ id: 0, result: { protocolVersion: expect.any(String) } })
    await client.post(callText(7))
    await owner.decide('allow')
    await server.answerNext(DONE)
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 7, result: { content: [] } })
    await client.post(callText(8))
    await owner.decide('deny')
    const told = await client.next()
    expect(told).toMatchObject({ id: 8 })
    expect(heldCode(told)).toBe('APPROVAL_DENIED')
    await client.post(callText(9, {}, 'read_file'))
    await server.answerNext(DONE)
    expect(await client.next()).toMatchObject({ id: 9, result: { content: [] } })
    expect(server.waiting).toBe(0)
  })
})

test('of a batch those wait that are held, and the others do not', async () => {
  verifies('promise.11.held-doors')
  const { share, server, owner } = await heldOn('legacy')
  const client = await sessionOf(share)
  const headers = { 'mcp-protocol-version': '2025-03-26' }
  const response = await client.post(`[${callText(7)},${callText(8, {}, 'read_file')},${callText(9, { path: '/b' })}]`, headers)
  const events = new EventReader(response)
  await server.answerNext()
  expect(JSON.parse((await events.next()) ?? '{}')).toMatchObject({ id: 8 })
  const [first, second] = await owner.waiting(2)
  await owner.decide('deny', first?.id)
  await owner.decide('allow', second?.id)
  await server.answerNext()
  const told = [JSON.parse((await events.next()) ?? '{}'), JSON.parse((await events.next()) ?? '{}')] as { id: number }[]
  const codes = told.toSorted((a, b) => a.id - b.id).map(heldCode)
  expect(new Set(codes)).toEqual(new Set(['APPROVAL_DENIED', undefined]))
})

describe('a call that asks for input', () => {
  const ASKS = '{"resultType":"input_required","requestState":"s-1","inputRequests":{"who":{"method":"roots/list"}}}'
  const DONE = '{"resultType":"complete","content":[]}'

  test('is allowed with all its rounds, of a client and a server of 2026-07-28; what only looks like one is not', async () => {
    verifies('promise.11.held-rounds')
    const { share, server, owner } = await heldOn('modern')
    const retry = (state: string): Promise<Response> =>
      postHeld(share, { input: { arguments: { path: '/a' }, requestState: state, inputResponses: { who: { roots: [] } } } })
    const first = postHeld(share)
    await owner.decide('allow')
    await server.answerNext(ASKS)
    expect(await (await first).json()).toMatchObject({ result: { resultType: 'input_required', requestState: 's-1' } })
    const other = retry('s-2')
    await owner.decide('deny')
    expect(heldCode(await (await other).json())).toBe('APPROVAL_DENIED')
    const [denied] = (await owner.list()).decisions
    expect(await owner.forget(denied?.id ?? '')).toBe(204)
    const second = retry('s-1')
    await server.answerNext(ASKS.replace('s-1', 's-3'))
    expect(await (await second).json()).toMatchObject({ result: { requestState: 's-3' } })
    const third = retry('s-3')
    await server.answerNext(DONE)
    expect(await (await third).json()).toMatchObject({ result: { content: [] } })
    const replayed = retry('s-3')
    expect(await owner.sole()).toMatchObject({ tool: 'write_file' })
    await owner.decide('deny')
    await replayed
    expect(server.waiting).toBe(0)
  })

  test('is allowed with a round that was asked for in an answer of several frames', async () => {
    verifies('promise.11.held-rounds')
    const { share, server, owner } = await heldOn('modern')
    const first = postHeld(share)
    await owner.decide('allow')
    const { header, body } = await server.next()
    const { n } = server.agent.number(header.ch, 0)
    const id = new TextDecoder().decode(body).slice(...header.id)
    const asking = `${ASKS.slice(1, -1)},`.replace('s-1', 's-long')
    new BigAnswer(header, id, 2_500_000, n, asking).send(server.agent)
    expect(await (await first).text()).toContain('s-long')
    const input = { arguments: { path: '/a' }, requestState: 's-long', inputResponses: { who: { roots: [] } } }
    const second = postHeld(share, { input })
    await server.answerNext(DONE)
    expect(await (await second).json()).toMatchObject({ result: { content: [] } })
  })

  test('is not allowed by what was allowed of one without input: its owner is shown what it brings', async () => {
    verifies('promise.11.held-bound', 'promise.11.held-rounds')
    const { share, server, owner } = await heldOn('modern')
    runClockFaster(60)
    const late = postHeld(share)
    const { id } = await owner.sole()
    expect(await (await late).text()).toContain('APPROVAL_PENDING')
    vi.restoreAllMocks()
    await owner.decide('allow', id)
    const input = { arguments: { path: '/a' }, requestState: 's', inputResponses: { who: { action: 'accept', content: { all: true } } } }
    const brought = postHeld(share, { input })
    const approval = await owner.sole()
    expect(JSON.parse(approval.other_params ?? '')).toEqual({ requestState: 's', inputResponses: input.inputResponses })
    await owner.decide('deny', approval.id)
    expect(heldCode(await (await brought).json())).toBe('APPROVAL_DENIED')
    expect(server.waiting).toBe(0)
    const allowed = postHeld(share)
    await server.answerNext(DONE)
    expect(await (await allowed).json()).toMatchObject({ result: { content: [] } })
  })

  test('is allowed with all its rounds, of a session on a server of 2026-07-28', async () => {
    verifies('promise.11.held-rounds')
    const { share, server, owner } = await heldOn('modern')
    const client = await sessionOf(share, ELICITS)
    const response = client.post(callText(7))
    await owner.decide('allow')
    await server.answerNext(ELICITING)
    const events = new EventReader(await response)
    const question = JSON.parse((await events.next()) ?? '{}') as Told
    expect((await client.post(reply(question.id, GIVEN))).status).toBe(202)
    await server.answerNext(DONE)
    expect(JSON.parse((await events.next()) ?? '{}')).toMatchObject({ id: 7, result: { content: [] } })
    expect(await owner.list()).toEqual({ approvals: [], decisions: [] })
  })

  test('is not made again for a session that comes back when the agent has forgotten how it ended', async () => {
    verifies('promise.11.held-rounds', 'promise.11.held-once')
    const { share, server, owner } = await heldOn('modern')
    const client = await sessionOf(share, ELICITS)
    const response = client.post(callText(7), PRIMED)
    await owner.decide('allow')
    await server.answerNext(ELICITING)
    const events = new EventReader(await response)
    const id = await events.nextId()
    const question = JSON.parse((await events.next()) ?? '{}') as Told
    expect((await client.post(reply(question.id, GIVEN))).status).toBe(202)
    await server.answerNext(DONE)
    expect(JSON.parse((await events.next()) ?? '{}')).toMatchObject({ id: 7, result: { content: [] } })
    server.hasForgotten = true
    const again = new EventReader(await client.resume(id))
    const asked = JSON.parse((await again.next()) ?? '{}') as Told
    expect((await client.post(reply(asked.id, GIVEN))).status).toBe(202)
    const told = await Promise.race([again.next(), server.came.then(() => 'it was made again')])
    expect(told).toContain('INPUT_LOST')
    expect(server.waiting).toBe(0)
  })

  test('is allowed with all its rounds, of a client of 2026-07-28 on a server of the handshake era', async () => {
    verifies('promise.11.held-rounds')
    const { share, server, owner } = await heldOn('legacy')
    const first = postHeld(share)
    await owner.decide('allow')
    const frame = await server.next()
    server.elicit(frame.header, '"q"')
    const { result }: { result: { requestState: string } } = await (await first).json()
    const { requestState } = result
    const second = postHeld(share, {
      input: { arguments: { path: '/a' }, requestState, inputResponses: { 'ask-1': { action: 'decline' } } },
    })
    const again = await server.next()
    expect(again.header.key).toBe(frame.header.key)
    server.answer(frame)
    expect(await (await second).json()).toMatchObject({ result: { content: [] } })
    expect(await owner.list()).toEqual({ approvals: [], decisions: [] })
  })
})

describe('what cannot be shown', () => {
  test.each([
    ['arguments in which a key stands twice', callText(7, '{"a":1,"a":2}'), 'two ways'],
    ['arguments in which a key stands twice deep down', callText(7, '{"x":[{"a":1,"\\u0061":2}]}'), 'two ways'],
    ['half a character', callText(7, '{"a":"\\ud800"}'), 'two ways'],
    ['arguments of more than 256 KiB', callText(7, { text: 'a'.repeat(256 * 1024) }), '256 KiB'],
  ])('is refused: %s', async (_, text, detail) => {
    verifies('promise.11.held-shown')
    const { share, server, owner } = await heldOn('legacy')
    const client = await sessionOf(share)
    const told: unknown = await (await client.post(text)).json()
    const data = { code: 'APPROVAL_UNREADABLE', executed: 'no', detail: expect.stringContaining(detail) }
    expect(told).toMatchObject({ id: 7, error: { code: -32000, data } })
    expect(server.waiting).toBe(0)
    expect((await owner.list()).approvals).toEqual([])
  })

  test('is refused: a tool that its server lists in two ways', async () => {
    verifies('promise.11.held-shown')
    const { share, server } = await heldOn('legacy')
    server.tools = '{"tools":[{"name":"write_file","description":"a","description":"b"}]}'
    const client = await sessionOf(share)
    expect(await (await client.post(callText(7))).json()).toMatchObject({ error: { data: { code: 'APPROVAL_UNREADABLE' } } })
  })

  test('is not 256 KiB of arguments, of which the owner sees each byte', async () => {
    const { share, server, owner } = await heldOn('legacy')
    const client = await sessionOf(share)
    const text = 'a'.repeat(256 * 1024 - '{"text":""}'.length)
    const response = client.post(callText(7, { text }))
    expect((await owner.sole()).arguments).toBe(JSON.stringify({ text }))
    await owner.decide('allow')
    await server.answerNext()
    expect((await response).status).toBe(200)
  })
})

test('a link that its holder has narrowed with hold has its calls held too', async () => {
  verifies('promise.11.narrowed')
  const { share, server } = await heldOn('legacy')
  const owner = new Owner(share)
  await owner.holds({})
  const narrowed = await narrowCredential(share.clientToken, { policy: { hold: ['read_*'] } }, crypto.getRandomValues(new Uint8Array(16)))
  if (!narrowed.ok) throw new Error(narrowed.error)
  const response = callTool(share, 'read_file', { token: narrowed.value })
  expect(await owner.sole()).toMatchObject({ tool: 'read_file', arguments: '{}' })
  await owner.decide('allow')
  await server.answerNext()
  expect(await (await response).json()).toMatchObject({ result: { content: [] } })
})
