/** Keeps a call's progress rising: the child's own values, and heartbeats of the relay while it is silent. */

/** How far a heartbeat rises above the last value: too little for anyone to see. */
const STEP = 1e-6

export class Progress {
  readonly #rawToken: string
  #last: number | undefined

  /** `rawToken` is the client's progress token as it was sent. */
  constructor(rawToken: string) {
    this.#rawToken = rawToken
  }

  /** Notes a value of the child. The text to send in its place, when it does not rise above what the client has seen. */
  observe(rawProgress: string): string | undefined {
    const value = Number(rawProgress)
    if (this.#last === undefined || value > this.#last) {
      this.#last = value
      return undefined
    }
    return String(this.#rise(this.#last))
  }

  /** Whether there is a value that a heartbeat can rise from. */
  get isKnown(): boolean {
    return this.#last !== undefined
  }

  /** A progress notification that says only that the call is still running. */
  heartbeat(): string {
    const progress = this.#last === undefined ? (this.#last = 0) : this.#rise(this.#last)
    return `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${this.#rawToken},"progress":${progress}}}`
  }

  #rise(last: number): number {
    // Beyond 2^33 or so a millionth is lost in rounding.
    this.#last = last + Math.max(STEP, Math.abs(last) * 2 ** -50)
    return this.#last
  }
}
