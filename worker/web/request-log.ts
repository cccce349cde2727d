/** Logs one line for each request to a web app that has ended: method, status, time, outcome, and by whom in hashed names; never a path or a credential. Bounded. */
import { hashedName, log, StormGauge } from '../log.ts'

const gauge = new StormGauge('requests')

/** What is told of a request: the object that it was made to, by whom, and how. */
interface RequestFacts {
  readonly share: { readonly id: string }
  readonly principal: string
  readonly method: string
}

/** One request, from when it is let in; a WebSocket until both sides have closed. */
export class LoggedRequest {
  readonly #facts: RequestFacts
  readonly #startMs = Date.now()
  #status: number | undefined
  #isOver = false

  constructor(facts: RequestFacts) {
    this.#facts = facts
  }

  /** The app has answered. */
  answered(status: number): void {
    this.#status = status
  }

  /** Only the first end counts. `outcome`: `ok`, `left` by its client, or the code of a failure. */
  end(outcome: string): void {
    if (this.#isOver) return
    this.#isOver = true
    const nowMs = Date.now()
    if (!gauge.hasRoom(nowMs)) return
    const { share, principal, method } = this.#facts
    log('request', {
      method: /^[A-Z]{1,16}$/.test(method) ? method : `#${hashedName(method)}`,
      ...(this.#status === undefined ? {} : { status: this.#status }),
      outcome,
      ms: nowMs - this.#startMs,
      share: hashedName(share.id),
      principal: hashedName(principal),
    })
  }
}
