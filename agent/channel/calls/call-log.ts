/** Logs one line for each call that has ended: method, time, outcome, never a payload. Bounded, so that a storm of calls is counted only. No timer. */
import { LOGGED_CALLS, LOGGED_CALLS_MS } from '../../limits.ts'
import type { Log } from '../../log.ts'
import type { RunningCall } from './call-memory.ts'

export class CallLog {
  readonly #log: Log
  /** Monotonic milliseconds. */
  readonly #now: () => number
  #windowMs = -Infinity
  #inWindow = 0

  constructor(log: Log, now: () => number) {
    this.#log = log
    this.#now = now
  }

  /** `outcome`: `ok`, `error` (the server's own), or the code of a failure of ours. */
  ended({ ch, method, sinceMs }: RunningCall, outcome: string): void {
    const nowMs = this.#now()
    if (nowMs - this.#windowMs >= LOGGED_CALLS_MS) this.#open(nowMs)
    if (++this.#inWindow > LOGGED_CALLS) return
    this.#log.info('call', { ch, method, ms: Math.round(nowMs - sinceMs), outcome })
  }

  #open(nowMs: number): void {
    const unlogged = this.#inWindow - LOGGED_CALLS
    if (unlogged > 0) this.#log.info('calls', { unlogged })
    this.#windowMs = nowMs
    this.#inWindow = 0
  }
}
