/** Keeps the answers to calls for a while, in case the relay asks again; bounded by age and bytes, for all lanes together. No clock. */
import { ANSWER_KEEP_BYTES, ANSWER_KEEP_MS } from '../../../protocol/limits.ts'
import type { Span } from '../../../protocol/json/json-scan.ts'
import { ByAge } from '../../by-age.ts'
import { KEPT_ANSWER_BYTES } from '../../limits.ts'

/** A child's answer to a call. */
export interface CallAnswer {
  readonly kind: 'answer'
  /** Where its id stands in `body`. */
  readonly id: Span
  /** An error, not a result. */
  readonly failed: boolean
  /** Where the answer to `subscriptions/listen` repeats the subscription id. */
  readonly subscriptionId?: Span
  readonly body: Uint8Array
}

export class KeptAnswers {
  /** By the keys of their calls. */
  readonly #answers = new ByAge<CallAnswer>()
  #bytes = 0

  get(key: string): CallAnswer | undefined {
    return this.#answers.get(key)
  }

  keep(key: string, answer: CallAnswer, nowMs: number): void {
    this.drop(key)
    this.#answers.set(key, answer, nowMs)
    this.#bytes += cost(answer)
  }

  drop(key: string): void {
    const dropped = this.#answers.delete(key)
    if (dropped !== undefined) this.#bytes -= cost(dropped)
  }

  /** Drops what is over the limits of age and bytes. */
  sweep(nowMs: number): void {
    for (let oldest = this.#answers.oldest(); oldest !== undefined; oldest = this.#answers.oldest()) {
      if (nowMs - oldest.sinceMs <= ANSWER_KEEP_MS && this.#bytes <= ANSWER_KEEP_BYTES) return
      this.drop(oldest.key)
    }
  }
}

function cost(answer: CallAnswer): number {
  return answer.body.length + KEPT_ANSWER_BYTES
}
