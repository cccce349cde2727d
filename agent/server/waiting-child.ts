/** A process that no channel has: what it prints is kept, in order, for the channel that gets it. */
import type { Child, ChildHandlers } from './child.ts'
import { HEARD_LINES } from '../limits.ts'

export class WaitingChild {
  readonly child: Child
  #handlers: ChildHandlers | undefined
  #heard: ((handlers: ChildHandlers) => void)[] = []

  /** `unfit` is called when it has ended, or prints too much without being asked. `told`: takes its stderr until then, which is not kept. */
  constructor(startChild: (handlers: ChildHandlers) => Child, unfit: () => void, told?: (line: string) => void) {
    const hear = (tell: (handlers: ChildHandlers) => void): void => {
      if (this.#handlers !== undefined) tell(this.#handlers)
      else if (this.#heard.push(tell) > HEARD_LINES) {
        this.#heard = []
        unfit()
        void this.child.stop()
      }
    }
    this.child = startChild({
      line: (bytes, of) => hear((handlers) => handlers.line(bytes, of)),
      tooLong: (head, tail, size) => hear((handlers) => handlers.tooLong(head, tail, size)),
      refused: (rawId, failure) => hear((handlers) => handlers.refused?.(rawId, failure)),
      stderr: (line) => {
        if (this.#handlers === undefined && told !== undefined) told(line)
        else hear((handlers) => handlers.stderr(line))
      },
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
