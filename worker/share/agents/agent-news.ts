/** Lets callers wait until an agent has come, or until one is gone for good and another may take its place. */
import { NEWS_WAIT_MS, RETRY_MS } from '../../limits.ts'
import { within } from '../../within.ts'

/** Callers told at once: each comes back with a call, and other work must not wait for all of them. */
const TOLD_AT_ONCE = 16

/** Waits for news, by RPC or by socket. */
export interface AwaitsNews {
  readonly resolve: () => void
  readonly isResend: boolean
  /** The link that its client has come with. */
  readonly link: string
}

export class AgentNews {
  /** Starts at a random number, so that a mark from before a reset matches nothing. */
  #mark = Math.floor(Math.random() * 2 ** 31)
  /** When there was news last, in milliseconds since 1970: who waited comes with a call soon after. */
  toldAtMs = -Infinity
  readonly #waiting = new Set<AwaitsNews>()
  /** How many wait over RPC, by the owner's link that their clients' come from. */
  readonly #counts = new Map<string, number>()
  readonly #hasLeaving: () => boolean
  readonly #bySocket: () => readonly AwaitsNews[]

  /** `hasLeaving`: whether an agent is finishing its calls. When these end nobody is told, so it is worth asking again soon. `bySocket`: those that wait by socket. */
  constructor(hasLeaving = (): boolean => false, bySocket = (): readonly AwaitsNews[] => []) {
    this.#hasLeaving = hasLeaving
    this.#bySocket = bySocket
  }

  /** Names the present state; every piece of news changes it. */
  get mark(): number {
    return this.#mark
  }

  /** Whether it is worth asking again soon, though nobody will be told. */
  get hasLeaving(): boolean {
    return this.#hasLeaving()
  }

  /** How many wait over RPC. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** How many of them have come with this link of the owner's, or with one that was narrowed from it. */
  waitingOf(link: string): number {
    return this.#counts.get(link) ?? 0
  }

  /** Wakes all who wait, a few at a time and not before the present event is handled; first those whose calls an agent may have had. */
  tell(): void {
    this.#mark++
    this.toldAtMs = Date.now()
    const all = [...this.#waiting, ...this.#bySocket()]
    this.#waiting.clear()
    this.#tellSome([...all.filter(({ isResend }) => isResend), ...all.filter(({ isResend }) => !isResend)])
  }

  /** Wakes those whose clients have come with such a link: they have to hear something else. */
  release(isMeant: (link: string) => boolean): void {
    for (const { resolve, link } of this.#waiting) if (isMeant(link)) resolve()
  }

  /**
   * True when there is news since `mark`, at once if there is already, or while an agent is leaving after RETRY_MS; false when
   * there is none after `maxMs`, which may be NEWS_WAIT_MS. `root`: the link of the owner's that its client's comes from.
   */
  async after(mark: number, maxMs: number, isResend: boolean, link = '', root = link): Promise<boolean> {
    if (mark !== this.#mark) return true
    this.#count(root, 1)
    const { promise, resolve } = Promise.withResolvers<true>()
    const waiting = { resolve: () => resolve(true), isResend, link }
    this.#waiting.add(waiting)
    const isLeaving = this.#hasLeaving()
    const isTold = await within(isLeaving ? RETRY_MS : Math.min(maxMs, NEWS_WAIT_MS), promise)
    this.#waiting.delete(waiting)
    this.#count(root, -1)
    return isTold === true || isLeaving
  }

  #count(root: string, by: 1 | -1): void {
    const now = this.waitingOf(root) + by
    if (now > 0) this.#counts.set(root, now)
    else this.#counts.delete(root)
  }

  #tellSome(waiting: readonly AwaitsNews[]): void {
    if (waiting.length === 0) return
    setTimeout(() => {
      for (const { resolve } of waiting.slice(0, TOLD_AT_ONCE)) resolve()
      this.#tellSome(waiting.slice(TOLD_AT_ONCE))
    }, 0)
  }
}
