/** Tells those who wait for an agent that one has come, or that one is gone for good and another may take its place. */
import { within } from '../within.ts'

export class AgentNews {
  /** Counts from a random number: what was seen before a reset tells nothing of now. */
  #mark = Math.floor(Math.random() * 2 ** 31)
  #next = Promise.withResolvers<void>()

  /** Names what is known by now. */
  get mark(): number {
    return this.#mark
  }

  tell(): void {
    this.#mark++
    this.#next.resolve()
    this.#next = Promise.withResolvers<void>()
  }

  /** Resolves when there is more to know than `mark` names, at once if there is already, and after `maxMs` in any case. */
  async after(mark: number, maxMs: number): Promise<void> {
    if (mark === this.#mark) await within(maxMs, this.#next.promise)
  }
}
