/** Logs one line for each call that has ended: method, time, outcome, never a payload. Bounded, so that a storm of calls is counted only. */
import { BoundedLines, type Log } from '../../log.ts'
import type { RunningCall } from './call-memory.ts'

export class CallLog {
  readonly #lines: BoundedLines
  /** Monotonic milliseconds. */
  readonly #now: () => number

  constructor(log: Log, now: () => number) {
    this.#lines = new BoundedLines(log, 'call', now)
    this.#now = now
  }

  /** `outcome`: `ok`, `error` (the server's own), or the code of a failure of ours. */
  ended({ ch, method, sinceMs }: RunningCall, outcome: string): void {
    this.#lines.add({ ch, method, ms: Math.round(this.#now() - sinceMs), outcome })
  }
}
