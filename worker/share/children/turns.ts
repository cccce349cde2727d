/** Whose turn it is on a group's child: what may ask its client runs there alone, for a while others wait, and only then is a spare child thought of. */
import { groupOf } from '../../contract/groups.ts'
import type { RootOf } from '../../contract/trust/principals.ts'
import { CANCELLED_DOUBT_MS, TURN_WAIT_MS } from '../../asking-limits.ts'
import { MAX_CACHED_SERVERS } from '../../limits.ts'
import { Newest } from '../../newest.ts'
import type { Store } from '../rows/store.ts'
import type { Askers, RunningAsker } from './askers.ts'
import type { GroupRoots } from './group-roots.ts'

interface Parts {
  readonly store: Store
  readonly askers: Askers
  readonly roots: GroupRoots
  readonly rootOf: RootOf
}

/** Where a call runs: on its group's own child, apart on a spare one, or nowhere since its client has left. */
export type Turn = 'own' | 'apart' | 'gone'

/** A call that may ask, and whose it is. */
interface Asking extends RunningAsker {
  readonly principal: string
}

interface Waiting extends RunningAsker {
  readonly ch: string
  /** As whom it counts. */
  readonly root: string
  readonly isAskable: boolean
  readonly timer: ReturnType<typeof setTimeout>
  readonly resolve: (turn: Turn) => void
}

export class Turns {
  readonly #parts: Parts
  /** By group, in the order in which they came. */
  readonly #waiting = new Map<string, Waiting[]>()
  /** By group: when a call of it was cancelled that may have asked. */
  readonly #cancelledAtMs = new Newest<number>(MAX_CACHED_SERVERS)

  #size = 0
  /** How many wait, by as whom they count. */
  readonly #counts = new Map<string, number>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** How many calls wait. */
  get size(): number {
    return this.#size
  }

  /** The same of all that count as this principal. */
  waitingOf(root: string): number {
    return this.#counts.get(root) ?? 0
  }

  /**
   * For a call of a principal that may ask and is about to be sent to this channel. It waits no longer than TURN_WAIT_MS. `isAskable`: its
   * client can be asked for more than roots, so that a name of which nothing is known yet is first seen alone.
   */
  take({ asker, key, principal }: Asking, ch: string, isAskable: boolean): Turn | Promise<Turn> {
    const { askers } = this.#parts
    const group = groupOf(ch)
    // The agent could not tell its asks from those of the cancelled call.
    if (this.isDoubtful(group, Date.now()) && askers.mayAsk(group, asker)) return 'apart'
    const isFirst = this.#waiting.get(group) === undefined || askers.isQuiet(group, asker)
    if (isFirst && this.#mayStart({ asker, key, ch, isAskable })) return 'own'
    const root = this.#parts.rootOf(principal)
    this.#add(root, 1)
    const { promise, resolve } = Promise.withResolvers<Turn>()
    const timer = setTimeout(() => this.#end(group, key, this.#mayStartLate({ asker, key, ch }) ? 'own' : 'apart'), TURN_WAIT_MS)
    this.#waiting.set(group, [...(this.#waiting.get(group) ?? []), { key, asker, ch, root, isAskable, timer, resolve }])
    return promise
  }

  /** Something on a group's child has ended or begun: whose turn it is now goes on. One at a time: the next looks again once that runs. */
  look(group: string): void {
    const waiting = this.#waiting.get(group)
    if (waiting === undefined) return
    const [first] = waiting
    const next = waiting.find((one) => (one === first || this.#parts.askers.isQuiet(group, one.asker)) && this.#mayStart(one))
    if (next !== undefined) this.#end(group, next.key, 'own')
  }

  /** The client of a call has left: it need not run any more if it waits. */
  cancelled(group: string, key: string): void {
    const call = this.#parts.askers.running(group).find((running) => running.key === key)
    if (call !== undefined) this.left(group, call.asker)
    this.#end(group, key, 'gone')
  }

  /** The group's child is gone: who waits for it looks anew. */
  childGone(group: string): void {
    for (const { key } of this.#waiting.get(group) ?? []) this.#end(group, key, 'gone')
  }

  /** Nobody waits any more for a call that goes on until the child heeds its cancel: for a while nobody knows whose an ask is. */
  left(group: string, asker: string): void {
    if (!this.#parts.askers.isQuiet(group, asker)) this.#cancelledAtMs.set(group, Date.now())
  }

  /** Whether a cancelled call may still ask on the group's child. */
  isDoubtful(group: string, nowMs: number): boolean {
    return nowMs - (this.#cancelledAtMs.get(group) ?? -Infinity) < CANCELLED_DOUBT_MS
  }

  #mayStart(call: Omit<Waiting, 'root' | 'timer' | 'resolve'>): boolean {
    const { askers, roots } = this.#parts
    const { asker, key, ch, isAskable } = call
    // What a client is being asked for is told before others begin, as it would be over stdio.
    if (roots.isAsking(ch, Date.now())) return false
    if (!this.#mayStartLate(call)) return false
    const isQuiet = (name: string): boolean => askers.isQuiet(groupOf(ch), name)
    return !isAskable || isQuiet(asker) || this.#others(ch, key).every((other) => isQuiet(other.asker))
  }

  /** Of a call that has waited: whether no more is in its way than what it would have to wait for at any time. */
  #mayStartLate({ asker, key, ch }: Pick<Waiting, 'asker' | 'key' | 'ch'>): boolean {
    const { askers, store } = this.#parts
    const group = groupOf(ch)
    if (askers.isQuiet(group, asker)) return true
    // While another call waits there for its client, an ask of an unknown name could be either's.
    if (store.bridge.parkedOn(ch).some(({ isForRoots }) => !isForRoots)) return false
    const isAlone = askers.mayAsk(group, asker)
    return this.#others(ch, key).every((other) => (isAlone ? askers.isQuiet(group, other.asker) : !askers.mayAsk(group, other.asker)))
  }

  #others(ch: string, key: string): RunningAsker[] {
    return this.#parts.askers.running(groupOf(ch)).filter((other) => other.key !== key)
  }

  #add(root: string, count: number): void {
    this.#size += count
    const now = this.waitingOf(root) + count
    if (now === 0) this.#counts.delete(root)
    else this.#counts.set(root, now)
  }

  #end(group: string, key: string, turn: Turn): void {
    const waiting = this.#waiting.get(group) ?? []
    const entry = waiting.find((one) => one.key === key)
    if (entry === undefined) return
    this.#add(entry.root, -1)
    clearTimeout(entry.timer)
    const rest = waiting.filter((one) => one !== entry)
    if (rest.length === 0) this.#waiting.delete(group)
    else this.#waiting.set(group, rest)
    entry.resolve(turn)
  }
}
