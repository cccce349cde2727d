/** How fast web exchanges go on one link while calls go on beside them, at most: the object that they share takes one thing at a time. No I/O, no timer. */
import { WEB_RATE_BYTES_PER_MS } from '../web-limits.ts'

/** How much may go at once after a pause, in milliseconds of that rate: a timer is as exact as this. */
const AHEAD_MS = 2

export class WebRate {
  /** When all that was sent has had its time, in monotonic milliseconds. */
  #freeMs = -Infinity

  /** Bytes were sent. What went faster before is not made up for. */
  sent(bytes: number, nowMs: number): void {
    const tookMs = bytes / WEB_RATE_BYTES_PER_MS
    this.#freeMs = Math.min(Math.max(this.#freeMs, nowMs), nowMs + AHEAD_MS) + tookMs
  }

  /** How long to wait before more is sent, in milliseconds; 0 for not at all. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#freeMs - nowMs - AHEAD_MS)
  }
}
