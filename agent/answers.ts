/** The answers that the agent keeps for a relay that asks again, of all lanes together: their bytes are bounded. */
import { ANSWER_KEEP_BYTES, ANSWER_KEEP_MS } from '../protocol/limits.ts'
import type { Answered } from './calls.ts'
import { KEPT_ANSWER_BYTES } from './limits.ts'

export class KeptAnswers {
  /** By the keys of their calls, in the order of their ends, oldest first. */
  readonly #answers = new Map<string, { readonly answer: Answered; readonly endedMs: number }>()
  #bytes = 0

  get(key: string): Answered | undefined {
    return this.#answers.get(key)?.answer
  }

  keep(key: string, answer: Answered, nowMs: number): void {
    this.drop(key)
    this.#answers.set(key, { answer, endedMs: nowMs })
    this.#bytes += cost(answer)
  }

  drop(key: string): void {
    const kept = this.#answers.get(key)
    if (kept === undefined) return
    this.#bytes -= cost(kept.answer)
    this.#answers.delete(key)
  }

  /** Drops what is over the limits of age and bytes. */
  sweep(nowMs: number): void {
    for (const [key, { endedMs }] of this.#answers) {
      if (nowMs - endedMs <= ANSWER_KEEP_MS && this.#bytes <= ANSWER_KEEP_BYTES) break
      this.drop(key)
    }
  }
}

function cost(answer: Answered): number {
  return answer.body.length + KEPT_ANSWER_BYTES
}
