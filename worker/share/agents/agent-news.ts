/** Lets callers wait until an agent has come, or until one is gone for good and another may take its place. */
import { within } from '../../within.ts'

/** Callers told at once: each comes back with a call, and other work must not wait for all of them. */
const TOLD_AT_ONCE = 16

/** A Worker that waits for news, by socket, as the object may sleep meanwhile. */
export interface AwaitsNews {
  readonly resolve: () => void
  /** An agent may have had its message before. */
  readonly isResend: boolean
}

/** The object itself waits, for a client that has come with this link. */
interface OwnWait {
  readonly resolve: () => void
  readonly link: string
}

export class AgentNews {
  /** Starts at a random number, so that a mark from before a reset matches nothing. */
  #mark = Math.floor(Math.random() * 2 ** 31)
  /** When there was news last, in milliseconds since 1970: who waited comes with a call soon after. */
  toldAtMs = -Infinity
  readonly #own = new Set<OwnWait>()
  readonly #hasLeaving: () => boolean
  readonly #workers: () => readonly AwaitsNews[]

  /** `hasLeaving`: whether an agent is finishing its calls. When these end nobody is told, so it is worth asking again soon. `workers`: those that wait. */
  constructor(hasLeaving = (): boolean => false, workers = (): readonly AwaitsNews[] => []) {
    this.#hasLeaving = hasLeaving
    this.#workers = workers
  }

  /** Names the present state; every piece of news changes it. */
  get mark(): number {
    return this.#mark
  }

  /** Whether it is worth asking again soon, though nobody will be told. */
  get hasLeaving(): boolean {
    return this.#hasLeaving()
  }

  /** Wakes all who wait: Workers a few at a time and not before the present event is handled; first those whose calls an agent may have had. */
  tell(): void {
    this.#mark++
    this.toldAtMs = Date.now()
    for (const { resolve } of this.#own) resolve()
    const all = this.#workers()
    this.#tellSome([...all.filter(({ isResend }) => isResend), ...all.filter(({ isResend }) => !isResend)])
  }

  /** Ends what the object itself waits for with such a link: it comes to something else. */
  release(isMeant: (link: string) => boolean): void {
    for (const { resolve, link } of this.#own) if (isMeant(link)) resolve()
  }

  /** Resolves with the next news, and after `maxMs` in any case. The object stays awake meanwhile. */
  async next(maxMs: number, link: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<true>()
    const wait: OwnWait = { resolve: () => resolve(true), link }
    this.#own.add(wait)
    await within(maxMs, promise)
    this.#own.delete(wait)
  }

  #tellSome(waiting: readonly AwaitsNews[]): void {
    if (waiting.length === 0) return
    setTimeout(() => {
      for (const { resolve } of waiting.slice(0, TOLD_AT_ONCE)) resolve()
      this.#tellSome(waiting.slice(TOLD_AT_ONCE))
    }, 0)
  }
}
