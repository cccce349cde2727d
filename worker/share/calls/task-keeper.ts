/** Knows whose task each is and which process has it, and notes each once, when it is made. What a process says of its tasks finds its client by it. */
import { MAX_TASK_ID_CHARS, TASK_KEPT_MS } from '../../limits.ts'
import { MODERN_SHARED_GROUP, modernGroup, SHARED_GROUP } from '../../contract/groups.ts'
import type { RootOf } from '../../contract/trust/principals.ts'
import { groupOfPlace, type NoteTask, type TaskAnswer, type TaskOrder, type TaskPlace } from '../../contract/tasks.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import type { Store } from '../rows/store.ts'

interface Parts {
  readonly store: Store
  readonly channels: GroupChannels
  /** As which a principal counts, and all principals that count as one. */
  readonly rootOf: RootOf
  readonly allOf: (root: string) => readonly string[]
}

const NOTHING_KNOWN: TaskAnswer = { known: [] }

export class TaskKeeper {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  obey(order: TaskOrder, nowMs: number): TaskAnswer {
    const { tasks } = this.#parts.store
    switch (order.op) {
      case 'note':
        return order.task.length > MAX_TASK_ID_CHARS ? NOTHING_KNOWN : this.#note(order, nowMs)
      case 'find': {
        const { principal, tasks: named } = order
        const ids = named === undefined ? [undefined] : [...new Set(named)]
        return { known: ids.flatMap((id) => tasks.of(principal, id, nowMs)) }
      }
      case 'drop':
        tasks.drop(order.principal, order.task, order.place)
        return NOTHING_KNOWN
    }
  }

  #note({ principal, task, place, tool, ttlMs, role }: NoteTask, nowMs: number): TaskAnswer {
    const { store, rootOf, allOf } = this.#parts
    const group = this.#groupAt(place)
    const isShared = group === SHARED_GROUP || group === MODERN_SHARED_GROUP
    const other = isShared ? store.tasks.inGroup(group, task, nowMs).find((one) => one.principal !== principal) : undefined
    if (other !== undefined) {
      store.tasks.drop(other.principal, task, other.place)
      return { known: [], clash: other }
    }
    // The lane of the process needs to know only of what outlives its client's stream there, or must be told from others'.
    const isNeeded = role === 'keeper' || isShared || store.sessions.get(place)?.transport === 'sse'
    if (!isNeeded) return NOTHING_KNOWN
    const expiresAtMs = nowMs + TASK_KEPT_MS
    const endsAtMs = nowMs + Math.min(ttlMs ?? TASK_KEPT_MS, TASK_KEPT_MS)
    const row = { principal, task, place, ...(tool === undefined ? {} : { tool }), group, endsAtMs, expiresAtMs }
    store.tasks.put(row, allOf(rootOf(principal)), nowMs)
    return NOTHING_KNOWN
  }

  /** The group whose child serves a place; empty where that is another lane's. */
  #groupAt(place: TaskPlace): string {
    const { store, channels } = this.#parts
    const name = groupOfPlace(place)
    if (name !== undefined) return [modernGroup(name), MODERN_SHARED_GROUP].find((group) => store.channels.get(group) !== undefined) ?? ''
    const session = store.sessions.get(place)
    return session === undefined ? '' : channels.groupFor(session)
  }
}
