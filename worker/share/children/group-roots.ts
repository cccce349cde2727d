/** What the clients of a group have said of their roots, and the requests of its child for them that wait. Never an answer that no client gave. */
import { KEPT_ROOTS_MS, MAX_KEPT_ROOTS_CHARS, MAX_WAITING_ROOTS, ROOTS_ASKED_MS } from '../../asking-limits.ts'
import { MAX_CACHED_SERVERS } from '../../limits.ts'
import { groupOf, mainGroup } from '../../contract/groups.ts'
import { Newest } from '../../newest.ts'
import type { Store } from '../rows/store.ts'
import type { Askers } from './askers.ts'

interface Parts {
  readonly store: Store
  readonly askers: Askers
}

export class GroupRoots {
  readonly #parts: Parts
  /** By group: the result that a client gave, as JSON text; and whether its clients have said that they have roots. */
  readonly #kept = new Newest<{ readonly result: string; readonly atMs: number }>(MAX_CACHED_SERVERS)
  readonly #canTell = new Newest<boolean>(MAX_CACHED_SERVERS)
  /** By channel: the call on which its client is being asked. */
  readonly #asked = new Newest<{ readonly key: string; readonly rawId: string; readonly atMs: number }>(MAX_CACHED_SERVERS)

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** The clients of a group have declared roots, or none. */
  noteClient(group: string, canTell: boolean): void {
    if (this.#canTell.get(group) !== canTell) this.#canTell.set(group, canTell)
  }

  /** Whether a channel's clients are known to have no roots: then their child must not ask. */
  hasNone(ch: string): boolean {
    return this.#canTell.get(mainGroup(groupOf(ch))) === false
  }

  /** What a client said, while that holds. */
  answerFor(ch: string, nowMs: number): string | undefined {
    const kept = this.#kept.get(mainGroup(groupOf(ch)))
    return kept === undefined || nowMs - kept.atMs >= KEPT_ROOTS_MS ? undefined : kept.result
  }

  keep(ch: string, result: string, nowMs: number): void {
    if (result.length <= MAX_KEPT_ROOTS_CHARS) this.#kept.set(mainGroup(groupOf(ch)), { result, atMs: nowMs })
  }

  /** Lets a request of the child wait. Returns the one that has to give way, if there are too many. */
  wait(ch: string, rawId: string): string | undefined {
    const { bridge } = this.#parts.store
    const [oldest] = bridge.waitingRoots(ch)
    bridge.putWaitingRoots(ch, rawId)
    if (oldest === undefined || bridge.waitingRoots(ch).length <= MAX_WAITING_ROOTS) return undefined
    bridge.dropWaitingRoots(ch, oldest)
    return oldest
  }

  /** Ids of the requests that wait, oldest first. */
  waiting(ch: string): readonly string[] {
    return this.#parts.store.bridge.waitingRoots(ch)
  }

  /** A request is answered. */
  settle(ch: string, rawId: string): void {
    this.#parts.store.bridge.dropWaitingRoots(ch, rawId)
    if (this.#asked.get(ch)?.rawId === rawId) this.#asked.delete(ch)
  }

  /** The children of a group have ended, and all that they asked; but the one of this channel, if one is named. */
  forget(group: string, exceptCh?: string): void {
    this.#parts.store.bridge.dropWaitingRootsOf(group, exceptCh)
  }

  /** The client of a call is being asked for what this request wants to know. */
  asking(ch: string, key: string, rawId: string, nowMs: number): void {
    this.#asked.set(ch, { key, rawId, atMs: nowMs })
  }

  /** Whether a client is being asked; not any more when its call has ended, or for longer than a client takes. */
  isAsking(ch: string, nowMs: number): boolean {
    const asked = this.#asked.get(ch)
    if (asked === undefined || nowMs - asked.atMs >= ROOTS_ASKED_MS) return false
    return this.#parts.askers.isRunning(asked.key) || this.#parts.store.bridge.parkedOn(ch).some(({ key }) => key === asked.key)
  }
}
