/** Keeps the start of a server on which its client gave up for that client's next try: an `initialize` equal but for its id gets the process. */
import { DOUBTED_START_MS, GIVEN_UP_START_MS, LATE_START_MS } from '../limits.ts'
import type { Log } from '../log.ts'
import type { Child, ChildHandlers } from './child.ts'
import { LateChild } from './late-child.ts'
import { Opening } from './opening.ts'
import { WaitingChild } from './waiting-child.ts'

/** A process that was sent `initialize` and nothing else, and has not answered. */
export interface Start {
  /** Whose it is. */
  readonly owner: string
  readonly opening: Opening
  /** Monotonic milliseconds. */
  readonly sinceMs: number
  readonly child: Child
}

interface KeptStart extends Start {
  readonly waiting: WaitingChild
  readonly timer: NodeJS.Timeout
}

interface StartsOptions {
  readonly startChild: (handlers: ChildHandlers) => Child
  readonly now: () => number
  /** --idle-stop in milliseconds; 0: never. */
  readonly idleStopMs: number
  readonly log: Log
}

/** A channel's process that is not chosen yet. */
interface LateStart {
  readonly owner: string
  readonly opening: Opening
  readonly timer: NodeJS.Timeout
}

export class GivenUpStarts {
  readonly #options: StartsOptions
  readonly #keepMs: number
  /** Those whose clients are there, as far as is known. */
  readonly #beginning = new Set<Start>()
  /** One for each owner, the oldest first. */
  readonly #kept = new Map<string, KeptStart>()
  readonly #late = new Map<LateChild, LateStart>()
  readonly #ending = new Set<Promise<void>>()
  #isStopped = false

  constructor(options: StartsOptions) {
    this.#options = options
    this.#keepMs = options.idleStopMs === 0 ? GIVEN_UP_START_MS : Math.min(GIVEN_UP_START_MS, options.idleStopMs)
  }

  /** Processes that wait for their clients' next tries. */
  get size(): number {
    return this.#kept.size
  }

  /** Those that end. */
  get endingCount(): number {
    return this.#ending.size
  }

  has(owner: string | undefined): boolean {
    return owner !== undefined && this.#kept.has(owner)
  }

  /** The process for a channel: a new one, unless its client may be trying again. */
  childFor(owner: string, handlers: ChildHandlers): Child {
    if (!this.#kept.has(owner) && !this.#isDoubted(owner, () => true)) return this.#options.startChild(handlers)
    return new LateChild(handlers, (late, line) => this.#choose(late, owner, Opening.of(line)))
  }

  /** A channel's process was sent `initialize`. */
  begin(start: Start): void {
    this.#beginning.add(start)
  }

  /** It has answered, was sent something else, or is gone. */
  end(start: Start): void {
    if (this.#beginning.delete(start)) this.#look()
  }

  /** The client of a start has left. False when its process is not kept; else `redirect` is given what hears it from now on. */
  giveUp(start: Start, redirect: (handlers: ChildHandlers) => void, stderr: (line: string) => void): boolean {
    if (this.#isStopped || (start.child instanceof LateChild && !start.child.isChosen)) return false
    this.#beginning.delete(start)
    this.#endKept(start.owner)
    const { owner, child } = start
    const unfit = (): void => void (this.#kept.get(owner) === kept && this.#forget(kept))
    const hearBy = (handlers: ChildHandlers): Child => {
      redirect(handlers)
      return child
    }
    const waiting = new WaitingChild(hearBy, unfit, stderr)
    const kept: KeptStart = { ...start, waiting, timer: setTimeout(() => this.#endKept(owner), this.#keepMs).unref() }
    this.#kept.set(owner, kept)
    this.#options.log.info('start.kept', { pid: child.pid, forMs: this.#keepMs, meaning: 'its client has left, and may try again' })
    this.#look()
    return true
  }

  /** Ends the one that waits longest, so that another may run; false when there is none. */
  drop(): boolean {
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined) this.#endKept(oldest)
    return oldest !== undefined
  }

  /** Ends all, and keeps no more; resolves when they are gone. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const owner of this.#kept.keys()) this.#endKept(owner)
    await Promise.all(this.#ending)
  }

  kill(): void {
    this.#isStopped = true
    for (const { child } of this.#kept.values()) child.kill()
  }

  #isDoubted(owner: string, test: (start: Start) => boolean): boolean {
    const nowMs = this.#options.now()
    return [...this.#beginning].some((start) => start.owner === owner && nowMs - start.sinceMs >= DOUBTED_START_MS && test(start))
  }

  /** Looks again for what waits to be chosen. */
  #look(): void {
    for (const [late, { owner, opening }] of this.#late) this.#choose(late, owner, opening)
  }

  #choose(late: LateChild, owner: string, opening: Opening | undefined, isOver = false): void {
    const before = this.#late.get(late)
    const kept = this.#kept.get(owner)
    if (late.isStopped) this.#decided(late)
    else if (opening !== undefined && kept?.opening.equals(opening) === true) {
      this.#decided(late)
      this.#handOver(kept, late, opening)
    } else if (
      opening !== undefined &&
      !isOver &&
      this.#isDoubted(owner, (start) => start.child !== late && start.opening.equals(opening))
    ) {
      const timer = before?.timer ?? setTimeout(() => this.#choose(late, owner, opening, true), LATE_START_MS).unref()
      this.#late.set(late, { owner, opening, timer })
    } else {
      this.#decided(late)
      // Its client has begun otherwise, and does not come back for it.
      if (opening !== undefined) this.#endKept(owner)
      late.become(this.#options.startChild(late.handlers), false)
    }
  }

  #handOver(kept: KeptStart, late: LateChild, opening: Opening): void {
    this.#forget(kept)
    const { handlers } = late
    this.#options.log.info('start.taken_over', { pid: kept.child.pid, ageMs: Math.round(this.#options.now() - kept.sinceMs) })
    let isAnswered = kept.opening.hasIdOf(opening)
    const line = (bytes: Uint8Array, of?: string): void => {
      const answer = isAnswered ? undefined : kept.opening.answerTo(opening, bytes)
      if (answer !== undefined) isAnswered = true
      handlers.line(answer ?? bytes, of)
    }
    late.become(kept.waiting.handOver(isAnswered ? handlers : { ...handlers, line }), true)
  }

  #decided(late: LateChild): void {
    clearTimeout(this.#late.get(late)?.timer)
    this.#late.delete(late)
  }

  #endKept(owner: string): void {
    const kept = this.#kept.get(owner)
    if (kept === undefined) return
    this.#forget(kept)
    const ending = kept.child.stop()
    this.#ending.add(ending)
    void ending.then(() => this.#ending.delete(ending))
  }

  #forget({ owner, timer }: KeptStart): void {
    clearTimeout(timer)
    this.#kept.delete(owner)
  }
}
