/** Calls of tools that only read, on a share whose agents were started with --spread: they go to all, and come back as one answer. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Call } from '../../../protocol/frame.ts'
import type { Hello } from '../../../protocol/handshake.ts'
import { SPREAD_ANSWER_MS } from '../../../worker/routing-limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { postModern } from '../harness/handshake-child.ts'
import { heldTimers } from '../harness/held-timers.ts'
import { askAsOwner, createShare, factsOf, TestClient, type TestShare } from '../harness/relay.ts'
import { BARE_SERVER, bodyText, initialize, ScriptedAgent, takeOver } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'
import { callOf } from '../harness/tool-calls.ts'

const TOOLS =
  '{"tools":[{"name":"status","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},' +
  '{"name":"typed","inputSchema":{"type":"object"},"outputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},' +
  '{"name":"write","inputSchema":{"type":"object"}}]}'

const said = (text: string, more = ''): string => `{"content":[{"type":"text","text":"${text}"}]${more}}`
const line = (text: string): object => ({ type: 'text', text })

afterEach(() => {
  vi.restoreAllMocks()
})

interface Scene {
  readonly share: TestShare
  readonly a: ScriptedAgent
  readonly b: ScriptedAgent
}

/** A share with two agents that spread. */
async function scene(hello: Partial<Omit<Hello, 'type'>> = {}): Promise<Scene> {
  const share = await createShare()
  const a = await ScriptedAgent.connect(share, { agent: 'a', spreads: true, ...hello })
  const b = await ScriptedAgent.connect(share, { agent: 'b', join: 'replica', spreads: true, ...hello })
  return { share, a, b }
}

/** The same with a session on the first agent. */
async function session(): Promise<Scene & { readonly client: TestClient }> {
  const agents = await scene()
  const client = new TestClient(agents.share)
  await initialize(agents.a, client)
  return { ...agents, client }
}

/** Has an agent list the tools, as the relay asks it; returns the call that comes behind. */
async function listing(agent: ScriptedAgent): Promise<Call> {
  const list = await agent.expect('call')
  expect(list.header.method).toBe('tools/list')
  agent.answer(list.header, bodyText(list).slice(...list.header.id), TOOLS)
  return (await agent.expect('call')).header
}

describe('a call of a tool that only reads', () => {
  test('goes to all agents at once, and its answer has what each says behind its name, as it was sent', async () => {
    verifies('promise.spread.all', 'promise.spread.as-sent')
    const { a, b, client } = await session()
    const response = client.post(callOf(7, 'status'))
    const own = await listing(a)
    const beside = await takeOver(b)
    expect([own.method, beside.method]).toEqual(['tools/call', 'tools/call'])
    b.answer(beside, '1', said('from b', ',"structuredContent":{"n":12345678901234567890}'))
    a.answer(own, '7', said('from a', ',"structuredContent":{"n":1.0}'))
    const text = await (await response).text()
    expect(JSON.parse(text)).toMatchObject({ id: 7, result: { content: [line('a'), line('from a'), line('b'), line('from b')] } })
    expect(text).toContain('"structuredContent":{"a":{"n":1.0},"b":{"n":12345678901234567890}}')
  })

  test('lists its tools once, and finds the children of the call before', async () => {
    verifies('promise.spread.child')
    const { a, b, client } = await session()
    for (const id of [7, 8]) {
      const response = client.post(callOf(id, 'status'))
      const own = id === 7 ? await listing(a) : (await a.expect('call')).header
      const beside = id === 7 ? await takeOver(b) : (await b.expect('call')).header
      a.answer(own, String(id), said('a'))
      b.answer(beside, id === 7 ? '1' : '2', said('b'))
      expect((await response).status).toBe(200)
    }
    void client.leave()
    expect((await b.expect('close')).header.ch).toContain('~@')
  })

  test('goes on where an agent fails, is lost or has another answer, which has a line of its own', async () => {
    verifies('promise.spread.failures')
    const { share, a, b, client } = await session()
    const c = await ScriptedAgent.connect(share, { agent: 'c', join: 'replica', spreads: true })
    const first = client.post(callOf(7, 'status'))
    const own = await listing(a)
    b.fail(await takeOver(b), 'CHILD_DIED', 'unknown')
    c.refuse(await takeOver(c), '1', 'no such thing')
    a.answer(own, '7', said('from a'))
    const { result } = await (await first).json<{ result: { content: unknown[]; isError?: boolean } }>()
    expect(result.content).toEqual([
      line('a'),
      line('from a'),
      line(expect.stringMatching(/^b: CHILD_DIED\./) as string),
      line('c: no such thing'),
    ])
    expect(result).not.toHaveProperty('isError')
    const second = client.post(callOf(8, 'status'))
    const again = (await a.expect('call')).header
    await b.leave(4005)
    c.answer((await c.expect('call')).header, '2', said('broken', ',"isError":true'))
    a.fail(again, 'CHILD_START_FAILED', 'no')
    const text = await (await second).text()
    expect(text).toContain('a: CHILD_START_FAILED.')
    expect(text).toMatch(/b: AGENT_(?:AWAY|LOST)\./)
    expect(text).toContain('c: the tool has failed')
    expect(JSON.parse(text)).toMatchObject({ result: { isError: true } })
  })

  test('waits for none longer than its time', async () => {
    verifies('promise.spread.failures')
    const { a, b, client } = await session()
    const held = heldTimers(SPREAD_ANSWER_MS)
    const response = client.post(callOf(7, 'status'))
    a.answer(await listing(a), '7', said('from a'))
    await takeOver(b)
    held.end()
    expect(await (await response).json()).toMatchObject({
      result: { content: [line('a'), line('from a'), line('b: no answer within 30 s')] },
    })
  })

  test('whose tool lists a form for its answer keeps to that, and has the others beside', async () => {
    verifies('promise.spread.as-sent')
    const { a, b, client } = await session()
    const response = client.post(callOf(7, 'typed'))
    const own = await listing(a)
    b.answer(await takeOver(b), '1', said('from b', ',"structuredContent":{"by":"b"}'))
    a.answer(own, '7', said('from a', ',"structuredContent":{"by":"a"}'))
    expect(await (await response).json()).toMatchObject({
      result: { structuredContent: { by: 'a' }, _meta: { 'mcp-edge/agents': { a: { by: 'a' }, b: { by: 'b' } } } },
    })
  })

  test('is cancelled on all of them', async () => {
    verifies('promise.spread.cancel')
    const { a, b, client } = await session()
    const response = client.post(callOf(7, 'status'))
    const own = await listing(a)
    const beside = await takeOver(b)
    const cancelled = client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}')
    const { header } = await a.expect('notify')
    a.send({ type: 'receipts', keys: [header.key] })
    a.fail(own, 'CANCELLED', 'unknown')
    expect((await b.expect('notify')).header).toMatchObject({ ch: beside.ch, cancels: beside.tag })
    expect((await cancelled).status).toBe(202)
    expect(await (await response).json()).toMatchObject({ error: { data: { code: 'CANCELLED' } } })
  })

  test('over HTTP+SSE is one too', async () => {
    verifies('promise.spread.all')
    const { share, a, b } = await scene()
    const client = await SseClient.connect(share)
    await client.initialize()
    await a.expect('open')
    a.answer((await a.expect('call')).header, '0', BARE_SERVER)
    await client.next()
    await client.post(callOf(7, 'status'))
    const own = await listing(a)
    b.answer(await takeOver(b), '1', said('from b'))
    a.answer(own, '7', said('from a'))
    expect(await client.next()).toMatchObject({ id: 7, result: { content: [line('a'), line('from a'), line('b'), line('from b')] } })
  })

  test('where one process serves all, is answered by that of each agent, which stays when a session ends', async () => {
    verifies('promise.spread.child')
    const { share, a, b } = await scene({ isolation: 'share' })
    for (const id of [7, 8]) {
      const client = new TestClient(share)
      const begun = client.initialize()
      if (id === 7) {
        await a.expect('open')
        a.answer((await a.expect('call')).header, '0', BARE_SERVER)
        await a.expect('notify')
      }
      await begun
      const response = client.post(callOf(id, 'status'))
      const list = await a.expect('call')
      a.answer(list.header, bodyText(list).slice(...list.header.id), TOOLS)
      const own = await a.expect('call')
      const beside = id === 7 ? await takeOver(b) : (await b.expect('call')).header
      b.answer(beside, String(id - 6), said('from b'))
      a.answer(own.header, bodyText(own).slice(...own.header.id), said('from a'))
      expect(await (await response).json()).toMatchObject({
        id,
        result: { content: [line('a'), line('from a'), line('b'), line('from b')] },
      })
      await client.leave()
    }
    expect(b.waiting).toEqual([])
  })

  test('counts as one call', async () => {
    verifies('promise.spread.one')
    const { share, a, b, client } = await session()
    expect((await askAsOwner('PATCH', `/api/shares/${share.id}`, { limits: { calls: '1/hour' } })).status).toBe(200)
    const response = client.post(callOf(7, 'status'))
    const own = await listing(a)
    b.answer(await takeOver(b), '1', said('b'))
    a.answer(own, '7', said('a'))
    expect((await response).status).toBe(200)
    expect((await client.post(callOf(8, 'status'))).status).toBe(429)
    const { events } = await (
      await askAsOwner('GET', `/api/shares/${share.id}/audit`)
    ).json<{ events: { tool?: string; outcome: string }[] }>()
    expect(events.filter(({ tool }) => tool === 'status').map(({ outcome }) => outcome)).toEqual(['ok', 'RATE_LIMIT_EXCEEDED'])
  })

  test.each([
    ['without sessions, on servers of their revision', 'modern'],
    ['without sessions, on servers of the handshake era', 'legacy'],
  ] as const)('of clients %s', async (_what, era) => {
    verifies('promise.spread.all')
    const { share, a, b } = await scene({ era })
    const response = postModern(share, 'tools/call', { name: 'status', arguments: {} })
    const more = era === 'modern' ? ',"resultType":"complete"' : ''
    await a.expect('open')
    if (era === 'legacy') {
      a.answer((await a.expect('call')).header, '0', BARE_SERVER)
      await a.expect('notify')
    }
    const list = await a.expect('call')
    a.answer(list.header, bodyText(list).slice(...list.header.id), TOOLS.replace(/}$/, `${more}}`))
    const own = await a.expect('call')
    await b.expect('open')
    if (era === 'legacy') {
      b.answer((await b.expect('call')).header, '0', BARE_SERVER)
      await b.expect('notify')
    }
    const beside = await b.expect('call')
    b.answer(beside.header, bodyText(beside).slice(...beside.header.id), said('from b', more))
    a.answer(own.header, bodyText(own).slice(...own.header.id), said('from a', more))
    const text = await (await response).text()
    expect(JSON.parse(text)).toMatchObject({
      id: 1,
      result: { resultType: 'complete', content: [line('a'), line('from a'), line('b'), line('from b')] },
    })
  })
})

test.each([
  ['a tool that may write', 'write', true],
  ['a tool that is not listed', 'unlisted', true],
  ['a share with one agent that spreads', 'status', false],
])('a call of %s goes to one agent', async (_what, tool, spreads) => {
  verifies('promise.spread.only-reads')
  const share = await createShare()
  const a = await ScriptedAgent.connect(share, { agent: 'a', spreads: true })
  const b = await ScriptedAgent.connect(share, { agent: 'b', join: 'replica', ...(spreads ? { spreads: true } : {}) })
  const client = new TestClient(share)
  await initialize(a, client)
  const response = client.post(callOf(7, tool))
  const own = spreads ? await listing(a) : (await a.expect('call')).header
  a.answer(own, '7', said('from a'))
  expect(await (await response).json()).toMatchObject({ result: { content: [line('from a')] } })
  await factsOf(share)
  expect(b.waiting).toEqual([])
})

const OTHER_TOOLS = '{"tools":[{"name":"status","inputSchema":{"type":"object"},"annotations":{"destructiveHint":true}}]}'

/** The same share for a client that may only read. */
async function readerOf(share: TestShare): Promise<TestShare> {
  const made = await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'client', policy: { access: 'read' } })
  const { token } = await made.json<{ token: string }>()
  return { ...share, clientToken: token }
}

describe('a call of a client that may only read', () => {
  test.each([
    ['runs on another agent once that has listed it as a tool that only reads', TOOLS, [line('b'), line('from b')]],
    [
      'never runs on another agent that lists it as one that does more',
      OTHER_TOOLS,
      [line(expect.stringMatching(/^b: NOT_OFFERED\./) as string)],
    ],
    ['never runs on another agent that does not list it', '{"tools":[]}', [line(expect.stringMatching(/^b: NOT_OFFERED\./) as string)]],
  ])('%s', async (_what, tools, told) => {
    verifies('promise.spread.judged')
    const { share, a, b } = await scene()
    const client = new TestClient(await readerOf(share))
    await initialize(a, client)
    for (const id of [7, 8]) {
      const response = client.post(callOf(id, 'status'))
      const own = id === 7 ? await listing(a) : (await a.expect('call')).header
      if (id === 7) {
        const list = await takeOver(b)
        expect(list.method).toBe('tools/list')
        b.answer(list, '1', tools)
      }
      if (told.length > 1) {
        const beside = await b.expect('call')
        expect(beside.header.method).toBe('tools/call')
        b.answer(beside.header, bodyText(beside).slice(...beside.header.id), said('from b'))
      }
      a.answer(own, String(id), said('from a'))
      expect(await (await response).json()).toMatchObject({ id, result: { content: [line('a'), line('from a'), ...told] } })
    }
    expect(b.waiting).toEqual([])
  })

  test('is judged anew where another agent says that its tools have changed', async () => {
    verifies('promise.spread.judged')
    const { share, a, b } = await scene()
    const client = new TestClient(await readerOf(share))
    await initialize(a, client)
    const first = client.post(callOf(7, 'status'))
    const own = await listing(a)
    const list = await takeOver(b)
    b.answer(list, '1', TOOLS)
    const beside = await b.expect('call')
    b.answer(beside.header, bodyText(beside).slice(...beside.header.id), said('from b'))
    a.answer(own, '7', said('from a'))
    await first
    b.notify(list.ch, '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}', {})
    await factsOf(share)
    const second = client.post(callOf(8, 'status'))
    const again = await b.expect('call')
    expect(again.header.method).toBe('tools/list')
    b.answer(again.header, bodyText(again).slice(...again.header.id), OTHER_TOOLS)
    a.answer((await a.expect('call')).header, '8', said('from a'))
    const text = await (await second).text()
    expect(text).toContain('b: NOT_OFFERED.')
    expect(b.waiting).toEqual([])
  })

  test.each(['modern', 'legacy'] as const)('is judged on each agent without sessions, on servers of the %s era', async (era) => {
    verifies('promise.spread.judged')
    const { share, a, b } = await scene({ era })
    const response = postModern(await readerOf(share), 'tools/call', { name: 'status', arguments: {} })
    const more = era === 'modern' ? ',"resultType":"complete"' : ''
    for (const [agent, tools] of [
      [a, TOOLS],
      [b, OTHER_TOOLS],
    ] as const) {
      await agent.expect('open')
      if (era === 'legacy') {
        agent.answer((await agent.expect('call')).header, '0', BARE_SERVER)
        await agent.expect('notify')
      }
      const list = await agent.expect('call')
      expect(list.header.method).toBe('tools/list')
      agent.answer(list.header, bodyText(list).slice(...list.header.id), tools.replace(/}$/, `${more}}`))
    }
    const own = await a.expect('call')
    a.answer(own.header, bodyText(own).slice(...own.header.id), said('from a', more))
    const text = await (await response).text()
    expect(text).toContain('from a')
    expect(text).toContain('b: NOT_OFFERED.')
    expect(b.waiting).toEqual([])
  })
})
