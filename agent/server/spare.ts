/** Keeps one server process started ahead (--spare), so that the next channel need not wait for its start. */
import type { Child, ChildHandlers } from './child.ts'
import type { Log } from '../log.ts'

interface SpareOptions {
  readonly startChild: (handlers: ChildHandlers) => Child
  /** Whether a process may run that no channel has asked for. */
  readonly hasRoom: () => boolean
  readonly log: Log
}

/** Lines that a process may print before anyone writes to it; one that prints more is not kept. */
const MAX_HEARD_LINES = 64

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

/** A process without a channel: what it prints is kept for the channel that gets it. */
class WaitingChild {
  readonly child: Child
  #handlers: ChildHandlers | undefined
  #heard: ((handlers: ChildHandlers) => void)[] = []

  /** `unfit` is called when it has ended, or prints too much without being asked. */
  constructor(startChild: (handlers: ChildHandlers) => Child, unfit: () => void) {
    const hear = (tell: (handlers: ChildHandlers) => void): void => {
      if (this.#handlers !== undefined) tell(this.#handlers)
      else if (this.#heard.push(tell) > MAX_HEARD_LINES) {
        this.#heard = []
        unfit()
        void this.child.stop()
      }
    }
    this.child = startChild({
      line: (bytes) => hear((handlers) => handlers.line(bytes)),
      tooLong: (head, tail, size) => hear((handlers) => handlers.tooLong(head, tail, size)),
      stderr: (line) => hear((handlers) => handlers.stderr(line)),
      gone: (end) => {
        if (this.#handlers === undefined) unfit()
        else this.#handlers.gone(end)
      },
    })
  }

  handOver(handlers: ChildHandlers): Child {
    this.#handlers = handlers
    const heard = this.#heard
    this.#heard = []
    // The taker must have the child before it is told anything; nothing else can come in between.
    queueMicrotask(() => heard.forEach((tell) => tell(handlers)))
    return this.child
  }
}
