/** What the tries of one call say about the next: when to make it, or how the call fails. No I/O, no clock. */
import type { Failure } from '../../../protocol/errors.ts'
import { GRACE_MS } from '../../../protocol/limits.ts'
import { AGENT_AWAY, awayLeftMs } from '../../carry/away.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { Away, CallRequest } from '../../contract/share-rpc.ts'
import type { MadeBefore } from '../../contract/streams.ts'
import { MAX_BREAKS, MAX_CALL_TRIES, RETRY_MS } from '../../limits.ts'
import type { Item } from './item.ts'

/** The next try is made at once, after RETRY_MS, or when there is news of agents and after `maxMs` in any case. `pending`: at once as well, since the one before took its time; `renewed`: at once, for a child that has changed. */
export type NextTry = 'again' | 'renewed' | 'pending' | 'wait' | { readonly kind: 'news'; readonly away: Away; readonly maxMs: number }

type Decision = NextTry | { readonly kind: 'failed'; readonly failure: Failure }

/** The client has not taken what came, so that its stream had to end, and it cannot come back for it. */
export const TAKES_TOO_LITTLE: Failure = { code: 'SHARE_BUSY', executed: 'unknown', detail: 'clients take too little of what was sent' }

export class CallTries {
  /** When the first try was begun that may have reached an agent: what was surely not taken makes a call no older. */
  #sentMs: number | undefined
  /** When the try under way was begun; undefined before the first. */
  #triedMs: number | undefined
  /** Tries made at once, one after the other. */
  #count = 1
  /** Since when it is not known whether the agent has the call. */
  #brokenAtMs: number | undefined
  /** Tries in a row that broke off. */
  #breaks = 0
  /** Since when the call waits for an agent to come back. */
  #awaySinceMs: number | undefined
  /** The call has waited for its owner. */
  #wasHeld = false

  /** Those of a call that was made before, and is made again at once. */
  static behind(before: MadeBefore | undefined, nowMs: number): CallTries {
    const tries = new CallTries()
    if (before === undefined) return tries
    tries.begin(nowMs)
    tries.end(before === 'unrun' ? 'again' : tries.repeat(nowMs), nowMs)
    return tries
  }

  /** Whether an agent may have the call already. */
  get isResend(): boolean {
    return this.#brokenAtMs !== undefined
  }

  /** A try begins: what the Share must know of those before it; undefined for the first. */
  begin(nowMs: number): Pick<CallRequest, 'isRetry' | 'isResend' | 'ageMs' | 'wasHeld'> | undefined {
    const isFirst = this.#triedMs === undefined
    this.#triedMs = nowMs
    if (isFirst) return undefined
    return {
      isRetry: true,
      ...(this.#wasHeld ? { wasHeld: true } : {}),
      ...(this.isResend ? { isResend: true, ageMs: nowMs - (this.#sentMs ?? nowMs) } : {}),
    }
  }

  /** A try has ended: undefined when the next one may be made, or how the call fails, which was tried at once too often. */
  end(next: NextTry, nowMs: number): Failure | undefined {
    // A call that was resent is asked for at each return of its agent, however many there are.
    if (this.isResend && next !== 'renewed' && nowMs - (this.#triedMs ?? nowMs) >= RETRY_MS) this.#count = 0
    if ((next !== 'again' && next !== 'renewed') || ++this.#count <= MAX_CALL_TRIES) return undefined
    // A child that has ended before each of so many tries does so for reasons of its own.
    return { code: next === 'renewed' ? 'CHILD_DIED' : 'INTERNAL', executed: this.isResend ? 'unknown' : 'no' }
  }

  /** How the call ends without another try: what says of this one that it has not run does not know of those before it. */
  endedBy(item: Item): Item {
    if (item.kind !== 'failed' || item.failure.executed !== 'no' || !this.isResend) return item
    return { ...item, failure: { ...item.failure, executed: 'unknown' } }
  }

  /** The call waits for its owner: the tries before have reached no agent, whatever was thought of them. */
  held(): void {
    this.#wasHeld = true
    this.#sentMs = undefined
    this.#brokenAtMs = undefined
    this.#breaks = 0
    this.#count = 1
  }

  /** The call's stream is open: if it breaks off, that is the first break again. */
  reached(): void {
    this.#breaks = 0
  }

  /** The agent is lost, and another may run the call once more. */
  repeat(nowMs: number): NextTry {
    this.#mayHaveRun(nowMs)
    return 'again'
  }

  /** The Share was reset under the call: whether it reached the agent is not known. */
  broken(nowMs: number): Decision {
    this.#mayHaveRun(nowMs)
    this.#breaks++
    if (this.#breaks === 1) return 'again'
    if (this.#breaks <= MAX_BREAKS) return 'wait'
    return { kind: 'failed', failure: { code: 'AGENT_LOST', executed: 'unknown' } }
  }

  /**
   * The agent is away. One that may be running the call is waited for, and if it stays away nobody knows; one that was
   * here a moment ago is given time to come back, unless the request is a probe that needs its answer now.
   */
  away(away: Away, isProbe: boolean, share: Pick<ShareClient, 'awayWaitMs'>, nowMs: number): Decision {
    if (this.#brokenAtMs !== undefined) {
      const leftMs = this.#brokenAtMs + GRACE_MS - nowMs
      if (leftMs > 0) return { kind: 'news', away, maxMs: leftMs }
      return { kind: 'failed', failure: { code: 'AGENT_LOST', executed: 'unknown' } }
    }
    this.#awaySinceMs ??= nowMs
    const leftMs = isProbe ? 0 : awayLeftMs(away, nowMs - this.#awaySinceMs, share)
    return leftMs > 0 ? { kind: 'news', away, maxMs: leftMs } : { kind: 'failed', failure: away.failure ?? AGENT_AWAY }
  }

  #mayHaveRun(nowMs: number): void {
    this.#brokenAtMs ??= nowMs
    this.#sentMs ??= this.#triedMs ?? nowMs
  }
}
