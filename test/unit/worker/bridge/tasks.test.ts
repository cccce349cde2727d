import { describe, expect, test } from 'vitest'
import {
  asksForTask,
  begunTask,
  declaresTasks,
  hasOneFilter,
  isTaskMethod,
  listenedTaskEdits,
  listenedTasks,
  namedTask,
  needsTasks,
  taskListEdits,
  taskState,
  withTasksDeclared,
} from '../../../../worker/bridge/tasks.ts'
import { MAX_TASK_ID_CHARS } from '../../../../worker/limits.ts'
import { bytesOf, editedBy } from './bytes.ts'

function answer(result: string): Uint8Array {
  return bytesOf(`{"jsonrpc":"2.0","id":1,"result":${result}}`)
}

describe('begunTask()', () => {
  test('finds the task that an answer of either era has begun', () => {
    expect(begunTask(answer('{"task":{"taskId":"a","ttl":5}}'))).toEqual({ task: 'a', ttlMs: 5 })
    expect(begunTask(answer('{"resultType":"task","taskId":"a","ttlMs":null}'))).toEqual({ task: 'a', ttlMs: null })
    expect(begunTask(answer('{"task":{"taskId":"a"}}'))).toEqual({ task: 'a', ttlMs: null })
  })

  test('finds none in what a tool gives back, in an error, and under what is no id', () => {
    const others = [
      '{"content":[],"structuredContent":{"task":{"taskId":"a"}}}',
      '{"taskId":"a"}',
      '{"task":"a"}',
      '{"task":{"taskId":1}}',
      '7',
    ]
    for (const result of others) expect(begunTask(answer(result))).toBeUndefined()
    expect(begunTask(answer(`{"task":{"taskId":"${'x'.repeat(MAX_TASK_ID_CHARS + 1)}"}}`))).toBeUndefined()
    expect(begunTask(bytesOf('{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","data":{"task":{"taskId":"a"}}}}'))).toBeUndefined()
  })

  test('finds it in the first part of an answer that has more', () => {
    expect(begunTask(bytesOf('{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"a","ttl":5},"x":"'))).toEqual({ task: 'a', ttlMs: 5 })
  })
})

test('which requests are about tasks, begin one, or name one', () => {
  expect(isTaskMethod('tasks/other')).toBe(true)
  expect(isTaskMethod('tools/call')).toBe(false)
  expect(asksForTask('tools/call', { task: {} })).toBe(true)
  expect(asksForTask('tools/call', { task: true })).toBe(false)
  expect(asksForTask('prompts/get', { task: {} })).toBe(false)
  expect(declaresTasks({ extensions: { 'io.modelcontextprotocol/tasks': {} } })).toBe(true)
  expect(declaresTasks({ extensions: {}, tasks: {} })).toBe(false)
  expect(namedTask('tasks/get', { taskId: 'a' })).toBe('a')
  expect(namedTask('tasks/get', { taskId: 1 })).toBeUndefined()
  expect(namedTask('x/get', { taskId: 'a' })).toBeUndefined()
})

describe('taskListEdits()', () => {
  const cut = (result: string): string => editedBy(`{"result":${result}}`, (bytes) => taskListEdits(bytes, (task) => task === 'a') ?? [])

  test('leaves what is the client’s own, byte for byte, and all beside the list', () => {
    expect(cut('{"tasks":[{"taskId":"b"} , {"n":1.0,"taskId":"a"}],"nextCursor":"1"}')).toBe(
      '{"result":{"tasks":[{"n":1.0,"taskId":"a"}],"nextCursor":"1"}}',
    )
    expect(cut('{"tasks":[{"taskId":"b"},{"taskId":["a"]},"a",null]}')).toBe('{"result":{"tasks":[]}}')
    expect(cut('{"other":[]}')).toBe('{"result":{"other":[]}}')
  })

  test('an answer whose list is none cannot be read', () => {
    expect(taskListEdits(bytesOf('{"result":{"tasks":{"taskId":"b"}}}'), () => true)).toBeUndefined()
    expect(taskListEdits(bytesOf('{"result":[{"taskId":"b"}]}'), () => true)).toBeUndefined()
  })
})

describe('a listen for tasks', () => {
  test('names them in its filter, and hears of those only that are left there', () => {
    expect(listenedTasks('subscriptions/listen', { notifications: { taskIds: ['a', 1] } })).toEqual(['a'])
    expect(listenedTasks('subscriptions/listen', { notifications: {} })).toBeUndefined()
    expect(listenedTasks('tools/call', { notifications: { taskIds: ['a'] } })).toBeUndefined()
    const listen = '{"params":{"notifications":{"taskIds":["a","b"],"x":1}}}'
    expect(editedBy(listen, (bytes) => listenedTaskEdits(bytes, ['b']))).toBe('{"params":{"notifications":{"taskIds":["b"],"x":1}}}')
  })

  test('has one filter for all readers', () => {
    const has = (params: string): boolean => hasOneFilter(bytesOf(`{"params":${params}}`))
    expect(has('{"notifications":{"taskIds":[]}}')).toBe(true)
    expect(has('{}')).toBe(true)
    expect(has('{"notifications":{},"notifications":{}}')).toBe(false)
    expect(has('{"notifications":{"taskIds":[],"taskids":[]}}')).toBe(false)
    expect(has('{"notifications":{"task_ids":[]}}')).toBe(false)
  })
})

test('needsTasks() reads the refusal of a tool that runs only as a task, and no other', () => {
  const refused = (code: number, required: string): boolean =>
    needsTasks(bytesOf(`{"jsonrpc":"2.0","id":1,"error":{"code":${code},"message":"","data":{"requiredCapabilities":${required}}}}`))
  const tasks = '{"extensions":{"io.modelcontextprotocol/tasks":{}}}'
  expect(refused(-32021, tasks)).toBe(true)
  expect(refused(-32603, tasks)).toBe(false)
  expect(refused(-32021, '{"sampling":{}}')).toBe(false)
  expect(refused(-32021, '7')).toBe(false)
  expect(needsTasks(answer('{}'))).toBe(false)
})

test('withTasksDeclared() declares tasks beside all else', () => {
  const key = 'io.modelcontextprotocol/clientCapabilities'
  const declared = (text: string): unknown => JSON.parse(withTasksDeclared({ [key]: text, other: '1' })[key] ?? '')
  expect(declared('{"roots":{},"extensions":{"x/y":{"z":1}}}')).toEqual({
    roots: {},
    extensions: { 'x/y': { z: 1 }, 'io.modelcontextprotocol/tasks': {} },
  })
  expect(declared('{}')).toEqual({ extensions: { 'io.modelcontextprotocol/tasks': {} } })
  expect(withTasksDeclared({ [key]: '{}', other: '1' })['other']).toBe('1')
})

test('taskState() tells how a task is, and what it leads to byte for byte', () => {
  const state = (result: string) => taskState(answer(result))
  expect(state('{"taskId":"a","status":"working","pollIntervalMs":9}')).toMatchObject({ status: 'working', pollIntervalMs: 9 })
  expect(state('{"status":"completed","result":{"n":1.0}}')?.outcome).toBe('"result":{"n":1.0}')
  expect(state('{"status":"failed","error":{"code":1}}')?.outcome).toBe('"error":{"code":1}')
  expect(state('{"status":"completed"}')?.outcome).toBeUndefined()
  expect(state('{"taskId":"a"}')).toBeUndefined()
  expect(taskState(bytesOf('{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}'))).toBeUndefined()
})
