/** The poll of a link that waits, and what is done when polls stop. Its law: a timer runs only while the link is there, and one at a time. */
import { POLL_IDLE_MS } from '../../protocol/limits.ts'

interface Waiting {
  /** By which its Worker says that its client has left. */
  readonly name: string
  readonly end: (hasCome: boolean) => void
}

export class PollWaiter {
  readonly #stopped: () => void
  #waiting: Waiting | undefined
  #timer: ReturnType<typeof setTimeout> | null = null

  /** `stopped` is called once polls have stopped for POLL_IDLE_MS. */
  constructor(stopped: () => void) {
    this.#stopped = stopped
    this.#rest()
  }

  /** True once something has come; false after `maxMs`, when another poll takes the place of this one, and when its client leaves. */
  async wait(name: string, maxMs: number): Promise<boolean> {
    this.#waiting?.end(false)
    clearTimeout(this.#timer)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiting: Waiting = {
      name,
      end: (hasCome) => {
        if (this.#waiting !== waiting) return
        this.#waiting = undefined
        this.#rest()
        resolve(hasCome)
      },
    }
    this.#waiting = waiting
    this.#timer = setTimeout(() => waiting.end(false), maxMs)
    return promise
  }

  /** Something has come. */
  wake(): void {
    this.#waiting?.end(true)
  }

  /** The client of this poll has left. */
  left(name: string): void {
    if (this.#waiting?.name === name) this.#waiting.end(false)
  }

  /** A sign of life that was answered at once. */
  heard(): void {
    if (this.#waiting === undefined) this.#rest()
  }

  /** The link is over. */
  end(): void {
    this.#waiting?.end(true)
    clearTimeout(this.#timer)
  }

  #rest(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#stopped(), POLL_IDLE_MS)
  }
}
