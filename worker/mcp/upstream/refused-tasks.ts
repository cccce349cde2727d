/** Keeps tasks away from an upstream: for it all clients of the relay are one, so that each could read and end the tasks of all others. Pure. */
import type { Failure } from '../../../protocol/errors.ts'
import { foldKey } from '../../../protocol/members/routing-keys.ts'
import { splice } from '../../../protocol/splice.ts'
import { editObject, findPath, isObjectAt, rootOf } from '../../bridge/json-view.ts'
import { TASKS_EXTENSION } from '../../bridge/names.ts'
import { hasOneFilter, isTaskMethod, listenedTasks } from '../../bridge/tasks.ts'
import type { ClientMessage } from '../message.ts'

const REFUSED: Failure = { code: 'UPSTREAM_TASKS', executed: 'no' }

/** Why a client's message does not go there, if it is about tasks: in whatever spelling a server may take for the name. */
export function refusalOfTasks({ facts, params, bytes }: Pick<ClientMessage, 'facts' | 'params' | 'bytes'>): Failure | undefined {
  const { kind, method } = facts
  if (kind === 'result' || kind === 'error') return undefined
  if (isTaskMethod(method) || Object.keys(params).some((key) => foldKey(key) === 'task')) return REFUSED
  if (method !== 'subscriptions/listen') return undefined
  return listenedTasks(method, params) !== undefined || !hasOneFilter(bytes) ? REFUSED : undefined
}

/** An answer to initialize or server/discover without what it says of tasks; the same bytes where it says nothing of them. */
export function withoutTaskCapability(answer: Uint8Array): Uint8Array {
  const withoutCore = cut(answer, 'tasks', 'result', 'capabilities')
  return cut(withoutCore, TASKS_EXTENSION, 'result', 'capabilities', 'extensions')
}

function cut(answer: Uint8Array, member: string, ...path: readonly string[]): Uint8Array {
  const object = findPath(answer, rootOf(answer), ...path)
  const edits = isObjectAt(answer, object) ? editObject(answer, object[0], { drop: (key) => key === member }) : []
  return edits.length === 0 ? answer : splice(answer, edits)
}
