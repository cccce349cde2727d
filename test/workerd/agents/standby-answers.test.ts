/** What is answered while no agent is there, from what its server said before; and what is not. */
import { describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import * as bridged from '../harness/bridged-session.ts'
import { HandshakeChild, postModern } from '../harness/handshake-child.ts'
import { answerIn, CALL, INITIALIZED, keptNames, known, LIST, list, SERVER, staleSince, TOOLS, untilKept } from '../harness/kept-lists.ts'
import { createClientToken, createShare, factsOf, resetShare, TestClient, type TestShare } from '../harness/relay.ts'
import { bodyText, initialize, ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'

const firstPage = (cursor: string): string => `{"tools":[{"name":"first"}],"nextCursor":${JSON.stringify(cursor)}}`
const nextPage = (cursor: string): string =>
  `{"jsonrpc":"2.0","id":"b","method":"tools/list","params":{"cursor":${JSON.stringify(cursor)}}}`

/** A share whose agent has left, and a client that knows its tools. */
async function forsaken(): Promise<{ readonly share: TestShare; readonly client: TestClient }> {
  const { share, agent, client } = await known()
  await agent.leave()
  return { share, client }
}

describe('while no agent is there', () => {
  test('a list is answered as the server wrote it, and says since when nobody can tell', async () => {
    verifies('promise.4.kept-answers')
    const beforeMs = Date.now()
    const { client } = await forsaken()
    const text = await (await client.post(LIST)).text()
    expect(text).toContain('{"name":"t","inputSchema":{"type":"object","maximum":12345678901234567890}}')
    const answer: unknown = JSON.parse(text)
    expect(answer).toMatchObject({ jsonrpc: '2.0', id: 'a' })
    const sinceMs = Date.parse(staleSince(answer) ?? '')
    expect(sinceMs).toBeGreaterThanOrEqual(beforeMs)
    expect(sinceMs).toBeLessThanOrEqual(Date.now())
  })

  test('a client that takes events only gets the same as an event', async () => {
    const { client } = await forsaken()
    expect(await (await client.postForEvents(LIST)).text()).toContain('mcp-edge/stale')
  })

  test('ping is answered', async () => {
    verifies('promise.4.kept-answers')
    const { client } = await forsaken()
    const answer = await (await client.post('{"jsonrpc":"2.0","id":1,"method":"ping"}')).json()
    expect(staleSince(answer)).toBeDefined()
  })

  test('it stays so after the Share was reset', async () => {
    const { share, client } = await forsaken()
    await resetShare(share)
    expect(staleSince(await (await client.post(LIST)).json())).toBeDefined()
  })

  test('a new client can begin, and its server hears of it when there is one', async () => {
    verifies('promise.4.kept-answers')
    const { share } = await forsaken()
    const client = new TestClient(share)
    const response = await client.initialize()
    expect(response.status).toBe(200)
    const answer = await response.json()
    expect(answer).toMatchObject({ id: 0, result: { serverInfo: { name: 's' }, protocolVersion: '2025-11-25' } })
    expect(staleSince(answer)).toBeDefined()
    expect((await client.post(INITIALIZED)).status).toBe(202)
    expect(staleSince(await (await client.post(LIST)).json())).toBeDefined()
    const called = client.post(CALL)
    const back = await ScriptedAgent.connect(share, { instance: 'two' })
    expect((await back.expect('open')).header.ch).toContain(client.session)
    const handshake = await back.expect('call')
    expect(JSON.parse(bodyText(handshake))).toMatchObject({ method: 'initialize', params: { clientInfo: { name: 't' } } })
    expect((await back.expect('notify')).header.method).toBe('notifications/initialized')
    const { header } = await back.expect('call')
    back.answer(handshake.header, '0', SERVER)
    back.answer(header, '7', '{"content":[]}')
    expect(await (await called).json()).toMatchObject({ id: 7, result: { content: [] } })
  })

  test('a new client is told no later revision than the server has agreed to', async () => {
    verifies('lifecycle.version.other')
    const { share } = await forsaken()
    const begun = async (revision: string): Promise<unknown> => {
      const params = `{"protocolVersion":"${revision}","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`
      return (await new TestClient(share).post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":${params}}`)).json()
    }
    expect(await begun('2025-03-26')).toMatchObject({ result: { protocolVersion: '2025-03-26' } })
    expect(await begun('2099-01-01')).toMatchObject({ result: { protocolVersion: '2025-11-25' } })
  })

  test('with one child for all, every client gets its list', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const client = new TestClient(share)
    const response = client.initialize()
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '1', SERVER)
    await agent.expect('notify')
    await response
    await list(agent, client)
    await untilKept(share, 2)
    await agent.leave()
    const stranger = new TestClient(share, await createClientToken(share))
    expect(staleSince(await (await stranger.initialize()).json())).toBeDefined()
    expect(await (await stranger.post(LIST)).json()).toMatchObject({ result: { tools: [{ name: 't' }] } })
  })

  test('with one child for all that is told who calls, a list is for whoever asked for it', async () => {
    verifies('promise.1.audience')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share', wantsPrincipal: true })
    const client = new TestClient(share)
    const response = client.initialize()
    await agent.expect('open')
    agent.answer((await agent.expect('call')).header, '1', SERVER)
    await agent.expect('notify')
    await response
    await list(agent, client)
    await untilKept(share, 2)
    await agent.leave()
    const [same, stranger] = [new TestClient(share), new TestClient(share, await createClientToken(share))]
    for (const one of [same, stranger]) expect(staleSince(await (await one.initialize()).json())).toBeDefined()
    expect(await (await same.post(LIST)).json()).toMatchObject({ result: { tools: [{ name: 't' }] } })
    const waiting = stranger.post(LIST)
    const back = await ScriptedAgent.connect(share, { isolation: 'share', wantsPrincipal: true, instance: 'two' })
    while (true) {
      const { header } = await back.next()
      if (header.type !== 'call') continue
      back.answer(header, header.method === 'initialize' ? '1' : '"a"', header.method === 'initialize' ? SERVER : '{"tools":[]}')
      if (header.method === 'tools/list') break
    }
    expect(staleSince(await answerIn(waiting))).toBeUndefined()
  })

  test('a client over HTTP+SSE begins and lists on its stream', async () => {
    const { share } = await forsaken()
    const client = await SseClient.connect(share)
    await client.post(
      '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
    )
    const begun: unknown = JSON.parse((await client.events.next()) ?? '')
    expect(begun).toMatchObject({ id: 1, result: { protocolVersion: '2024-11-05', serverInfo: { name: 's' } } })
    await client.post('{"jsonrpc":"2.0","id":2,"method":"tools/list"}')
    const listed: unknown = JSON.parse((await client.events.next()) ?? '')
    expect(listed).toMatchObject({ id: 2, result: { tools: [{ name: 't' }] } })
    expect([staleSince(begun), staleSince(listed)]).not.toContain(undefined)
    await client.events.cancel()
  })
})

test('what a client over HTTP+SSE is told is kept for others of its kind', async () => {
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const client = await SseClient.connect(share)
  await client.initialize()
  await agent.expect('open')
  agent.answer((await agent.expect('call')).header, '0', SERVER)
  await client.next()
  await client.post(LIST)
  agent.answer((await agent.expect('call')).header, '"a"', TOOLS)
  expect(await client.next()).toMatchObject({ id: 'a', result: { tools: [{ name: 't' }] } })
  await untilKept(share, 2)
  await client.events.cancel()
  await agent.leave()
  const other = new TestClient(share)
  await other.initialize()
  expect(staleSince(await (await other.post(LIST)).json())).toBeDefined()
})

describe('what is kept', () => {
  test('is written when it is new, and never again while it is the same', async () => {
    const { share, agent, client } = await known()
    const before = (await factsOf(share)).counters
    for (let times = 0; times < 20; times++) await list(agent, client)
    const after = (await factsOf(share)).counters
    expect(after).toMatchObject({ incarnation: before.incarnation, total_changes: before.total_changes })
  })

  test('is what the server said last', async () => {
    const { share, agent, client } = await known()
    const before = (await factsOf(share)).counters.total_changes
    await list(agent, client, '{"tools":[{"name":"newer","inputSchema":{"type":"object"}}]}')
    while ((await factsOf(share)).counters.total_changes === before);
    await agent.leave()
    expect(await (await client.post(LIST)).json()).toMatchObject({ result: { tools: [{ name: 'newer' }] } })
  })

  test.each(['to "2"', ''])('is every page of a list, also of one with the cursor %j, when all of them are kept', async (cursor) => {
    const { share, agent, client, ch } = await known()
    const [first, second] = [firstPage(cursor), nextPage(cursor)]
    const before = (await factsOf(share)).counters.total_changes
    await list(agent, client, first)
    while ((await factsOf(share)).counters.total_changes === before);
    await agent.leave()
    const early = client.post(LIST)
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent))
    back.answer((await back.expect('call')).header, '"a"', first)
    expect(staleSince(await answerIn(early))).toBeUndefined()
    const next = client.post(second)
    back.answer((await back.expect('call')).header, '"b"', '{"tools":[{"name":"second"}]}')
    await next
    await untilKept(share, 3)
    await back.leave()
    const pages = [await answerIn(client.post(LIST)), await answerIn(client.post(second))]
    expect(pages).toMatchObject([
      { result: { tools: [{ name: 'first' }], nextCursor: cursor } },
      { result: { tools: [{ name: 'second' }] } },
    ])
    expect(pages.every((page) => staleSince(page) !== undefined)).toBe(true)
  })

  test('is not a list of more than 1 MiB', async () => {
    const result = `{"tools":[{"name":"${'x'.repeat(1024 * 1024)}"}]}`
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share)
    const client = new TestClient(share)
    await initialize(agent, client, SERVER)
    const response = client.post(LIST)
    const { header } = await agent.expect('call')
    const body = new TextEncoder().encode(`{"jsonrpc":"2.0","id":"a","result":${result}}`)
    const first = body.subarray(0, 200_000)
    const { ch, n, at } = agent.number(header.ch, first.length)
    agent.send({ type: 'answer', ch, n, at, size: body.length, key: header.key, ra: header.ra, id: [22, 25], failed: false }, first)
    for (let offset = first.length; offset < body.length; offset += 200_000) {
      const part = body.subarray(offset, offset + 200_000)
      const last = offset + part.length === body.length ? ({ last: true } as const) : {}
      agent.send({ type: 'chunk', ch, n, at: agent.advance(ch, n, part.length), offset, ra: header.ra, ...last }, part)
    }
    expect((await (await response).arrayBuffer()).byteLength).toBe(body.length)
    // Whatever comes later is kept, and this was not.
    const prompts = client.post('{"jsonrpc":"2.0","id":"a","method":"prompts/list"}')
    agent.answer((await agent.expect('call')).header, '"a"', '{"prompts":[]}')
    await prompts
    await untilKept(share, 2)
    expect(await keptNames(share)).toEqual(['prompts/list', 'server'])
  })

  test('is no other principal’s to see, nor that of a client that can do other things or has another name', async () => {
    verifies('promise.1.sessions-apart', 'promise.1.audience')
    const { share, client } = await forsaken()
    const begun = async (capabilities: string, name: string): Promise<TestClient> => {
      const other = new TestClient(share)
      const params = `{"protocolVersion":"2025-11-25","capabilities":${capabilities},"clientInfo":{"name":"${name}","version":"1"}}`
      const response = await other.post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":${params}}`)
      other.session = response.headers.get('mcp-session-id') ?? undefined
      return other
    }
    const [capable, named] = [await begun('{"sampling":{}}', 't'), await begun('{}', 'other')]
    const stranger = new TestClient(share, await createClientToken(share))
    expect((await stranger.initialize()).status).toBe(200)
    // They wait for a server, each for its own.
    const waiting = [capable.post(LIST), named.post(LIST), stranger.post(LIST)]
    expect(staleSince(await (await client.post(LIST)).json())).toBeDefined()
    const back = await ScriptedAgent.connect(share, { instance: 'two' })
    const lists = new Set<string>()
    while (lists.size < 3) {
      const { header } = await back.next()
      if (header.type !== 'call') continue
      if (header.method === 'initialize') back.answer(header, '0', SERVER)
      else {
        lists.add(header.ch)
        back.answer(header, '"a"', '{"tools":[{"name":"fresh"}]}')
      }
    }
    for (const response of waiting) {
      const answer = await (await response).json()
      expect(answer).toMatchObject({ result: { tools: [{ name: 'fresh' }] } })
      expect(staleSince(answer)).toBeUndefined()
    }
  })
})

describe('while no agent is there, a client of 2026-07-28', () => {
  test('is answered by what a server of the handshake era said', async () => {
    const child = await HandshakeChild.connect()
    const heard = postModern(child.share, 'tools/list')
    expect(await child.hasHeardNothing()).toBe(true)
    expect((await heard).status).toBe(200)
    await untilKept(child.share, 3)
    await child.agent.leave()
    const discovered = await (await postModern(child.share, 'server/discover')).json()
    expect(discovered).toMatchObject({
      result: { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { prompts: {} } },
    })
    const listed = await (await postModern(child.share, 'tools/list', {}, { id: 9 })).json()
    expect(listed).toMatchObject({ id: 9, result: { resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools: [{ name: 'a' }] } })
    expect([staleSince(discovered), staleSince(listed)]).not.toContain(undefined)
  })

  test('is answered by what a server of its own era said, which is not to be cached for longer', async () => {
    verifies('promise.4.kept-answers')
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { era: 'modern' })
    const results = [bridged.SERVER, '{"resultType":"complete","tools":[{"name":"m"}],"ttlMs":60000,"cacheScope":"public"}']
    for (const [index, method] of ['server/discover', 'tools/list'].entries()) {
      const response = postModern(share, method)
      if (index === 0) await agent.expect('open')
      agent.answer((await agent.expect('call')).header, '1', results[index] ?? '')
      expect((await response).status).toBe(200)
    }
    await untilKept(share, 2)
    await agent.leave()
    const discovered = await (await postModern(share, 'server/discover', {}, { id: 4 })).json()
    expect(discovered).toMatchObject({ id: 4, result: { instructions: 'be kind' } })
    const listed = await (await postModern(share, 'tools/list')).json()
    expect(listed).toMatchObject({ result: { tools: [{ name: 'm' }], ttlMs: 0, cacheScope: 'public' } })
    expect([staleSince(discovered), staleSince(listed)]).not.toContain(undefined)
  })
})

test('while no agent is there, a session of a server of 2026-07-28 is answered in its own revision', async () => {
  const { share, agent, client } = await bridged.connected({ server: bridged.SERVER })
  const response = client.post(LIST)
  // The relay listens in the session's name.
  expect((await agent.expect('call')).header.method).toBe('subscriptions/listen')
  const { header } = await agent.expect('call')
  agent.answer(header, '3', '{"resultType":"complete","tools":[{"name":"m"}],"ttlMs":1,"cacheScope":"public"}')
  await response
  await untilKept(share, 2)
  await agent.leave()
  const listed: unknown = await (await client.post(LIST)).json()
  expect(listed).toMatchObject({ id: 'a', result: { tools: [{ name: 'm' }] } })
  expect(listed).not.toHaveProperty('result.ttlMs')
  expect(listed).not.toHaveProperty('result.resultType')
  const begun = await (await new TestClient(share).initialize()).json()
  expect(begun).toMatchObject({ result: { protocolVersion: '2025-11-25', instructions: 'be kind', serverInfo: { name: 'modern' } } })
  expect([staleSince(listed), staleSince(begun)]).not.toContain(undefined)
})
