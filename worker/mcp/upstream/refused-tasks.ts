/** Keeps tasks away from an upstream: for it all clients of the relay are one, so that each could read and end the tasks of all others. Pure. */
import type { Failure } from '../../../protocol/errors.ts'
import type { Span } from '../../../protocol/json/json-scan.ts'
import { foldKey } from '../../../protocol/members/routing-keys.ts'
import { memberNamed, membersAt, orUndefined } from '../../../protocol/policy/json-members.ts'
import { splice } from '../../../protocol/splice.ts'
import { editObject, findPath, isObjectAt, rootOf } from '../../bridge/json-view.ts'
import { META, TASKS_EXTENSION } from '../../bridge/names.ts'
import { hasOneFilter, isTaskMethod, listenedTasks } from '../../bridge/tasks.ts'
import type { ClientMessage } from '../message.ts'

const REFUSED: Failure = { code: 'UPSTREAM_TASKS', executed: 'no' }
const UNCLEAR: Failure = { ...REFUSED, detail: 'what its client declares can be read in two ways' }

/** Why a client's message does not go there, if it is about tasks: in whatever spelling a server may take for the name. */
export function refusalOfTasks({ facts, params, bytes }: Pick<ClientMessage, 'facts' | 'params' | 'bytes'>): Failure | undefined {
  const { kind, method } = facts
  if (kind === 'result' || kind === 'error') return undefined
  if (isTaskMethod(method) || Object.keys(params).some((key) => foldKey(key) === 'task')) return REFUSED
  if (method !== 'subscriptions/listen') return undefined
  return listenedTasks(method, params) !== undefined || !hasOneFilter(bytes) ? REFUSED : undefined
}

/** A request without what its client declares of tasks: an upstream that is told so answers with tasks, which nobody could fetch. The failure where readers would find different things declared. */
export function withoutDeclaredTasks(method: string, request: Uint8Array): Uint8Array | Failure {
  const withoutTasks = orUndefined(() => {
    const opening = method === 'initialize' ? withoutDeclared(request, 'capabilities') : request
    return withoutDeclared(opening, '_meta', META.clientCapabilities)
  })
  return withoutTasks ?? UNCLEAR
}

/** @throws {ScanFault} where one of these keys stands twice, or one that some reader holds equal. */
function withoutDeclared(message: Uint8Array, ...path: readonly string[]): Uint8Array {
  const declared = certainPath(message, 'params', ...path)
  if (!isObjectAt(message, declared)) return message
  const withoutCore = dropped(message, declared[0], 'tasks')
  const extensions = memberNamed(membersAt(withoutCore, declared[0]), 'extensions')
  return isObjectAt(withoutCore, extensions) ? dropped(withoutCore, extensions[0], TASKS_EXTENSION) : withoutCore
}

function certainPath(message: Uint8Array, ...path: readonly string[]): Span | undefined {
  const root = rootOf(message)
  return path.reduce<Span | undefined>(
    (within, key) => (isObjectAt(message, within) ? memberNamed(membersAt(message, within[0]), key) : undefined),
    [root, root],
  )
}

/** The message without a member of the object that begins there, in any spelling that a reader may take for it. */
function dropped(message: Uint8Array, open: number, member: string): Uint8Array {
  const folded = foldKey(member)
  const edits = editObject(message, open, { drop: (key) => foldKey(key) === folded })
  return edits.length === 0 ? message : splice(message, edits)
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
