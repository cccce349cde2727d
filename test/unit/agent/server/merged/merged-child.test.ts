import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  BACKLOG_BYTES,
  MERGED_LISTING_WAIT_MS,
  MERGED_REST_MS,
  MERGED_SUBSCRIPTION_BYTES,
  MERGED_WAIT_MS,
} from '../../../../../agent/limits.ts'
import { mergedStart } from '../../../../../agent/server/merged/merged-child.ts'
import { SILENT_LOG } from '../../silent-log.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { MergedStage, resultOf, settled } from './merged-stage.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

const LOGS = { capabilities: { tools: {}, logging: {}, resources: { subscribe: true } } }
const changed = (kind: string): object => ({ jsonrpc: '2.0', method: `notifications/${kind}/list_changed` })

test('initialize is answered once for all: the lowest revision, all capabilities, instructions under their names', async () => {
  verifies('promise.merged.handshake')
  const stage = new MergedStage('a', 'b')
  stage.initialize()
  stage.greets('b', {
    protocolVersion: '2025-03-26',
    instructions: 'Use b.',
    capabilities: { logging: {}, resources: { subscribe: true } },
  })
  expect(await stage.heard()).toEqual([])
  stage.greets('a', { instructions: 'Use a.' })
  const [answer] = await stage.heard()
  expect(answer).toMatchObject({
    id: 0,
    result: {
      protocolVersion: '2025-03-26',
      capabilities: { tools: { listChanged: true }, prompts: {}, resources: { listChanged: true, subscribe: true }, logging: {} },
      serverInfo: { name: 'mcp-edge-agent', title: 'a, b', version: '1.2.3' },
      instructions: '## a\n\nUse a.\n\n## b\n\nUse b.',
    },
  })
  stage.sends({ method: 'notifications/initialized' })
  expect([stage.got('a'), stage.got('b')]).toEqual([
    [['initialize', 0], 'notifications/initialized'],
    [['initialize', 0], 'notifications/initialized'],
  ])
})

test('a server that is slow to start is waited for so long, and told of when it is there', async () => {
  verifies('promise.merged.slow')
  const stage = new MergedStage('a', 'b')
  stage.initialize()
  stage.greets('a')
  expect(await stage.heard()).toEqual([])
  vi.advanceTimersByTime(MERGED_WAIT_MS)
  expect(await stage.heard()).toMatchObject([{ id: 0, result: { serverInfo: { title: 'a, b' } } }])
  stage.sends({ method: 'notifications/initialized' })
  stage.sends({ id: 1, method: 'tools/list' })
  stage.answers('a', 'tools/list', { tools: [] })
  expect(await stage.heard()).toMatchObject([{ id: 1, result: { tools: [] } }])
  // What is for it alone waits, and it is told of what the session has said meanwhile.
  stage.sends({ id: 2, method: 'tools/call', params: { name: 'b__x' } })
  expect(stage.got('b')).toEqual([['initialize', 0]])
  stage.greets('b')
  expect(stage.got('b')).toEqual([['initialize', 0], 'notifications/initialized', ['tools/call', 2]])
  expect(await stage.heard()).toEqual([changed('tools'), changed('prompts'), changed('resources')])
})

test('the relay, which pins what it finds, waits longer for a server that is slow to start', async () => {
  verifies('promise.merged.slow')
  const stage = new MergedStage('a', 'b')
  stage.sends({
    id: 0,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'mcp-edge', version: '1' } },
  })
  stage.greets('a')
  vi.advanceTimersByTime(MERGED_LISTING_WAIT_MS - 1)
  expect(await stage.heard()).toEqual([])
  vi.advanceTimersByTime(1)
  expect(await stage.heard()).toMatchObject([{ id: 0, result: {} }])
})

test('a server that takes no initialize is left out, and where none does the client is told', async () => {
  verifies('promise.merged.slow')
  const stage = new MergedStage('a', 'b')
  stage.initialize()
  stage.of('b').says({ jsonrpc: '2.0', id: 0, error: { code: -32022, message: 'unsupported', data: { supported: ['2026-07-28'] } } })
  stage.greets('a')
  expect(await stage.heard()).toMatchObject([{ id: 0, result: {} }])
  expect(stage.of('b').stopped).toBe(true)
  stage.sends({ id: 1, method: 'tools/call', params: { name: 'b__x' } })
  expect(await stage.heard()).toMatchObject([{ id: 1, error: { data: { code: 'CHILD_START_FAILED', executed: 'no', at: 'b' } } }])
  expect(stage.starts('b')).toHaveLength(1)

  const dead = new MergedStage('a', 'b')
  dead.initialize()
  dead.of('a').ends({ exitCode: 1 })
  dead.of('b').ends({ exitCode: 1 })
  expect(await dead.heard()).toMatchObject([{ id: 0, error: { data: { code: 'CHILD_START_FAILED', at: 'a, b' } } }])
})

test('a server that takes no initialize is named to its owner once, however many sessions begin', () => {
  const told: string[] = []
  const stage = new MergedStage('a')
  const log = { ...SILENT_LOG, error: (event: string) => void told.push(event) }
  stage.servers.set([stage.server('b', { log })])
  const start = mergedStart(stage.servers, '1')
  for (let session = 0; session < 2; session++) {
    const child = start({ line: () => {}, tooLong: () => {}, stderr: () => {}, gone: () => {} })
    child.write(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}'), () => {})
    stage.of('b').says({ jsonrpc: '2.0', id: 1, error: { code: -32022, message: 'unsupported' } })
  }
  expect(told).toEqual(['server.refuses'])
})

test('lists are one list, whose entries are as their servers wrote them but for the names', async () => {
  verifies('promise.merged.lists', 'promise.merged.bytes')
  const stage = new MergedStage('a', 'b!', 'c')
  await stage.begin({ c: { capabilities: {} } })
  stage.sends({ id: 'x', method: 'tools/list' })
  stage.of('a').says('{"jsonrpc":"2.0","id":"x","result":{"tools":[ {"name":"caf\\u00e9","n":12345678901234567890,"m":1.0}, {"name":7}]}}')
  stage.of('b').says('{"jsonrpc":"2.0","id":"x","result":{"tools":[{ "name" : "own" },{"name":"a__own"},{"name":"z__own"}]}}')
  await settled()
  expect(stage.lines).toEqual([
    '{"jsonrpc":"2.0","id":"x","result":{"tools":[{"name":"a__caf\\u00e9","n":12345678901234567890,"m":1.0},{ "name" : "own" },{"name":"z__own"}]}}',
  ])
  expect(stage.got('c')).not.toContainEqual(['tools/list', 'x'])
})

test('a server that does not answer for a list holds the others up for so long, and that once', async () => {
  verifies('promise.merged.slow')
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  stage.sends({ id: 1, method: 'tools/list' })
  stage.answers('a', 'tools/list', { tools: [{ name: 'x' }] })
  expect(await stage.heard()).toEqual([])
  vi.advanceTimersByTime(MERGED_WAIT_MS)
  expect(await stage.heard()).toMatchObject([{ id: 1, result: { tools: [{ name: 'a__x' }] } }])
  stage.answers('b', 'tools/list', { tools: [{ name: 'y' }] })
  expect(await stage.heard()).toEqual([changed('tools')])
  stage.sends({ id: 2, method: 'tools/list' })
  stage.answers('a', 'tools/list', { tools: [] })
  vi.advanceTimersByTime(MERGED_WAIT_MS)
  stage.answers('b', 'tools/list', { tools: [{ name: 'y' }] })
  expect(await stage.heard()).toMatchObject([{ id: 2 }])
  // Whoever has taken the question back is told nothing.
  stage.sends({ id: 3, method: 'tools/list' })
  stage.sends({ method: 'notifications/cancelled', params: { requestId: 3 } })
  stage.answers('a', 'tools/list', { tools: [] })
  vi.advanceTimersByTime(MERGED_WAIT_MS)
  expect(await stage.heard()).toEqual([])
})

test('what servers say against a list is told where it is all that they say', async () => {
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  const refuses = (name: string, id: number, code: number): void =>
    stage.of(name).says({ jsonrpc: '2.0', id, error: { code, message: name } })
  stage.sends({ id: 1, method: 'tools/list' })
  refuses('a', 1, -32601)
  refuses('b', 1, -32000)
  stage.sends({ id: 2, method: 'tools/list' })
  refuses('a', 2, -32601)
  refuses('b', 2, -32601)
  stage.sends({ id: 3, method: 'tools/list' })
  refuses('a', 3, -32000)
  stage.answers('b', 'tools/list', { tools: [{ name: 'x' }], nextCursor: 'n' })
  const heard = await stage.heard()
  expect(heard).toMatchObject([{ error: { message: 'b' } }, { result: { tools: [] } }, { result: { tools: [{ name: 'b__x' }] } }])
  stage.sends({ id: 4, method: 'tools/list', params: { cursor: resultOf(heard[2])['nextCursor'] } })
  refuses('b', 4, -32602)
  expect(await stage.heard()).toMatchObject([{ id: 4, error: { code: -32602, message: 'b' } }])
})

test('a server that a list was without is told of when it can be listed, why ever that was', async () => {
  verifies('promise.merged.slow')
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  stage.of('b').ends()
  stage.sends({ id: 1, method: 'tools/list' })
  stage.answers('a', 'tools/list', { tools: [] })
  stage.of('b').ends()
  expect(await stage.heard()).toMatchObject([{ id: 1 }])
  stage.sends({ id: 2, method: 'tools/call', params: { name: 'b__x' } })
  stage.greets('b')
  expect(await stage.heard()).toEqual([changed('tools')])
  stage.of('b').ends()
  stage.sends({ id: 3, method: 'tools/call', params: { name: 'b__x' } })
  vi.advanceTimersByTime(MERGED_WAIT_MS)
  stage.sends({ id: 4, method: 'prompts/list' })
  stage.answers('a', 'prompts/list', { prompts: [] })
  expect(await stage.heard()).toMatchObject([
    { id: 2, error: {} },
    { id: 4, result: { prompts: [] } },
  ])
  stage.greets('b')
  expect(await stage.heard()).toEqual([changed('prompts')])
})

test('a cursor goes on with the server that it names, and one that is none is refused', async () => {
  verifies('promise.merged.lists')
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  stage.sends({ id: 1, method: 'prompts/list' })
  stage.answers('a', 'prompts/list', { prompts: [{ name: 'x' }], nextCursor: 'more' })
  stage.answers('b', 'prompts/list', { prompts: [{ name: 'z' }] })
  const [first] = await stage.heard()
  const { nextCursor } = resultOf(first)
  stage.sends({ id: 2, method: 'prompts/list', params: { cursor: nextCursor } })
  expect(stage.asked('a', 'prompts/list')).toMatchObject({ params: { cursor: 'more' } })
  expect(stage.asked('b', 'prompts/list')).toMatchObject({ params: {} })
  stage.answers('a', 'prompts/list', { prompts: [{ name: 'y' }] })
  stage.answers('b', 'prompts/list', { prompts: [{ name: 'z' }] })
  expect(await stage.heard()).toMatchObject([{ id: 2, result: { prompts: [{ name: 'a__y' }, { name: 'b__z' }] } }])
  stage.sends({ id: 3, method: 'prompts/list', params: { cursor: 'made up' } })
  expect(await stage.heard()).toMatchObject([{ id: 3, error: { code: -32602 } }])
})

test('a call goes to the server that its name names, in its own words, and no other server can answer it', async () => {
  verifies('promise.merged.bytes')
  const stage = new MergedStage('a', 'b!')
  await stage.begin()
  stage.sends('{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"a__x__y","arguments":{"n":1.0}}}')
  expect(stage.of('a').lines.at(-1)).toBe(
    '{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"x__y","arguments":{"n":1.0}}}\n',
  )
  stage.of('b').says('{"jsonrpc":"2.0","id":9007199254740993,"result":{"content":[]}}')
  expect(await stage.heard()).toEqual([])
  stage.of('a').says('{"jsonrpc":"2.0","id":9007199254740993,"result":{"content":[],"structuredContent":{"n":12345678901234567890}}}')
  await settled()
  expect(stage.lines.splice(0)).toEqual([
    '{"jsonrpc":"2.0","id":9007199254740993,"result":{"content":[],"structuredContent":{"n":12345678901234567890}}}',
  ])
  stage.sends({ id: 2, method: 'prompts/get', params: { name: 'own__x' } })
  expect(stage.asked('b', 'prompts/get')).toMatchObject({ params: { name: 'own__x' } })
  stage.sends({ id: 3, method: 'completion/complete', params: { ref: { type: 'ref/prompt', name: 'a__p' }, argument: {} } })
  expect(stage.asked('a', 'completion/complete')).toMatchObject({ params: { ref: { name: 'p' } } })
  const none = new MergedStage('a')
  await none.begin()
  none.sends({ id: 1, method: 'tools/call', params: { name: 'd__x' } })
  none.sends({ id: 2, method: 'extra/method' })
  none.sends({ id: 3, method: 'ping' })
  expect((await none.heard()).map(({ error, result }) => (error as { code: number } | undefined)?.code ?? result)).toEqual([
    -32602,
    -32601,
    {},
  ])
})

test('what is taken back or goes on is told the server whose call it is', async () => {
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  stage.sends({ id: 1, method: 'tools/call', params: { name: 'b__x', _meta: { progressToken: 5 } } })
  const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 5, progress: 1 } }
  stage.of('a').says(progress)
  expect(await stage.heard()).toEqual([])
  stage.of('b').says(progress)
  expect(await stage.heard()).toEqual([progress])
  stage.sends({ method: 'notifications/cancelled', params: { requestId: 1 } })
  expect(stage.got('a')).not.toContain('notifications/cancelled')
  expect(stage.got('b')).toContain('notifications/cancelled')
  stage.of('b').says({ jsonrpc: '2.0', id: 1, result: {} })
  expect(await stage.heard()).toEqual([])
  stage.sends({ method: 'notifications/roots/list_changed' })
  expect([stage.got('a').at(-1), stage.got('b').at(-1)]).toEqual(Array(2).fill('notifications/roots/list_changed'))
})

test('equal ids and tokens of what two servers ask do not cross, and each answer reaches who has asked', async () => {
  verifies('promise.merged.asks')
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  const ask = { jsonrpc: '2.0', id: 1, method: 'elicitation/create', params: { message: 'm', _meta: { progressToken: 1 } } }
  stage.of('a').says(ask)
  stage.of('b').says(ask)
  const asked = await stage.heard()
  const [one, two] = asked.map(({ id }) => id)
  expect(one).not.toBe(two)
  expect(asked.map(({ params }) => (params as { _meta: { progressToken: unknown } })._meta.progressToken)).toEqual([one, two])
  stage.sends({ method: 'notifications/progress', params: { progressToken: two, progress: 1 } })
  expect(stage.asked('b', 'notifications/progress')).toMatchObject({ params: { progressToken: 1 } })
  stage.sends({ id: two, result: { action: 'accept' } })
  stage.sends({ id: two, result: { action: 'twice' } })
  expect([stage.of('a').written.length, stage.of('b').written.at(-1)]).toEqual([2, { jsonrpc: '2.0', id: 1, result: { action: 'accept' } }])
  stage.of('a').says({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } })
  expect(await stage.heard()).toMatchObject([{ method: 'notifications/cancelled', params: { requestId: one } }])
  stage.of('b').says({ ...ask, id: 'z' })
  const [last] = await stage.heard()
  stage.of('b').ends()
  expect(await stage.heard()).toMatchObject([{ method: 'notifications/cancelled', params: { requestId: last?.['id'] } }])
  stage.of('a').says({ jsonrpc: '2.0', id: 2, method: 'ping' })
  expect(stage.of('a').written.at(-1)).toEqual({ jsonrpc: '2.0', id: 2, result: {} })
})

test('a task is asked of its server, under the id that this has given it', async () => {
  verifies('promise.merged.tasks')
  const stage = new MergedStage('a', 'b')
  const tasks = { capabilities: { tools: {}, tasks: { list: {} } } }
  await stage.begin({ a: tasks, b: tasks })
  stage.sends({ id: 1, method: 'tools/call', params: { name: 'b__x', task: {} } })
  stage.answers('b', 'tools/call', { task: { taskId: 't', status: 'working' } })
  expect(await stage.heard()).toMatchObject([{ result: { task: { taskId: 'b__t' } } }])
  stage.of('b').says({ jsonrpc: '2.0', method: 'notifications/tasks/status', params: { taskId: 't', status: 'working' } })
  expect(await stage.heard()).toMatchObject([{ params: { taskId: 'b__t' } }])
  for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
    stage.sends({ id: method, method, params: { taskId: 'b__t' } })
    expect(stage.asked('b', method)).toMatchObject({ params: { taskId: 't' } })
    stage.answers('b', method, { taskId: 't', _meta: { 'io.modelcontextprotocol/related-task': { taskId: 't' } } })
  }
  const related = { 'io.modelcontextprotocol/related-task': { taskId: 'b__t' } }
  expect(await stage.heard()).toMatchObject([
    { result: { taskId: 'b__t', _meta: related } },
    { result: { _meta: related } },
    { result: { taskId: 'b__t', _meta: related } },
  ])
  stage.of('b').says({
    jsonrpc: '2.0',
    id: 4,
    method: 'elicitation/create',
    params: { _meta: { 'io.modelcontextprotocol/related-task': { taskId: 't' } } },
  })
  const [ask] = await stage.heard()
  expect(ask).toMatchObject({ params: { _meta: related } })
  stage.sends({ id: ask?.['id'], result: { action: 'decline', _meta: related } })
  expect(stage.of('b').written.at(-1)).toMatchObject({
    id: 4,
    result: { _meta: { 'io.modelcontextprotocol/related-task': { taskId: 't' } } },
  })
  stage.sends({ id: 5, method: 'tasks/list' })
  stage.answers('a', 'tasks/list', { tasks: [{ taskId: 't' }] })
  stage.answers('b', 'tasks/list', { tasks: [{ taskId: 't' }] })
  expect(await stage.heard()).toMatchObject([{ result: { tasks: [{ taskId: 'a__t' }, { taskId: 'b__t' }] } }])
  stage.sends({ id: 6, method: 'tasks/get', params: { taskId: 't' } })
  expect(await stage.heard()).toMatchObject([{ id: 6, error: { data: { code: 'TASK_NOT_FOUND' } } }])
})

test('the end of a server fails its own calls, naming it and saying whether they may have run', async () => {
  verifies('promise.merged.death')
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  stage.sends({ id: 1, method: 'tools/call', params: { name: 'a__x' } })
  stage.sends({ id: 2, method: 'tools/call', params: { name: 'b__x' } })
  stage.sends({ id: 4, method: 'tools/call', params: { name: 'b__x' } })
  stage.of('b').reads = false
  stage.sends({ id: 3, method: 'tools/call', params: { name: 'b__x' } })
  stage.of('b').ends({ exitCode: 7, stderr: 'secret words', untaken: ['4'] })
  expect((await stage.heard()).map(({ id, error }) => [id, (error as { data: unknown }).data])).toEqual([
    [2, { code: 'CHILD_DIED', executed: 'unknown', exitCode: 7, signal: null, at: 'b', retryable: false }],
    [4, { code: 'CHILD_DIED', executed: 'no', exitCode: 7, signal: null, at: 'b', retryable: false }],
    [3, { code: 'CHILD_DIED', executed: 'no', exitCode: 7, signal: null, at: 'b', retryable: false }],
  ])
  // Some servers change the type of an id.
  stage.of('a').says({ jsonrpc: '2.0', id: '1', result: { content: [] } })
  expect(await stage.heard()).toMatchObject([{ id: '1', result: {} }])
  expect([stage.ends, stage.starts('b').length]).toEqual([[], 1])
})

test('a server that has ended is started with its next use, told all that the session has said, and its lists looked at', async () => {
  verifies('promise.merged.death')
  const stage = new MergedStage('a', 'b')
  await stage.begin({ a: LOGS, b: LOGS })
  stage.sends({ id: 1, method: 'logging/setLevel', params: { level: 'debug' } })
  stage.answers('a', 'logging/setLevel', {})
  stage.answers('b', 'logging/setLevel', {})
  stage.sends({ id: 2, method: 'tools/list' })
  stage.answers('a', 'tools/list', { tools: [] })
  stage.answers('b', 'tools/list', { tools: [{ name: 'x' }] })
  stage.sends({ id: 3, method: 'resources/list' })
  stage.answers('a', 'resources/list', { resources: [] })
  stage.answers('b', 'resources/list', { resources: [{ uri: 'x:1', name: 'n' }] })
  stage.sends({ id: 4, method: 'resources/subscribe', params: { uri: 'x:1' } })
  stage.answers('b', 'resources/subscribe', {})
  expect((await stage.heard()).map(({ id }) => id)).toEqual([1, 2, 3, 4])
  const again = async (tools: readonly object[]): Promise<unknown[]> => {
    stage.of('b').ends()
    expect(await stage.heard()).toEqual([])
    stage.sends({ id: 5, method: 'tools/call', params: { name: 'b__x' } })
    stage.greets('b', LOGS)
    expect(stage.got('b').map((got) => (Array.isArray(got) ? (got as unknown[])[0] : got))).toEqual([
      'initialize',
      'notifications/initialized',
      'logging/setLevel',
      'resources/subscribe',
      'tools/call',
      'tools/list',
      'resources/list',
    ])
    // Its answers to what is said once more are nobody's.
    stage.answers('b', 'logging/setLevel', {})
    stage.answers('b', 'resources/subscribe', {})
    stage.answers('b', 'resources/list', { resources: [{ uri: 'x:1', name: 'n' }] })
    stage.answers('b', 'tools/list', { tools })
    stage.answers('b', 'tools/call', { content: [] })
    return await stage.heard()
  }
  expect(await again([{ name: 'x' }])).toMatchObject([{ id: 5 }])
  expect(await again([{ name: 'y' }])).toMatchObject([changed('tools'), { id: 5 }])
  // Of a change of which it has told its client by itself nobody need be told again.
  stage.of('b').says(changed('resources'))
  stage.of('b').ends()
  stage.sends({ id: 6, method: 'tools/call', params: { name: 'b__x' } })
  stage.greets('b', LOGS)
  expect(stage.got('b').flat()).not.toContain('resources/list')
  stage.sends({ id: 7, method: 'resources/unsubscribe', params: { uri: 'x:1' } })
  stage.answers('b', 'resources/unsubscribe', {})
  stage.of('b').ends()
  stage.sends({ id: 8, method: 'tools/call', params: { name: 'b__x' } })
  stage.greets('b', LOGS)
  expect(stage.got('b').flat()).not.toContain('resources/subscribe')
})

test('a server that cannot be started again is left out of lists, not tried by each, and told of when it can', async () => {
  verifies('promise.merged.death')
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  stage.sends({ id: 0, method: 'tools/list' })
  stage.answers('a', 'tools/list', { tools: [] })
  stage.answers('b', 'tools/list', { tools: [{ name: 'w' }] })
  await stage.heard()
  stage.of('b').ends()
  stage.sends({ id: 1, method: 'tools/list' })
  stage.answers('a', 'tools/list', { tools: [] })
  stage.of('b').ends({ exitCode: 1 })
  expect(await stage.heard()).toMatchObject([{ id: 1, result: { tools: [] } }])
  stage.sends({ id: 2, method: 'tools/list' })
  stage.answers('a', 'tools/list', { tools: [] })
  expect(await stage.heard()).toMatchObject([{ id: 2, result: { tools: [] } }])
  expect(stage.starts('b')).toHaveLength(2)
  vi.advanceTimersByTime(MERGED_REST_MS)
  stage.sends({ id: 3, method: 'tools/list' })
  expect(stage.starts('b')).toHaveLength(3)
  stage.greets('b')
  stage.answers('a', 'tools/list', { tools: [] })
  for (const { id } of stage
    .of('b')
    .written.filter(({ method }) => method === 'tools/list')
    .toReversed())
    stage.of('b').says({ jsonrpc: '2.0', id, result: { tools: [{ name: 'x' }] } })
  // Once, though it was missed and lists another.
  expect(await stage.heard()).toMatchObject([changed('tools'), { id: 3, result: { tools: [{ name: 'b__x' }] } }])
})

test('resources that two servers name alike are told apart wherever they are named, and read where they are', async () => {
  verifies('promise.merged.resources')
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  const ui = { name: 't', _meta: { ui: { resourceUri: 'ui://app' }, 'ui/resourceUri': 'ui://app', 'openai/outputTemplate': 'ui://app' } }
  stage.sends({ id: 1, method: 'tools/list' })
  stage.answers('a', 'tools/list', { tools: [ui] })
  stage.answers('b', 'tools/list', { tools: [ui] })
  const shown = 'ui://b__app'
  const [listed] = await stage.heard()
  expect(resultOf(listed)['tools']).toEqual([
    { ...ui, name: 'a__t' },
    { name: 'b__t', _meta: { ui: { resourceUri: shown }, 'ui/resourceUri': shown, 'openai/outputTemplate': shown } },
  ])
  stage.sends({ id: 2, method: 'resources/read', params: { uri: shown } })
  expect(stage.asked('b', 'resources/read')).toMatchObject({ params: { uri: 'ui://app' } })
  stage.answers('b', 'resources/read', {
    contents: [
      { uri: 'ui://app', text: '' },
      { uri: 'other:', text: '' },
    ],
  })
  expect(await stage.heard()).toMatchObject([{ result: { contents: [{ uri: shown }, { uri: 'other:' }] } }])
  stage.sends({ id: 3, method: 'resources/read', params: { uri: 'ui://app' } })
  expect(stage.asked('a', 'resources/read')).toMatchObject({ id: 3 })
  stage.answers('a', 'resources/read', { contents: [] })
  stage.sends({ id: 4, method: 'tools/call', params: { name: 'b__t' } })
  stage.answers('b', 'tools/call', {
    content: [
      { type: 'resource_link', uri: 'ui://app', name: 'n' },
      { type: 'resource', resource: { uri: 'ui://app', text: 'ui://app' } },
      { type: 'text', text: 'ui://app' },
    ],
  })
  stage.sends({ id: 5, method: 'prompts/get', params: { name: 'b__p' } })
  stage.answers('b', 'prompts/get', {
    messages: [{ role: 'user', content: { type: 'resource', resource: { uri: 'ui://app', text: '' } } }],
  })
  stage.of('b').says({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'ui://app' } })
  expect((await stage.heard()).slice(1)).toMatchObject([
    { result: { content: [{ uri: shown }, { resource: { uri: shown, text: 'ui://app' } }, { text: 'ui://app' }] } },
    { result: { messages: [{ content: { resource: { uri: shown } } }] } },
    { params: { uri: shown } },
  ])
  stage.sends({ id: 6, method: 'resources/templates/list' })
  stage.answers('a', 'resources/templates/list', { resourceTemplates: [{ uriTemplate: 'f:///{x}', name: 'n' }] })
  stage.answers('b', 'resources/templates/list', { resourceTemplates: [{ uriTemplate: 'f:///{x}', name: 'n' }] })
  expect(await stage.heard()).toMatchObject([
    { result: { resourceTemplates: [{ uriTemplate: 'f:///{x}' }, { uriTemplate: 'f://b__/{x}' }] } },
  ])
  stage.sends({ id: 7, method: 'completion/complete', params: { ref: { type: 'ref/resource', uri: 'f://b__/{x}' }, argument: {} } })
  expect(stage.asked('b', 'completion/complete')).toMatchObject({ params: { ref: { uri: 'f:///{x}' } } })
})

test('a resource that nobody has named is looked for, in order', async () => {
  verifies('promise.merged.resources')
  const stage = new MergedStage('a', 'b', 'c')
  await stage.begin({ b: { capabilities: {} } })
  stage.sends({ id: 1, method: 'resources/read', params: { uri: 'x:1' } })
  stage.of('a').says({ jsonrpc: '2.0', id: 1, error: { code: -32002, message: 'of a' } })
  await settled()
  stage.answers('c', 'resources/read', { contents: [{ uri: 'x:1', text: 'c' }] })
  expect(await stage.heard()).toMatchObject([{ id: 1, result: { contents: [{ text: 'c' }] } }])
  stage.sends({ id: 2, method: 'resources/read', params: { uri: 'x:1' } })
  expect([stage.asked('a', 'resources/read')['id'], stage.asked('c', 'resources/read')['id']]).toEqual([1, 2])
  stage.sends({ id: 3, method: 'resources/read', params: { uri: 'x:2' } })
  stage.of('a').says({ jsonrpc: '2.0', id: 3, error: { code: -32002, message: 'of a' } })
  await settled()
  stage.of('c').says({ jsonrpc: '2.0', id: 3, error: { code: -32002, message: 'of c' } })
  expect(await stage.heard()).toMatchObject([{ id: 3, error: { message: 'of a' } }])
})

test('a change of the servers touches only those that have changed, and is told', async () => {
  verifies('promise.merged.reload')
  const stage = new MergedStage('a', 'b', 'c')
  await stage.begin()
  stage.sends({ id: 1, method: 'tools/call', params: { name: 'a__x' } })
  stage.sends({ id: 2, method: 'tools/call', params: { name: 'b__x' } })
  const [a, b] = [stage.of('a'), stage.of('b')]
  stage.servers.set([stage.server('a'), stage.server('b', { digest: 'other' }), stage.server('d')])
  expect(await stage.heard()).toMatchObject([
    { id: 2, error: { data: { code: 'CHANNEL_CLOSED', at: 'b' } } },
    changed('tools'),
    changed('prompts'),
    changed('resources'),
  ])
  expect([a.stopped, b.stopped, stage.of('c').stopped]).toEqual([false, true, true])
  // None is started before it is used.
  expect([stage.starts('b').length, stage.starts('d').length]).toEqual([1, 0])
  stage.sends({ id: 3, method: 'tools/list' })
  for (const name of ['b', 'd']) stage.greets(name)
  for (const name of ['a', 'b', 'd']) stage.answers(name, 'tools/list', { tools: [{ name: 'x' }] })
  const heard = await stage.heard()
  expect(heard.at(-1)).toMatchObject({ result: { tools: [{ name: 'a__x' }, { name: 'b__x' }, { name: 'd__x' }] } })
  stage.answers('a', 'tools/call', { content: [] })
  expect(await stage.heard()).toMatchObject([{ id: 1, result: {} }])
  stage.sends({ id: 4, method: 'tools/call', params: { name: 'c__x' } })
  expect(await stage.heard()).toMatchObject([{ id: 4, error: { code: -32602 } }])
  stage.servers.set([...stage.servers.all])
  expect(await stage.heard()).toEqual([])
})

test('a server that is none any more leaves its URIs to the others', async () => {
  verifies('promise.merged.reload')
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  const list = async (...names: readonly string[]): Promise<unknown> => {
    stage.sends({ id: 1, method: 'resources/list' })
    for (const name of names) stage.answers(name, 'resources/list', { resources: [{ uri: 'ui://app', name }] })
    const heard = await stage.heard()
    return (resultOf(heard.at(-1))['resources'] as { uri: unknown }[]).map(({ uri }) => uri)
  }
  expect(await list('a', 'b')).toEqual(['ui://app', 'ui://b__app'])
  stage.servers.set(stage.servers.all.slice(1))
  stage.servers.set([...stage.servers.all, stage.server('c')])
  stage.sends({ id: 2, method: 'tools/call', params: { name: 'c__x' } })
  stage.greets('c')
  // Nobody was given this URI: each server is asked for what it says, and none for another.
  stage.sends({ id: 3, method: 'resources/read', params: { uri: 'ui://c__app' } })
  expect(stage.asked('b', 'resources/read')).toMatchObject({ params: { uri: 'ui://c__app' } })
  stage.answers('b', 'resources/read', { contents: [] })
  expect(await list('b', 'c')).toEqual(['ui://b__app', 'ui://app'])
})

test('what is written counts as taken when each server has taken it, or can take nothing any more', async () => {
  const stage = new MergedStage('a', 'b')
  await stage.begin({ a: LOGS, b: LOGS })
  const before = stage.taken
  stage.of('b').reads = false
  stage.of('a').says({ jsonrpc: '2.0', id: 1, method: 'roots/list' })
  stage.of('b').says({ jsonrpc: '2.0', id: 1, method: 'roots/list' })
  const asked = await stage.heard()
  stage.sends({ method: 'notifications/roots/list_changed' })
  stage.sends({ id: 1, method: 'tools/list' })
  stage.sends({ id: 2, method: 'logging/setLevel', params: { level: 'debug' } })
  stage.sends({ id: 3, method: 'tools/call', params: { name: 'b__x' } })
  stage.sends({ id: asked[1]?.['id'], result: { roots: [] } })
  expect(stage.taken).toBe(before)
  stage.sends({ id: asked[0]?.['id'], result: { roots: [] } })
  expect(stage.taken).toBe(before + 1)
  stage.of('b').ends()
  expect(stage.taken).toBe(before + 6)
  await stage.heard()
  // One that never says whether it takes anything.
  stage.servers.set([stage.server('a', { digest: 'mute', start: (handlers) => stage.mute(handlers) })])
  stage.sends({ id: 4, method: 'tools/call', params: { name: 'a__x' } })
  stage.greets('a')
  await stage.heard()
  expect(stage.taken).toBe(before + 6)
  stage.of('a').ends()
  expect(stage.taken).toBe(before + 7)
})

test('a line that is too long fails its own call, and another server is asked the next', async () => {
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  stage.sends({ id: 1, method: 'tools/call', params: { name: 'a__x' } })
  stage.of('a').handlers.tooLong(Buffer.from('{"jsonrpc":"2.0","id":1,"result":{'), Buffer.from('}}'), 7)
  expect(await stage.heard()).toMatchObject([{ id: 1, error: { data: { code: 'LINE_TOO_LONG', executed: 'yes', at: 'a' } } }])
  stage.sends({ id: 7, method: 'tools/call', params: { name: 'a__x' } })
  stage.of('b').handlers.tooLong(Buffer.from('{"jsonrpc":"2.0","id":7,"result":{'), Buffer.from('}}'), 8)
  stage.of('b').handlers.tooLong(Buffer.from('{"x":'), Buffer.from('"id":7}'), 8)
  expect([await stage.heard(), stage.tooLong]).toEqual([[], []])
  stage.of('a').handlers.tooLong(Buffer.from('{"result":{"x":"'), Buffer.from('"},"id":7}'), 8)
  expect(await stage.heard()).toMatchObject([{ id: 7, error: { data: { code: 'LINE_TOO_LONG', at: 'a' } } }])
  expect(stage.tooLong).toEqual([])
})

test('what is sent to a server that starts for ever is bounded', async () => {
  const stage = new MergedStage('a', 'b')
  stage.initialize()
  stage.greets('a')
  vi.advanceTimersByTime(MERGED_WAIT_MS)
  stage.sends({ method: 'notifications/initialized' })
  await stage.heard()
  const big = 'x'.repeat(BACKLOG_BYTES / 2)
  for (const id of [1, 2]) stage.sends({ id, method: 'tools/call', params: { name: 'b__x', arguments: { big } } })
  expect(await stage.heard()).toMatchObject([{ id: 2, error: { data: { code: 'BACKLOG_FULL', executed: 'no', at: 'b' } } }])
  stage.sends({ method: 'notifications/cancelled', params: { requestId: 1 } })
  stage.sends({ id: 3, method: 'tools/call', params: { name: 'b__x', arguments: { big } } })
  stage.greets('b')
  expect(stage.got('b')).toContainEqual(['tools/call', 3])
  expect(stage.got('b')).not.toContainEqual(['tools/call', 1])
})

test('stop() ends each process, and says so once', async () => {
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  const stopped = stage.child.stop()
  expect([stage.of('a').stopped, stage.of('b').stopped]).toEqual([true, true])
  stage.of('a').ends()
  await settled()
  expect(stage.ends).toEqual([])
  stage.of('b').ends()
  await stopped
  stage.child.kill()
  await settled()
  expect(stage.ends).toHaveLength(1)
  expect(await stage.heard()).toEqual([])
})

test('what one server says is taken from no server while its client takes nothing', async () => {
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  stage.child.pause()
  stage.of('b').ends()
  stage.sends({ id: 1, method: 'tools/call', params: { name: 'b__x' } })
  expect([stage.of('a').paused, stage.of('b').paused]).toEqual([true, true])
  stage.servers.set([...stage.servers.all, stage.server('c')])
  stage.sends({ id: 2, method: 'tools/call', params: { name: 'c__x' } })
  expect(stage.of('c').paused).toBe(true)
  stage.child.resume()
  expect([stage.of('a').paused, stage.of('b').paused, stage.of('c').paused]).toEqual([false, false, false])
})

test('no server tells of a change of another server’s resource', async () => {
  verifies('promise.merged.resources')
  const stage = new MergedStage('a', 'b')
  await stage.begin()
  stage.sends({ id: 1, method: 'resources/list' })
  stage.answers('a', 'resources/list', { resources: [{ uri: 'file:///a', name: 'a' }] })
  stage.answers('b', 'resources/list', { resources: [] })
  stage.sends({ id: 2, method: 'resources/templates/list' })
  stage.answers('a', 'resources/templates/list', { resourceTemplates: [{ uriTemplate: 'x://{id}', name: 't' }] })
  stage.answers('b', 'resources/templates/list', { resourceTemplates: [] })
  await stage.heard()
  for (const name of ['a', 'b'])
    for (const uri of ['file:///a', 'x://1', `file:///${name}2`])
      stage.of(name).says({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } })
  const told = (await stage.heard()).map(({ params }) => params)
  expect(told).toEqual([{ uri: 'file:///a' }, { uri: 'x://1' }, { uri: 'file:///a2' }, { uri: 'file:///b2' }])
})

test('of a subscription nothing is kept but its URI, and one with no room is refused by name, and not made', async () => {
  const stage = new MergedStage('a', 'b')
  await stage.begin({ a: LOGS, b: LOGS })
  const pad = 'x'.repeat(100_000)
  stage.sends({ id: 1, method: 'logging/setLevel', params: { level: 'info', _meta: { pad } } })
  for (const name of ['a', 'b']) stage.answers(name, 'logging/setLevel', {})
  stage.sends({ id: 2, method: 'resources/list' })
  const long = Array.from({ length: 512 }, (_, n) => `x:${'y'.repeat(MERGED_SUBSCRIPTION_BYTES / 512)}${n}`)
  stage.answers('a', 'resources/list', { resources: ['x:1', ...long].map((uri) => ({ uri, name: 'n' })) })
  stage.answers('b', 'resources/list', { resources: [] })
  stage.sends({ id: 3, method: 'resources/subscribe', params: { uri: 'x:1', _meta: { pad } } })
  stage.answers('a', 'resources/subscribe', {})
  for (const [n, uri] of long.entries()) {
    stage.sends({ id: 4 + n, method: 'resources/subscribe', params: { uri } })
    if (n < 510) stage.answers('a', 'resources/subscribe', {})
  }
  expect((await stage.heard()).at(-1)).toMatchObject({ id: 515, error: { data: { code: 'SHARE_BUSY', executed: 'no' } } })
  expect(stage.asked('a', 'resources/subscribe')).toMatchObject({ id: 513 })
  for (const uri of long.slice(0, 510)) {
    stage.sends({ id: 4, method: 'resources/unsubscribe', params: { uri } })
    stage.answers('a', 'resources/unsubscribe', {})
  }
  stage.of('a').ends()
  stage.sends({ id: 5, method: 'tools/call', params: { name: 'a__x' } })
  stage.greets('a', LOGS)
  expect(stage.asked('a', 'logging/setLevel')['params']).toEqual({ level: 'info' })
  expect(stage.asked('a', 'resources/subscribe')['params']).toEqual({ uri: 'x:1' })
})
