/** Which lane and which group's child a request of 2026-07-28 goes to where it is about tasks: the process that has the task, whatever its client declares now. */
import type { Failure } from '../../../protocol/errors.ts'
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import type { ServedName } from '../../../protocol/served-names.ts'
import { splice } from '../../../protocol/splice.ts'
import type { Envelope } from '../../bridge/envelope.ts'
import { TASKS_EXTENSION } from '../../bridge/names.ts'
import { declaresTasks, hasOneFilter, isTaskMethod, listenedTaskEdits, listenedTasks, namedTask } from '../../bridge/tasks.ts'
import { aboutTask, groupOfPlace, groupPlace, type KnownTask } from '../../contract/tasks.ts'
import { findTasks } from '../call/tasks.ts'
import type { ClientMessage } from '../message.ts'
import { judgeFor } from '../policy/bounds.ts'
import type { Visitor } from '../visitor.ts'

/** Where a request goes, and as what. */
export interface TaskRoute {
  readonly message: ClientMessage
  readonly group: string
  /** Hashes to the lane. */
  readonly lane: string
  /** Of one that names a task: what has begun that. */
  readonly about?: ServedName
}

/** Whose request it is: its principal, and the group of clients that say the same of themselves. */
interface Client {
  readonly visitor: Visitor
  readonly principal: string
  readonly group: string
}

/** Of 2025-11-25 only. A server that gives a list all the same would list what others have begun. */
const REMOVED: ReadonlySet<string> = new Set(['tasks/list', 'tasks/result'])

/** `group`: its client's own. Nothing is asked for a request that names no task. */
export async function taskRoute(client: Client, message: ClientMessage, { declared }: Envelope): Promise<TaskRoute | Failure> {
  const { visitor, principal, group } = client
  const { method } = message.facts
  const isDeclared = declaresTasks(declared) && !visitor.isAnonymous
  // Tasks are begun where all of their principal's are known.
  const own = { message, group, lane: isDeclared ? principal : group }
  if (method === 'subscriptions/listen') return listenRoute(client, own)
  if (REMOVED.has(method)) return { code: 'METHOD_UNKNOWN' }
  if (!isTaskMethod(method) || message.params['taskId'] === undefined) return own
  const task = namedTask(method, message.params)
  const known = task === undefined ? [] : await tasksOf(client, [task])
  const place = placeOf(known, group)
  const about = aboutTask(known.find((one) => one.place === place) ?? {})
  if (place !== undefined) return { message, group: groupOfPlace(place) ?? group, lane: principal, ...about }
  // As its server would say first (SEP-2663, capabilities).
  const requiredCapabilities = { extensions: { [TASKS_EXTENSION]: {} } }
  return isDeclared ? { code: 'TASK_NOT_FOUND', executed: 'no' } : { code: 'CAPABILITY_REQUIRED', requiredCapabilities }
}

/** A listen hears of its principal's tasks in one process: those of the client's own, or else of the one that has begun the latest. */
async function listenRoute(client: Client, own: TaskRoute): Promise<TaskRoute | Failure> {
  const { message } = own
  if (!hasOneFilter(message.bytes)) return { code: 'PARAMS_INVALID', at: 'notifications', detail: 'stands twice, or has what stands twice' }
  const wanted = listenedTasks(message.facts.method, message.params)
  if (wanted === undefined) return own
  const known = wanted.length === 0 ? [] : await tasksOf(client, wanted)
  const place = placeOf(known, client.group)
  const heard = known.filter((one) => one.place === place).map(({ task }) => task)
  const bytes = splice(message.bytes, listenedTaskEdits(message.bytes, heard))
  const facts = scanMessage(bytes)
  if (!facts.ok) return { code: 'INVALID_REQUEST' }
  const edited = { ...own, message: { ...message, bytes, facts: facts.value } }
  return place === undefined ? edited : { ...edited, group: groupOfPlace(place) ?? client.group, lane: client.principal }
}

/** The tasks of these ids that the client has begun without a session, of tools that it may still call. */
async function tasksOf({ visitor, principal }: Client, ids: readonly string[]): Promise<KnownTask[]> {
  if (visitor.isAnonymous) return []
  const share = visitor.shareFor(principal)
  const known = await findTasks(share, principal, ids)
  const judge = judgeFor(share)
  return known.filter(({ place, tool }) => groupOfPlace(place) !== undefined && (tool === undefined || judge.names(tool)))
}

/** Of processes that have given the same id, the client's own, or else the one that gave it last. */
function placeOf(known: readonly KnownTask[], group: string): string | undefined {
  const own = groupPlace(group)
  return known.some(({ place }) => place === own) ? own : known[0]?.place
}
