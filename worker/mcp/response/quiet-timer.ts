/** Ends a stream that has been quiet for long, where its client has been told how to come back (SEP-1699, polling). */

export class QuietTimer {
  readonly #quietMs: number
  readonly #end: () => boolean
  #timer: ReturnType<typeof setTimeout> | null = null

  /** `end` says whether it has ended the stream; if not, the wait begins anew. */
  constructor(quietMs: number, end: () => boolean) {
    this.#quietMs = quietMs
    this.#end = end
    this.restart()
  }

  /** Something was said: the quiet begins anew. */
  restart(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (!this.#end()) this.restart()
    }, this.#quietMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
