/** Calls that wait over RPC. In memory only, since a pending RPC keeps the object awake. */
import { ANONYMOUS } from '../../../protocol/handshake.ts'
import {
  LATE_CALL_MS,
  MAX_ANONYMOUS_WAITING_CALLS,
  MAX_RPC_WAIT_MS,
  MAX_WAITING_CALLS,
  MAX_WAITING_CALLS_OF_PRINCIPAL,
  MOVING_MS,
  TAKEOVER_WAIT_MS,
  TOLD_CALL_MS,
  TURNED_AWAY_MS,
} from '../../limits.ts'
import { itself, type RootOf } from '../../contract/trust/principals.ts'
import type { CallOutcome, RepeatFacts } from '../../contract/share-rpc.ts'

/** A call that has not been answered and whose stream, if it needs one, is not open yet. */
export interface Waiter {
  readonly key: string
  readonly group: string
  readonly agent: string
  /** The channel to which it was sent, where its failures on another one say nothing of it. */
  readonly ch?: string
  readonly session: string
  readonly principal: string
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
  /** When it has waited for so long that its Worker may be gone, in milliseconds since 1970. */
  overdueAtMs: number
  readonly resolve: (outcome: CallOutcome) => void
}

export type WaiterFacts = Omit<Waiter, 'key' | 'buffer' | 'bufferedAtMs' | 'overdueAtMs' | 'resolve'>

export class Waiters {
  readonly #byKey = new Map<string, Waiter>()
  readonly #overdue: (waiter: Waiter) => void
  readonly #elsewhere: (root: string, exact: boolean) => number
  readonly #rootOf: RootOf
  /** One for all, set while any waits. */
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Calls that found no agent, and when their Workers last asked, in milliseconds since 1970; oldest first. */
  readonly #turnedAway = new Map<string, { readonly atMs: number; readonly newsMark: number | undefined }>()
  #resetAtMs = -Infinity

  /** `overdue` is called for each that has waited for MAX_RPC_WAIT_MS, and again after MOVING_MS: it ends it, or lets it wait on. `elsewhere`: how many calls of all that count as a principal wait by socket, for their turn on a child, or for an agent. */
  constructor(overdue: (waiter: Waiter) => void, elsewhere = (_root: string, _exact: boolean): number => 0, rootOf: RootOf = itself) {
    this.#overdue = overdue
    this.#elsewhere = elsewhere
    this.#rootOf = rootOf
  }

  get size(): number {
    return this.#byKey.size
  }

  /** Whether no more calls of a principal may wait, over RPC, by socket, for their turn and for an agent, those of all together that count as it. Counted only when so many wait that it matters. */
  isFullFor(principal: string): boolean {
    const root = this.#rootOf(principal)
    const most = root === ANONYMOUS ? MAX_ANONYMOUS_WAITING_CALLS : MAX_WAITING_CALLS_OF_PRINCIPAL
    if (this.#byKey.size + this.#elsewhere(root, false) < most) return false
    if (this.#byKey.size >= MAX_WAITING_CALLS) return true
    const own = this.where((waiter) => this.#rootOf(waiter.principal) === root).length
    return own + this.#elsewhere(root, true) >= most
  }

  get(key: string): Waiter | undefined {
    return this.#byKey.get(key)
  }

  /** Waits for the outcome. A second wait for the same key (a resend) takes the first one's place. */
  wait(key: string, facts: WaiterFacts): Promise<CallOutcome> {
    const { promise, resolve } = Promise.withResolvers<CallOutcome>()
    const before = this.#byKey.get(key)
    if (before !== undefined) this.#remove(before)
    before?.resolve({ kind: 'moved' })
    this.#turnedAway.delete(key)
    this.#byKey.set(key, { key, ...facts, buffer: undefined, bufferedAtMs: 0, overdueAtMs: Date.now() + MAX_RPC_WAIT_MS, resolve })
    this.#timer ??= setTimeout(this.#look, MAX_RPC_WAIT_MS)
    return promise
  }

  /** Ends the wait with an outcome, which has no effect if the RPC was resolved to a stream before. */
  settle(waiter: Waiter, outcome: CallOutcome): void {
    this.#remove(waiter)
    if (outcome.kind === 'again' || outcome.kind === 'repeat') this.turnAway(waiter.key, Date.now())
    waiter.resolve(outcome)
  }

  /** The stream of a call is open: the RPC resolves, and the caller sends on what waited. */
  moveToStream(key: string): Waiter | undefined {
    const waiter = this.#byKey.get(key)
    if (waiter === undefined) return undefined
    this.#remove(waiter)
    waiter.resolve({ kind: 'moved' })
    return waiter
  }

  /** More than the answer comes, or that takes long: the RPC resolves, and frames wait for the stream that the Worker opens. */
  toStream(waiter: Waiter): Uint8Array[] {
    if (waiter.buffer !== undefined) return waiter.buffer
    waiter.bufferedAtMs = Date.now()
    waiter.resolve({ kind: 'stream', restarted: waiter.restarted })
    return (waiter.buffer = [])
  }

  /** Notes that the object was reset, and no longer knows which calls were turned away. */
  noteReset(nowMs: number): void {
    this.#resetAtMs = nowMs
  }

  /**
   * Notes that a call must be made again: its Worker holds it, and comes at once; or with `newsMark` that it found no agent, and its
   * Worker comes when there is other news than that.
   */
  turnAway(key: string, nowMs: number, newsMark?: number): void {
    this.#turnedAway.delete(key)
    this.#turnedAway.set(key, { atMs: nowMs, newsMark })
    for (const [old, { atMs }] of this.#turnedAway) {
      if (nowMs - atMs < TURNED_AWAY_MS && this.#turnedAway.size <= MAX_WAITING_CALLS) break
      this.#turnedAway.delete(old)
    }
  }

  /**
   * For how long a Worker may still come with a call that no agent has got yet, in milliseconds; 0 when none will. One that was
   * turned away before a reset comes again soon, any other soon after the news, which were told last at `newsMs` and have the mark
   * `newsMark`. One that has come since then in vain waits for the next, or says that it gives up, unless it is ended before that.
   */
  onItsWayMs(key: string, newsMs: number, nowMs: number, newsMark?: number): number {
    const turned = this.#turnedAway.get(key)
    const waitsSince = turned?.newsMark
    const boundMs = waitsSince === undefined ? LATE_CALL_MS : waitsSince === newsMark ? TAKEOVER_WAIT_MS : TOLD_CALL_MS
    const fromMs = turned === undefined ? this.#resetAtMs : Math.max(turned.atMs, newsMs)
    return Math.max(0, fromMs + boundMs - nowMs)
  }

  isBusy(group: string): boolean {
    return this.where((waiter) => waiter.group === group && waiter.isListen !== true).length > 0
  }

  where(test: (waiter: Waiter) => boolean): Waiter[] {
    return [...this.#byKey.values()].filter(test)
  }

  #remove({ key }: Waiter): void {
    this.#byKey.delete(key)
    if (this.#byKey.size > 0 || this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  readonly #look = (): void => {
    this.#timer = undefined
    const nowMs = Date.now()
    for (const waiter of this.#byKey.values()) {
      if (waiter.overdueAtMs > nowMs) continue
      waiter.overdueAtMs = nowMs + MOVING_MS
      this.#overdue(waiter)
    }
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    let nextMs = Infinity
    for (const { overdueAtMs } of this.#byKey.values()) nextMs = Math.min(nextMs, overdueAtMs)
    this.#timer = nextMs === Infinity ? undefined : setTimeout(this.#look, Math.max(0, nextMs - nowMs))
  }
}
