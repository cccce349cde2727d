/** Keeps one server process started ahead of its first message (--spare), so that the next channel need not wait for the server to start. */
import type { Child, ChildHandlers } from './child.ts'
import type { Log } from '../log.ts'

interface SpareOptions {
  readonly startChild: (handlers: ChildHandlers) => Child
  /** Whether a process may run that nobody has asked for. */
  readonly hasRoom: () => boolean
  readonly log: Log
}

/** What a process may say before anyone speaks to it, in lines; one that says more is not kept. */
const MAX_HEARD_LINES = 64

export class SpareChild {
  readonly #options: SpareOptions
  #waiting: WaitingChild | undefined
  /** One has ended by itself: this server does not stand being started ahead, or beside another. */
  #isUseless = false
  #isOver = false

  constructor(options: SpareOptions) {
    this.#options = options
  }

  /** A process for a channel: the one that runs already, or a new one. */
  take(handlers: ChildHandlers): Child {
    const waiting = this.#waiting
    this.#waiting = undefined
    return waiting?.handOver(handlers) ?? this.#options.startChild(handlers)
  }

  /** Starts one, unless it is there. Called when the machine is not busy with another's start: once that has answered. */
  prepare(): void {
    const { startChild, hasRoom, log } = this.#options
    if (this.#waiting !== undefined || this.#isUseless || this.#isOver || !hasRoom()) return
    const waiting = new WaitingChild(startChild, () => {
      if (this.#waiting !== waiting) return
      this.#waiting = undefined
      this.#isUseless = true
      log.info('spare.end', { meaning: 'the server cannot be started ahead; from now on each starts when it is needed' })
    })
    this.#waiting = waiting
    log.debug('spare.start', { pid: waiting.child.pid ?? null })
  }

  /** Ends it, and starts no other; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#isOver = true
    const waiting = this.#waiting
    this.#waiting = undefined
    await waiting?.child.stop()
  }

  kill(): void {
    this.#isOver = true
    this.#waiting?.child.kill()
  }
}

/** A process without a channel: what it says is kept for the channel that gets it. */
class WaitingChild {
  readonly child: Child
  #handlers: ChildHandlers | undefined
  #heard: ((handlers: ChildHandlers) => void)[] = []

  /** `useless`: it has ended, or talks without being asked. */
  constructor(startChild: (handlers: ChildHandlers) => Child, useless: () => void) {
    const hear = (tell: (handlers: ChildHandlers) => void): void => {
      if (this.#handlers !== undefined) tell(this.#handlers)
      else if (this.#heard.push(tell) > MAX_HEARD_LINES) {
        this.#heard = []
        useless()
        void this.child.stop()
      }
    }
    this.child = startChild({
      line: (bytes) => hear((handlers) => handlers.line(bytes)),
      tooLong: (head, tail, size) => hear((handlers) => handlers.tooLong(head, tail, size)),
      stderr: (line) => hear((handlers) => handlers.stderr(line)),
      gone: (end) => {
        if (this.#handlers === undefined) useless()
        else this.#handlers.gone(end)
      },
    })
  }

  handOver(handlers: ChildHandlers): Child {
    this.#handlers = handlers
    const heard = this.#heard
    this.#heard = []
    // Whoever takes it must have it before it hears of it; nothing else can come in between.
    queueMicrotask(() => heard.forEach((tell) => tell(handlers)))
    return this.child
  }
}
