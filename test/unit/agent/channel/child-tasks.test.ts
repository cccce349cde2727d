import { describe, expect, test } from 'vitest'
import { ChildTasks } from '../../../../agent/channel/child-tasks.ts'
import { CHILD_TASKS, TASK_WORK_MS } from '../../../../agent/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'

const CALL = { method: 'tools/call', mayBeginTask: true } as const

function answered(tasks: ChildTasks, call: Parameters<ChildTasks['answered']>[0], result: object, nowMs = 0): void {
  tasks.answered(call, Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result })), nowMs)
}

function notified(tasks: ChildTasks, method: string, params: object, nowMs = 0): string | undefined {
  return tasks.notified(method, Buffer.from(JSON.stringify({ jsonrpc: '2.0', method, params })), nowMs)
}

/** A child that works on the task `one` for a second. */
function working(): ChildTasks {
  const tasks = new ChildTasks()
  answered(tasks, CALL, { task: { taskId: 'one', status: 'working', ttl: 1000 } })
  return tasks
}

describe('ChildTasks.isWorking()', () => {
  test.each([
    ['nested, as in 2025-11-25', { task: { taskId: 'one', status: 'working', ttl: 1000 } }],
    ['flat, as in SEP-2663', { resultType: 'task', taskId: 'one', status: 'input_required', ttlMs: 1000 }],
  ])('is true from the answer that begins a task (%s), until its time is over', (_, result) => {
    verifies('promise.13.working')
    const tasks = new ChildTasks()
    expect(tasks.isWorking(0)).toBe(false)
    answered(tasks, CALL, result)
    expect(tasks.isWorking(999)).toBe(true)
    expect(tasks.isWorking(1000)).toBe(false)
  })

  test.each([null, undefined, -1, 2 * TASK_WORK_MS, 'long'])('ends after TASK_WORK_MS where the time to live is %s', (ttl) => {
    const tasks = new ChildTasks()
    answered(tasks, CALL, { task: { taskId: 'one', status: 'working', ttl } })
    expect(tasks.isWorking(TASK_WORK_MS - 1)).toBe(true)
    expect(tasks.isWorking(TASK_WORK_MS)).toBe(false)
  })

  test('is false once the child says that the task has ended, in whichever way it says so', () => {
    for (const status of ['completed', 'failed', 'cancelled']) {
      const polled = working()
      answered(polled, { method: 'tasks/get' }, { taskId: 'one', status })
      expect(polled.isWorking(1)).toBe(false)
      const told = working()
      notified(told, 'notifications/tasks/status', { taskId: 'one', status })
      expect(told.isWorking(1)).toBe(false)
      const heard = working()
      notified(heard, 'notifications/tasks', { taskId: 'one', status })
      expect(heard.isWorking(1)).toBe(false)
    }
    const given = working()
    answered(given, { method: 'tasks/result' }, { content: [], _meta: { 'io.modelcontextprotocol/related-task': { taskId: 'one' } } })
    expect(given.isWorking(1)).toBe(false)
  })

  test('a child that was started anew works on what it says that it works on, and a later look does not give it more time', () => {
    const tasks = new ChildTasks()
    answered(tasks, { method: 'tasks/get' }, { taskId: 'one', status: 'working', ttl: 1000 })
    answered(tasks, { method: 'tasks/get' }, { taskId: 'one', status: 'working', ttl: 1000 }, 900)
    expect(tasks.isWorking(999)).toBe(true)
    expect(tasks.isWorking(1000)).toBe(false)
  })

  test('knows nothing of answers to other calls, of ids that are no texts, and of what cannot be read', () => {
    const tasks = new ChildTasks()
    answered(tasks, { method: 'tools/call' }, { task: { taskId: 'one', status: 'working' } })
    answered(tasks, CALL, { content: [] })
    answered(tasks, CALL, { task: { taskId: 1, status: 'working' } })
    answered(tasks, CALL, { task: { taskId: 'x'.repeat(10_000), status: 'working' } })
    tasks.answered(CALL, Buffer.from('{"jsonrpc":"2.0","id":1,"result":7}'), 0)
    expect(tasks.isWorking(1)).toBe(false)
  })

  test('forgets the oldest of more than CHILD_TASKS', () => {
    const tasks = working()
    for (let count = 0; count < CHILD_TASKS; count++) answered(tasks, CALL, { task: { taskId: `t${count}`, status: 'working', ttl: 1 } })
    expect(tasks.isWorking(500)).toBe(false)
  })
})

test('ChildTasks.notified() names the task of a notification that belongs to no call', () => {
  verifies('promise.13.told')
  const tasks = new ChildTasks()
  expect(notified(tasks, 'notifications/tasks/status', { taskId: 'ö"1', status: 'working' })).toBe('ö"1')
  expect(notified(tasks, 'notifications/tasks', { taskId: 'one', status: 'working' })).toBeUndefined()
  expect(notified(tasks, 'notifications/message', { taskId: 'one', status: 'working' })).toBeUndefined()
  expect(notified(tasks, 'notifications/tasks/status', {})).toBeUndefined()
})

test('ChildTasks.hasToken() knows the progress token of a call for as long as the child works on the task that it has begun', () => {
  const tasks = new ChildTasks()
  answered(tasks, { ...CALL, token: '"t"' }, { task: { taskId: 'one', status: 'working', ttl: 1000 } })
  expect([tasks.hasToken('"t"', 1), tasks.hasToken('t', 1), tasks.hasToken('"t"', 1000)]).toEqual([true, false, false])
  answered(tasks, { ...CALL, token: '7' }, { task: { taskId: 'two', status: 'working', ttl: 1000 } })
  notified(tasks, 'notifications/tasks/status', { taskId: 'two', status: 'completed' })
  expect(tasks.hasToken('7', 1)).toBe(false)
})
