/** Remembers for a moment what the registry has said, where whoever makes us ask has shown nothing: so that it must not cost a request to the registry each. */
import { Newest } from '../newest.ts'
import { MAX_KNOWN_LINKS, SPARING_ASKS, SPARING_ASKS_MS, SPARING_LOOK_MS, SPARING_WAIT_MS } from '../trust-limits.ts'
import { pause } from '../within.ts'

export class SparingAnswers<T> {
  readonly #knownMs: number
  readonly #known = new Newest<{ readonly answer: T; readonly untilMs: number }>(MAX_KNOWN_LINKS)
  /** How often was asked lately, by what about. A request that has asked may end before it is answered, so none waits for another's. */
  readonly #asked = new Newest<{ readonly count: number; readonly sinceMs: number }>(MAX_KNOWN_LINKS)

  /** `knownMs`: how long an answer is believed, in milliseconds. */
  constructor(knownMs: number) {
    this.#knownMs = knownMs
  }

  /** The answer about a name; undefined when so many ask that none is known in SPARING_WAIT_MS. Rejects as `ask` does, of which nothing is remembered. */
  async of(name: string, ask: () => PromiseLike<T>): Promise<{ readonly answer: T } | undefined> {
    for (const startMs = Date.now(); ; await pause(SPARING_LOOK_MS)) {
      const nowMs = Date.now()
      const known = this.#known.get(name)
      if (known !== undefined && known.untilMs > nowMs) return known
      if (this.#mayAsk(name, nowMs)) break
      if (nowMs - startMs >= SPARING_WAIT_MS) return undefined
    }
    const told = { answer: await ask(), untilMs: Date.now() + this.#knownMs }
    this.#known.set(name, told)
    return told
  }

  /** What was told of a name is true no more. */
  forget(name: string): void {
    this.#known.delete(name)
  }

  #mayAsk(name: string, nowMs: number): boolean {
    const before = this.#asked.get(name)
    const isOld = before === undefined || nowMs - before.sinceMs >= SPARING_ASKS_MS
    if (!isOld && before.count >= SPARING_ASKS) return false
    this.#asked.set(name, isOld ? { count: 1, sinceMs: nowMs } : { count: before.count + 1, sinceMs: before.sinceMs })
    return true
  }
}
