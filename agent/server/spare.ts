/** Keeps one server process started ahead (--spare), so that the next channel need not wait for its start. */
import type { Child, ChildHandlers } from './child.ts'
import type { Log } from '../log.ts'
import { WaitingChild } from './waiting-child.ts'

interface SpareOptions {
  readonly startChild: (handlers: ChildHandlers) => Child
  /** Whether a process may run that no channel has asked for. */
  readonly hasRoom: () => boolean
  readonly log: Log
}

export class SpareChild {
  readonly #options: SpareOptions
  #waiting: WaitingChild | undefined
  /** One has ended by itself or printed too much: this server cannot be started ahead, or beside another. */
  #isDisabled = false
  #isStopped = false

  constructor(options: SpareOptions) {
    this.#options = options
  }

  /** A process for a channel: the one that runs already, or a new one. */
  take(handlers: ChildHandlers): Child {
    const waiting = this.#waiting
    this.#waiting = undefined
    return waiting?.handOver(handlers) ?? this.#options.startChild(handlers)
  }

  /** Starts one, unless it is there. To be called once a channel's child has answered, when its start no longer keeps the machine busy. */
  prepare(): void {
    const { startChild, hasRoom, log } = this.#options
    if (this.#waiting !== undefined || this.#isDisabled || this.#isStopped || !hasRoom()) return
    const waiting = new WaitingChild(startChild, () => {
      if (this.#waiting !== waiting) return
      this.#waiting = undefined
      this.#isDisabled = true
      log.info('spare.end', { meaning: 'the server cannot be started ahead; from now on each starts when it is needed' })
    })
    this.#waiting = waiting
    log.debug('spare.start', { pid: waiting.child.pid ?? null })
  }

  /** Ends it, and starts no other; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const waiting = this.#waiting
    this.#waiting = undefined
    await waiting?.child.stop()
  }

  kill(): void {
    this.#isStopped = true
    this.#waiting?.child.kill()
  }
}
