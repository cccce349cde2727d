/** Knows which tasks a child works on (MCP 2025-11-25, basic/utilities/tasks; SEP-2663), from what it says of them: while it does, it is not idle. No I/O, no clock. */
import { findMember, type Span } from '../../protocol/json/json-scan.ts'
import { OPEN_OBJECT, skipSpace } from '../../protocol/json/json-skip.ts'
import { CHILD_TASKS, TASK_WORK_MS } from '../limits.ts'
import type { RunningCall } from './calls/call-memory.ts'

/** Notifications that say how a task is. */
const STATUS_NOTIFICATION = 'notifications/tasks/status'
const STATUS_NOTIFICATIONS: ReadonlySet<string> = new Set([STATUS_NOTIFICATION, 'notifications/tasks'])

/** Statuses in which a child has yet to do something. */
const WORKING: ReadonlySet<unknown> = new Set(['working', 'input_required'])

const RELATED_TASK = 'io.modelcontextprotocol/related-task'

interface Work {
  /** In monotonic milliseconds. */
  readonly untilMs: number
  /** Canonical progress token of the call that has begun it: it is valid for as long as the child works on the task. */
  readonly token: string | undefined
}

export class ChildTasks {
  /** By id: until when the child may work on it; oldest first. */
  readonly #working = new Map<string, Work>()

  /** Whether the child works on any task within its time. */
  isWorking(nowMs: number): boolean {
    for (const [task, { untilMs }] of this.#working) {
      if (untilMs > nowMs) return true
      this.#working.delete(task)
    }
    return false
  }

  /** Whether progress under this token is that of a task which the child works on, though the call that has begun it is answered. */
  hasToken(token: string, nowMs: number): boolean {
    return this.isWorking(nowMs) && [...this.#working.values()].some((work) => work.token === token)
  }

  /** The child has answered a call. Looked at are only those that are about tasks, or may begin one. */
  answered(
    { method, mayBeginTask, token }: Pick<RunningCall, 'method' | 'mayBeginTask' | 'token'>,
    answer: Uint8Array,
    nowMs: number,
  ): void {
    if (mayBeginTask !== true && !method.startsWith('tasks/')) return
    const result = memberOf(answer, [skipSpace(answer, 0), answer.length], 'result')
    if (method === 'tasks/result') {
      const ended = textOf(answer, memberOf(answer, memberOf(answer, memberOf(answer, result, '_meta'), RELATED_TASK), 'taskId'))
      if (ended !== undefined) this.#working.delete(ended)
    } else this.#note(answer, mayBeginTask === true ? (memberOf(answer, result, 'task') ?? result) : result, nowMs, token)
  }

  /** The child notifies. The id of the task whose client is to hear of it, where the notification does not say for which call it is. */
  notified(method: string, notification: Uint8Array, nowMs: number): string | undefined {
    if (!STATUS_NOTIFICATIONS.has(method)) return undefined
    const params = memberOf(notification, [skipSpace(notification, 0), notification.length], 'params')
    const task = this.#note(notification, params, nowMs)
    return method === STATUS_NOTIFICATION ? task : undefined
  }

  #note(bytes: Uint8Array, of: Span | undefined, nowMs: number, token?: string): string | undefined {
    const task = textOf(bytes, memberOf(bytes, of, 'taskId'))
    const status = textOf(bytes, memberOf(bytes, of, 'status'))
    if (task === undefined || status === undefined) return task
    if (!WORKING.has(status)) this.#working.delete(task)
    else if (!this.#working.has(task)) {
      const ttlMs = Number(rawOf(bytes, memberOf(bytes, of, 'ttl') ?? memberOf(bytes, of, 'ttlMs')) ?? Number.NaN)
      this.#working.set(task, { untilMs: nowMs + (ttlMs >= 0 ? Math.min(ttlMs, TASK_WORK_MS) : TASK_WORK_MS), token })
      const [oldest] = this.#working.keys()
      if (oldest !== undefined && this.#working.size > CHILD_TASKS) this.#working.delete(oldest)
    }
    return task
  }
}

function memberOf(bytes: Uint8Array, of: Span | undefined, key: string): Span | undefined {
  return of !== undefined && bytes[of[0]] === OPEN_OBJECT ? findMember(bytes, of[0], key) : undefined
}

/** More than any id or time has: nothing longer is read. */
const MAX_VALUE_BYTES = 8 * 1024

function rawOf(bytes: Uint8Array, span: Span | undefined): string | undefined {
  if (span === undefined || span[1] - span[0] > MAX_VALUE_BYTES) return undefined
  const raw = Buffer.from(bytes.subarray(...span)).toString('utf8')
  return raw === 'null' ? undefined : raw
}

function textOf(bytes: Uint8Array, span: Span | undefined): string | undefined {
  const raw = rawOf(bytes, span)
  if (raw?.startsWith('"') !== true) return undefined
  try {
    return String(JSON.parse(raw))
  } catch {
    return undefined
  }
}
