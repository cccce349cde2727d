/** Pauses between attempts: doubling, with jitter. No clock, no socket. */

interface BackoffOptions {
  readonly minMs: number
  readonly maxMs: number
  /** From 0 (included) to 1 (excluded). */
  readonly random: () => number
}

/** Each pause is from half to the whole of `minMs`, doubled with each failure up to `maxMs`, so that agents cut off together do not come back together. */
export class Backoff {
  readonly #options: BackoffOptions
  #failures = 0

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  /** Attempts since the last reset. */
  get failures(): number {
    return this.#failures
  }

  /** The next pause; `atMostMs` bounds this one alone. */
  nextMs(atMostMs = Infinity): number {
    const { minMs, maxMs, random } = this.#options
    // Past 2^30 the product says nothing new, and 2 ** 1024 is Infinity.
    const wholeMs = Math.min(maxMs, atMostMs, minMs * 2 ** Math.min(this.#failures, 30))
    this.#failures++
    return Math.round(wholeMs / 2 + (wholeMs / 2) * random())
  }

  reset(): void {
    this.#failures = 0
  }
}
