/** Tasks of the handshake era (MCP 2025-11-25) in the real runtime: whose each is, which session's child is asked, and what is written for it. */
import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { LEFT_SESSION_MS, MAX_TASKS_OF_PRINCIPAL } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { LANES, connectAll, nextOf, seat } from '../harness/all-lanes.ts'
import {
  createClientToken,
  createShare,
  EventReader,
  factsOf,
  linkIdOf,
  passOf,
  resetShare,
  stubOf,
  TestClient,
  type TestShare,
} from '../harness/relay.ts'
import { BARE_SERVER, bodyText, connected, initialize, ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'
import { SseClient } from '../harness/sse-client.ts'

const NOT_FOUND = { error: { code: -32602, data: { code: 'TASK_NOT_FOUND' } } }
const status = (task: string): string => `{"taskId":"${task}","status":"working","createdAt":"x","lastUpdatedAt":"x","ttl":60000}`

afterEach(() => {
  vi.restoreAllMocks()
})

interface Poster {
  post(body: string): Promise<Response>
}

function request(client: Poster, id: number, method: string, params: object): Promise<Response> {
  return client.post(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
}

async function told(response: Promise<Response>): Promise<Record<string, unknown>> {
  return (await response).json()
}

/** Has a task begun under this id; returns the channel of its process. */
async function begin(agent: ScriptedAgent, client: Poster, task: string): Promise<string> {
  const response = request(client, 7, 'tools/call', { name: 't', arguments: {}, task: { ttl: 60_000 } })
  const { header } = await agent.expect('call')
  expect(header.mayBeginTask).toBe(true)
  agent.answer(header, '7', `{"task":${status(task)}}`)
  expect(await told(response)).toMatchObject({ id: 7, result: { task: { taskId: task } } })
  return header.ch
}

/** A request that names a task, as the agent gets it; it is answered there. */
async function asked(agent: ScriptedAgent, client: Poster, method: string, task: string) {
  const response = request(client, 8, method, { taskId: task })
  const frame = await agent.expect('call')
  const { header, body } = frame
  agent.answer(header, new TextDecoder().decode(body.subarray(...header.id)), status(task))
  return { ch: header.ch, sent: bodyText(frame), answer: await told(response) }
}

/** Another session of the share's first token, or of another. */
async function another(agent: ScriptedAgent, share: TestShare, token = share.clientToken): Promise<TestClient> {
  const client = new TestClient(share, token)
  await initialize(agent, client)
  return client
}

function bind(share: TestShare, policy: string): Promise<unknown> {
  return stubOf(share).admin({ op: 'share_changed', trust: { version: 2, expiresAtMs: 4e12, isPaused: false, policy } })
}

describe('a task', () => {
  test('is one row when it is begun, and none when it is asked for', async () => {
    verifies('promise.13.one-row')
    const { share, agent, client } = await connected()
    const changes = async (): Promise<number> => (await factsOf(share)).counters.total_changes
    const before = await changes()
    await begin(agent, client, 'one')
    expect(await changes()).toBe(before + 1)
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel'])
      expect((await asked(agent, client, method, 'one')).answer).toMatchObject({ id: 8, result: { taskId: 'one' } })
    expect(await changes()).toBe(before + 1)
  })

  test('does not exist for another principal, and no server is asked for it', async () => {
    verifies('promise.13.owner')
    const { share, agent, client } = await connected()
    await begin(agent, client, 'one')
    const stranger = await another(agent, share, await createClientToken(share))
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/other'])
      expect(await told(request(stranger, 3, method, { taskId: 'one' }))).toMatchObject({ id: 3, ...NOT_FOUND })
    // Some servers would read the last as the first.
    for (const taskId of ['x'.repeat(5_000), 1, ['one']])
      expect(await told(request(stranger, 3, 'tasks/get', { taskId }))).toMatchObject(NOT_FOUND)
    expect(agent.waiting).toEqual([])
  })

  test('is asked for in the session that has begun it, under an id of its own, from whichever of its principal’s', async () => {
    verifies('promise.13.process')
    const { share, agent, client, ch } = await connected()
    await begin(agent, client, 'one')
    const other = await another(agent, share)
    // The first session's client uses the same id, and its child keeps ids.
    const running = request(client, 8, 'tools/call', { name: 't', arguments: {} })
    const { header } = await agent.expect('call')
    const { ch: askedOn, sent, answer } = await asked(agent, other, 'tasks/result', 'one')
    expect(askedOn).toBe(ch)
    expect(sent).not.toContain('"id":8')
    expect(answer).toMatchObject({ id: 8, result: { taskId: 'one' } })
    agent.answer(header, '8', '{"content":[]}')
    expect(await told(running)).toMatchObject({ id: 8, result: { content: [] } })
  })

  test('whose result is waited for from another session can be cancelled there, by the id that its client knows', async () => {
    verifies('promise.13.process')
    const { share, agent, client, ch } = await connected()
    await begin(agent, client, 'one')
    const other = await another(agent, share)
    const waiting = request(other, 8, 'tasks/result', { taskId: 'one' })
    const { header, body } = await agent.expect('call')
    const renamed: unknown = JSON.parse(new TextDecoder().decode(body.subarray(...header.id)))
    const cancelled = other.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":8}}')
    const heard = [await agent.expect('notify'), await agent.expect('notify')]
    for (const frame of heard) agent.send({ type: 'receipts', keys: [frame.header.key] })
    const there = heard.find((frame) => frame.header.ch === ch)
    expect(JSON.parse(there === undefined ? '{}' : bodyText(there))).toMatchObject({
      method: 'notifications/cancelled',
      params: { requestId: renamed },
    })
    expect(there?.header.cancels).toBe(header.tag)
    expect((await cancelled).status).toBe(202)
    agent.fail(header, 'CANCELLED', 'yes')
    expect(await told(waiting)).toMatchObject({ id: 8, error: { data: { code: 'CANCELLED' } } })
  })

  test('that a client’s own session has begun is preferred to one of the same id in another', async () => {
    verifies('promise.13.equal-ids')
    const { share, agent, client, ch } = await connected()
    await begin(agent, client, 'one')
    const other = await another(agent, share)
    const otherCh = await begin(agent, other, 'one')
    expect((await asked(agent, client, 'tasks/get', 'one')).ch).toBe(ch)
    expect((await asked(agent, other, 'tasks/get', 'one')).ch).toBe(otherCh)
  })

  test('is found after the relay has slept, was reset, and its agent’s link was cut', async () => {
    verifies('promise.13.outlives')
    const { share, agent, client, ch } = await connected()
    await begin(agent, client, 'one')
    await evictDurableObject(stubOf(share))
    expect((await asked(agent, client, 'tasks/get', 'one')).ch).toBe(ch)
    await resetShare(share)
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent))
    expect((await asked(back, client, 'tasks/get', 'one')).ch).toBe(ch)
  })

  test('whose session was ended is not found', async () => {
    const { share, agent, client } = await connected()
    await begin(agent, client, 'one')
    const other = await another(agent, share)
    expect((await client.leave()).status).toBe(204)
    await agent.expect('close')
    expect(await told(request(other, 3, 'tasks/get', { taskId: 'one' }))).toMatchObject({ id: 3, ...NOT_FOUND })
  })

  test('whose answer comes to a client that has come back for it is found', async () => {
    verifies('promise.13.outlives')
    const { agent, client } = await connected()
    const body = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","task":{},"_meta":{"progressToken":1}}}'
    const response = client.postForEvents(body)
    const { header } = await agent.expect('call')
    agent.notify(header.ch, '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":1}}', { ra: header.ra, sure: true })
    const events = new EventReader(await response)
    const id = (await events.nextEvent())?.id ?? ''
    await events.cancel()
    const resumed = client.resume(id)
    while ((await agent.next()).header.type !== 'replay');
    agent.answer(header, '7', `{"task":${status('one')}}`)
    expect(await new EventReader(await resumed).next()).toContain('"taskId":"one"')
    while (agent.waiting.length > 0) await agent.next()
    expect((await asked(agent, client, 'tasks/get', 'one')).answer).toMatchObject({ result: { taskId: 'one' } })
  })

  test('of a tool that its owner has hidden since is not found', async () => {
    verifies('promise.13.bounded')
    const { share, agent, client } = await connected()
    await begin(agent, client, 'one')
    await bind(share, '{"access":"admin","tools":{"deny":["t"]}}')
    // What the isolate knows is by what it was told last.
    await told(request(client, 2, 'tasks/get', { taskId: 'other' }))
    expect(await told(request(client, 3, 'tasks/get', { taskId: 'one' }))).toMatchObject(NOT_FOUND)
  })

  test('is asked for by a client that is bounded to its tool', async () => {
    verifies('promise.13.bounded')
    const { share, agent, client } = await connected()
    await bind(share, '{"access":"admin","tools":{"allow":["t"]}}')
    const response = request(client, 7, 'tools/call', { name: 't', arguments: {}, task: {} })
    const list = await agent.expect('call')
    const { id } = JSON.parse(bodyText(list)) as { id: string }
    agent.answer(list.header, JSON.stringify(id), '{"tools":[{"name":"t","inputSchema":{"type":"object"}}]}')
    agent.answer((await agent.expect('call')).header, '7', `{"task":${status('one')}}`)
    await response
    expect((await asked(agent, client, 'tasks/result', 'one')).answer).toMatchObject({ result: { taskId: 'one' } })
  })
})

test('tasks/list has only what its principal has begun, all else byte for byte as it was', async () => {
  verifies('promise.13.owner')
  const { agent, client } = await connected()
  await begin(agent, client, 'mine')
  const response = request(client, 8, 'tasks/list', {})
  const { header } = await agent.expect('call')
  agent.answer(header, '8', `{"x":1.0,"tasks":[${status('theirs')}, ${status('mine')} ,{"odd":1}],"nextCursor":"c"}`)
  expect(await (await response).text()).toBe(`{"jsonrpc":"2.0","id":8,"result":{"x":1.0,"tasks":[${status('mine')}],"nextCursor":"c"}}`)
})

test('a list of tasks that comes in parts is cut when it is whole', async () => {
  verifies('promise.13.owner')
  const { agent, client } = await connected()
  await begin(agent, client, 'mine')
  const response = request(client, 8, 'tasks/list', {})
  const { header } = await agent.expect('call')
  const long = `{"taskId":"theirs","statusMessage":"${'x'.repeat(300_000)}"}`
  const body = new TextEncoder().encode(`{"jsonrpc":"2.0","id":8,"result":{"tasks":[${long},${status('mine')}]}}`)
  const { ch, key, ra } = header
  const first = body.subarray(0, 200_000)
  const rest = body.subarray(200_000)
  const place = agent.number(ch, first.length)
  agent.send({ type: 'answer', ...place, size: body.length, key, ra, id: [22, 23], failed: false }, first)
  agent.send({ type: 'chunk', ch, n: place.n, at: agent.advance(ch, place.n, rest.length), offset: first.length, ra, last: true }, rest)
  const text = await (await response).text()
  expect(text).not.toContain('theirs')
  expect(text).toContain(status('mine'))
})

test('a principal that has begun too many tasks loses its own oldest', async () => {
  verifies('promise.13.bounded')
  const { share, agent, client } = await connected()
  await begin(agent, client, 'first')
  const stranger = await another(agent, share, await createClientToken(share))
  await begin(agent, stranger, 'first')
  const facts = {
    op: 'note',
    role: 'keeper',
    principal: `client:${linkIdOf(share.clientToken)}`,
    place: client.session ?? '',
    ttlMs: null,
  } as const
  const later = Array.from({ length: MAX_TASKS_OF_PRINCIPAL }, (_, count) => `task-${count}`)
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 1_000)
  await Promise.all(later.map((task) => stubOf(share).task(passOf(share), { ...facts, task })))
  expect(await told(request(client, 3, 'tasks/get', { taskId: 'first' }))).toMatchObject(NOT_FOUND)
  expect((await asked(agent, stranger, 'tasks/get', 'first')).answer).toMatchObject({ result: { taskId: 'first' } })
  expect((await asked(agent, client, 'tasks/get', 'task-1')).answer).toMatchObject({ result: { taskId: 'task-1' } })
})

test('progress of a task whose call is answered comes on its session’s stream', async () => {
  verifies('promise.13.told')
  const { agent, client, ch } = await connected()
  await begin(agent, client, 'one')
  const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":2}}'
  const events = new EventReader(await client.listen())
  agent.notify(ch, progress)
  expect(await events.next()).toBe(progress)
  await events.cancel()
})

describe('a child that serves several', () => {
  /** Two sessions of two principals on one child. */
  async function shared() {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { isolation: 'share' })
    const client = new TestClient(share)
    const response = client.initialize()
    await agent.expect('open')
    const { header } = await agent.expect('call')
    await agent.expect('notify')
    agent.answer(header, '0', BARE_SERVER)
    await response
    const stranger = new TestClient(share, await createClientToken(share))
    await stranger.initialize()
    return { share, agent, client, stranger, ch: header.ch }
  }

  test('tells of a task the one who has begun it, and nobody else', async () => {
    verifies('promise.13.told', 'promise.13.owner')
    const { agent, client, stranger, ch } = await shared()
    await begin(agent, client, 'one')
    const [own, others] = [new EventReader(await client.listen()), new EventReader(await stranger.listen())]
    while (agent.waiting.length > 0) await agent.next()
    const changed = '{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"one","status":"completed"}}'
    agent.notify(ch, changed, { task: 'one' })
    agent.notify(ch, '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
    expect(await own.next()).toBe(changed)
    expect(await others.next()).toContain('list_changed')
    expect(await told(request(stranger, 3, 'tasks/get', { taskId: 'one' }))).toMatchObject(NOT_FOUND)
    await own.cancel()
    await others.cancel()
  })

  test('and gives one id to two principals is asked by neither for what it has under that', async () => {
    verifies('promise.13.equal-ids')
    const { agent, client, stranger } = await shared()
    await begin(agent, client, 'one')
    const response = request(stranger, 7, 'tools/call', { name: 't', arguments: {}, task: {} })
    const { header } = await agent.expect('call')
    agent.answer(header, '7', `{"task":${status('one')}}`)
    expect(await told(response)).toMatchObject({ id: 7, error: { data: { code: 'TASK_NAME_TAKEN', executed: 'yes' } } })
    for (const one of [client, stranger]) expect(await told(request(one, 3, 'tasks/get', { taskId: 'one' }))).toMatchObject(NOT_FOUND)
  })
})

test('a task is found from every lane, and is nobody else’s on any', async () => {
  verifies('promise.13.process', 'promise.13.owner')
  const share = await createShare({ lanes: LANES })
  const agents = await connectAll(share)
  const first = await seat(share, agents)
  const ch = await begin(first.agent, first.client, 'one')
  const used = new Set([first.lane])
  for (let round = 0; round < 6; round++) {
    const { client, lane } = await seat(share, agents)
    used.add(lane)
    const response = request(client, 8, 'tasks/get', { taskId: 'one' })
    const { frame } = await nextOf(agents)
    if (frame.header.type !== 'call') throw new Error(`a call was due, and ${frame.header.type} came`)
    expect(frame.header.ch).toBe(ch)
    first.agent.answer(frame.header, new TextDecoder().decode(frame.body.subarray(...frame.header.id)), status('one'))
    expect(await told(response)).toMatchObject({ id: 8, result: { taskId: 'one' } })
  }
  expect(used.size).toBeGreaterThan(1)
})

test('a task that was begun over HTTP+SSE goes on without its stream, and is asked for on the next one', async () => {
  verifies('promise.13.outlives')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share)
  const client = await SseClient.connect(share)
  await client.initialize()
  await agent.expect('open')
  const { header } = await agent.expect('call')
  agent.answer(header, '0', BARE_SERVER)
  await client.next()
  await client.post('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","task":{}}}')
  agent.answer((await agent.expect('call')).header, '7', `{"task":${status('one')}}`)
  expect(await client.next()).toMatchObject({ id: 7, result: { task: { taskId: 'one' } } })
  await client.events.cancel()
  agent.notify(header.ch, '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
  const later = await SseClient.connect(share)
  await later.initialize('another')
  await agent.hasFrame()
  for (const nowMs of [LEFT_SESSION_MS + 60, 2 * LEFT_SESSION_MS]) {
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + nowMs)
    await runDurableObjectAlarm(stubOf(share))
    vi.restoreAllMocks()
  }
  expect(agent.waiting.some(({ type }) => type === 'close')).toBe(false)
})
