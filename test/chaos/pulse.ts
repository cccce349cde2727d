/** Owns knowing when this process itself was held up: what it measures then is the machine. */
import type { Interval } from './account.ts'

const BEAT_MS = 20
/** Beats that come this much late are noted. */
const LATE_MS = 40

export class Pulse implements Disposable {
  readonly stops: Interval[] = []
  #lastMs = Date.now()
  readonly #timer: NodeJS.Timeout

  constructor() {
    this.#timer = setInterval(() => this.#beat(), BEAT_MS)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    const nowMs = Date.now()
    if (nowMs - this.#lastMs > BEAT_MS + LATE_MS) this.stops.push({ fromMs: this.#lastMs + BEAT_MS, toMs: nowMs })
    this.#lastMs = nowMs
  }
}
