/** Tasks of both eras, as far as the relay looks at them: which calls may begin one, which requests name one, and what an answer says of it (MCP 2025-11-25, basic/utilities/tasks; SEP-2663). Pure. */
import { readElements } from '../../protocol/json/array-elements.ts'
import { isObject, type JsonObject } from '../../protocol/json/json-object.ts'
import { memberNamed, membersAt, orUndefined, paramsMember } from '../../protocol/policy/json-members.ts'
import { type Replacement, replacement } from '../../protocol/splice.ts'
import { MAX_TASK_ID_CHARS } from '../limits.ts'
import { findPath, isArrayAt, isObjectAt, rootOf, scalarAt, textAt, valueStart } from './json-view.ts'
import { META, objectIn, TASKS_EXTENSION } from './names.ts'
import { ERRORS } from '../../protocol/error-table.ts'

/** What an answer says of the task that it has begun. */
export interface BegunTask {
  readonly task: string
  /** How long the server keeps it, in milliseconds; null for as long as it likes. */
  readonly ttlMs: number | null
}

export const TASKS_LIST = 'tasks/list'
/** Of 2025-11-25: is answered when the task has ended. */
export const TASKS_RESULT = 'tasks/result'

/** Whether a request is about tasks: those go to the process that has the task. */
export function isTaskMethod(method: string): boolean {
  return method.startsWith('tasks/')
}

/** Whether a client of the handshake era wants a call of a tool to be run as a task. */
export function asksForTask(method: string, params: JsonObject): boolean {
  return method === 'tools/call' && isObject(params['task'])
}

/** Whether a client without sessions declares in a request that a call of a tool may become a task. */
export function declaresTasks(capabilities: JsonObject): boolean {
  return objectIn(objectIn(capabilities, 'extensions'), TASKS_EXTENSION) !== undefined
}

/** The task that a request names; undefined for one that names none, or whose name is too long to be one that is known. */
export function namedTask(method: string, params: JsonObject): string | undefined {
  const { taskId } = params
  return isTaskMethod(method) && isTaskId(taskId) ? taskId : undefined
}

function isTaskId(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TASK_ID_CHARS
}

/** The task that the answer to a call of a tool has begun: nested in the handshake era, flat in 2026-07-28. `answer` may be its first part only. */
export function begunTask(answer: Uint8Array): BegunTask | undefined {
  const result = valueStart(answer, rootOf(answer), 'result')
  if (result === undefined) return undefined
  const nested = findPath(answer, result, 'task')
  const isFlat = scalarAt(answer, findPath(answer, result, 'resultType')) === 'task'
  const at = isFlat ? result : isObjectAt(answer, nested) ? nested[0] : undefined
  if (at === undefined) return undefined
  const task = scalarAt(answer, findPath(answer, at, 'taskId'))
  const ttlMs = scalarAt(answer, findPath(answer, at, isFlat ? 'ttlMs' : 'ttl'))
  return isTaskId(task) ? { task, ttlMs: typeof ttlMs === 'number' && ttlMs >= 0 ? ttlMs : null } : undefined
}

/** Takes out of the answer to tasks/list what `isOwn` does not say to be the client's; undefined when the list cannot be read. The answer must be whole. */
export function taskListEdits(answer: Uint8Array, isOwn: (task: string) => boolean): Replacement[] | undefined {
  const result = findPath(answer, rootOf(answer), 'result')
  if (!isObjectAt(answer, result)) return result === undefined ? [] : undefined
  const list = findPath(answer, result[0], 'tasks')
  if (list === undefined) return []
  if (!isArrayAt(answer, list)) return undefined
  const own = readElements(answer, list[0]).elements.filter((entry) => {
    const task = isObjectAt(answer, entry) ? scalarAt(answer, findPath(answer, entry[0], 'taskId')) : undefined
    return typeof task === 'string' && isOwn(task)
  })
  return [replacement(list, `[${own.map((entry) => textAt(answer, entry)).join(',')}]`)]
}

/** The tasks of which a listen wants to hear (SEP-2663, `taskIds`). */
export function listenedTasks(method: string, params: JsonObject): string[] | undefined {
  const ids = method === 'subscriptions/listen' ? objectIn(params, 'notifications')?.['taskIds'] : undefined
  return Array.isArray(ids) ? ids.filter(isTaskId) : undefined
}

/** Whether all readers find the same filter in a listen, and the same tasks in that. */
export function hasOneFilter(listen: Uint8Array): boolean {
  const isOne = orUndefined(() => {
    const filter = paramsMember(listen, 'notifications')
    if (isObjectAt(listen, filter)) memberNamed(membersAt(listen, filter[0]), 'taskIds')
    return true
  })
  return isOne === true
}

/** What makes a listen hear of these tasks only. */
export function listenedTaskEdits(body: Uint8Array, tasks: readonly string[]): Replacement[] {
  const span = findPath(body, rootOf(body), 'params', 'notifications', 'taskIds')
  return span === undefined ? [] : [replacement(span, JSON.stringify(tasks))]
}

/** Whether a server's error says that it needs its client to declare tasks, and that it has run nothing (SEP-2663, required capabilities). */
export function needsTasks(answer: Uint8Array): boolean {
  const error = findPath(answer, rootOf(answer), 'error')
  if (!isObjectAt(answer, error) || scalarAt(answer, findPath(answer, error[0], 'code')) !== ERRORS.CAPABILITY_REQUIRED.rpc) return false
  return findPath(answer, error[0], 'data', 'requiredCapabilities', 'extensions', TASKS_EXTENSION) !== undefined
}

/** The envelope of a request, as JSON texts by key, of a client that knows of tasks beside all else that it declares. */
export function withTasksDeclared(envelope: Readonly<Record<string, string>>): Record<string, string> {
  const declared: unknown = JSON.parse(envelope[META.clientCapabilities] ?? '{}')
  const extensions = { ...objectIn(declared, 'extensions'), [TASKS_EXTENSION]: {} }
  return { ...envelope, [META.clientCapabilities]: JSON.stringify({ ...(isObject(declared) ? declared : {}), extensions }) }
}

/** What an answer to tasks/get of 2026-07-28 says. */
export interface TaskState {
  readonly status: string
  readonly pollIntervalMs?: number
  /** The whole answer: one that asks has its requests where one that requires input has them. */
  readonly answer: Uint8Array
  /** What the call would have been answered without a task, as JSON text: `"result":{…}` or `"error":{…}`. */
  readonly outcome?: string
}

/** Undefined for an answer that says nothing of a task. */
export function taskState(answer: Uint8Array): TaskState | undefined {
  const result = findPath(answer, rootOf(answer), 'result')
  if (!isObjectAt(answer, result)) return undefined
  const status = scalarAt(answer, findPath(answer, result[0], 'status'))
  if (typeof status !== 'string') return undefined
  const pollIntervalMs = scalarAt(answer, findPath(answer, result[0], 'pollIntervalMs'))
  const member = status === 'completed' ? 'result' : 'error'
  const span = findPath(answer, result[0], member)
  return {
    status,
    answer,
    ...(typeof pollIntervalMs === 'number' ? { pollIntervalMs } : {}),
    ...(isObjectAt(answer, span) ? { outcome: `"${member}":${textAt(answer, span)}` } : {}),
  }
}
