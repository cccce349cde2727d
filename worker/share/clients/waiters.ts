/** Calls that wait over RPC. In memory only, since a pending RPC keeps the object awake. */
import { LATE_CALL_MS, MAX_WAITING_CALLS, TURNED_AWAY_MS } from '../../limits.ts'
import type { CallOutcome, RepeatFacts } from '../../contract/share-rpc.ts'

/** A call that has not been answered and whose stream, if it needs one, is not open yet. */
export interface Waiter {
  readonly key: string
  readonly group: string
  readonly agent: string
  readonly session: string
  /** The child's answer is stored, and its failure ends the session. */
  readonly isInitialize: boolean
  /** The session's child was started anew for this call. */
  readonly restarted: boolean
  /** Method and name, of what may ask its client. */
  readonly asker?: string
  /** What tells whether it may be made again, should its agent be lost. */
  readonly repeat?: RepeatFacts
  /** Its Worker has tried before; with `isResend` an agent may have had it then. */
  readonly isRetry?: boolean
  readonly isResend?: boolean
  /** It runs until its client leaves. */
  readonly isListen?: true
  /** Whether the client can take more than the answer. */
  readonly canStream: boolean
  /** Frames that wait for the stream to open; undefined while the RPC has not been resolved. */
  buffer: Uint8Array[] | undefined
  /** Since when they wait, in milliseconds since 1970. */
  bufferedAtMs: number
  readonly resolve: (outcome: CallOutcome) => void
}

export class Waiters {
  readonly #byKey = new Map<string, Waiter>()
  /** Calls that found no agent, and when their Workers last asked, in milliseconds since 1970; oldest first. */
  readonly #turnedAway = new Map<string, number>()
  #resetAtMs = -Infinity

  get size(): number {
    return this.#byKey.size
  }

  get(key: string): Waiter | undefined {
    return this.#byKey.get(key)
  }

  /** Waits for the outcome. A second wait for the same key (a resend) takes the first one's place. */
  wait(key: string, facts: Omit<Waiter, 'key' | 'buffer' | 'bufferedAtMs' | 'resolve'>): Promise<CallOutcome> {
    const { promise, resolve } = Promise.withResolvers<CallOutcome>()
    this.#byKey.get(key)?.resolve({ kind: 'moved' })
    this.#turnedAway.delete(key)
    this.#byKey.set(key, { key, ...facts, buffer: undefined, bufferedAtMs: 0, resolve })
    return promise
  }

  /** Ends the wait with an outcome, which has no effect if the RPC was resolved to a stream before. */
  settle(waiter: Waiter, outcome: CallOutcome): void {
    this.#byKey.delete(waiter.key)
    if (outcome.kind === 'again' || outcome.kind === 'repeat') this.turnAway(waiter.key, Date.now())
    waiter.resolve(outcome)
  }

  /** The stream of a call is open: the RPC resolves, and the caller sends on what waited. */
  moveToStream(key: string): Waiter | undefined {
    const waiter = this.#byKey.get(key)
    if (waiter === undefined) return undefined
    this.#byKey.delete(key)
    waiter.resolve({ kind: 'moved' })
    return waiter
  }

  /** Notes that the object was reset, and no longer knows which calls were turned away. */
  noteReset(nowMs: number): void {
    this.#resetAtMs = nowMs
  }

  /** Notes that a call found no agent, or must be made again: its Worker holds it, and calls again when there is news. */
  turnAway(key: string, nowMs: number): void {
    this.#turnedAway.delete(key)
    this.#turnedAway.set(key, nowMs)
    for (const [old, sinceMs] of this.#turnedAway) {
      if (nowMs - sinceMs < TURNED_AWAY_MS && this.#turnedAway.size <= MAX_WAITING_CALLS) break
      this.#turnedAway.delete(old)
    }
  }

  /**
   * For how long a Worker may still come with a call that no agent has got yet, in milliseconds; 0 when none will. One that was
   * turned away before a reset comes again soon, any other soon after the news, which were told last at `newsMs`.
   */
  onItsWayMs(key: string, newsMs: number, nowMs: number): number {
    const turnedAwayMs = this.#turnedAway.get(key)
    const dueMs = turnedAwayMs === undefined ? this.#resetAtMs : Math.max(turnedAwayMs, newsMs)
    return Math.max(0, dueMs + LATE_CALL_MS - nowMs)
  }

  isBusy(group: string): boolean {
    return this.where((waiter) => waiter.group === group && waiter.isListen !== true).length > 0
  }

  where(test: (waiter: Waiter) => boolean): Waiter[] {
    return [...this.#byKey.values()].filter(test)
  }
}
