/** Tells those who wait for an agent that one has come, or that one is gone for good and another may take its place. */
import { within } from '../../within.ts'

/** Of those who are told at once, each comes back with a call: what else is going on must not wait for them all. */
const TOLD_AT_ONCE = 16

interface Waiting {
  readonly resolve: () => void
  readonly isResend: boolean
}

export class AgentNews {
  /** Counts from a random number: what was seen before a reset tells nothing of now. */
  #mark = Math.floor(Math.random() * 2 ** 31)
  readonly #waiting = new Set<Waiting>()

  /** Names what is known by now. */
  get mark(): number {
    return this.#mark
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Tells all, a few at a time, and after what the object is at: first those whose calls an agent may have had. */
  tell(): void {
    this.#mark++
    const all = [...this.#waiting]
    this.#waiting.clear()
    this.#tellSome([...all.filter(({ isResend }) => isResend), ...all.filter(({ isResend }) => !isResend)])
  }

  /** Resolves when there is more to know than `mark` names, at once if there is already, and after `maxMs` in any case. */
  async after(mark: number, maxMs: number, isResend: boolean): Promise<void> {
    if (mark !== this.#mark) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = { resolve, isResend }
    this.#waiting.add(waiting)
    await within(maxMs, promise)
    this.#waiting.delete(waiting)
  }

  #tellSome(waiting: readonly Waiting[]): void {
    if (waiting.length === 0) return
    setTimeout(() => {
      for (const { resolve } of waiting.slice(0, TOLD_AT_ONCE)) resolve()
      this.#tellSome(waiting.slice(TOLD_AT_ONCE))
    }, 0)
  }
}
