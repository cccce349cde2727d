/** Messages of one channel for which no stream is open: kept in order until one is, within HELD_MESSAGES and HELD_BYTES. No I/O, no clock. */
import { HELD_BYTES, HELD_MESSAGES } from '../limits.ts'
import type { KeptFrame } from './kept-frame.ts'

export class HeldMessages {
  /** Told of each message that had to give way. */
  readonly #onDropped: (dropped: KeptFrame) => void
  #held: KeptFrame[] = []
  #bytes = 0

  constructor(onDropped: (dropped: KeptFrame) => void) {
    this.#onDropped = onDropped
  }

  /** Beyond the limits the oldest give way. */
  add(message: KeptFrame): void {
    const before = this.#held.findLastIndex((held) => held.order < message.order)
    this.#held.splice(before + 1, 0, message)
    this.#bytes += message.body.length
    while (this.#held.length > HELD_MESSAGES || this.#bytes > HELD_BYTES) {
      const oldest = this.#held.shift()
      if (oldest === undefined) return
      this.#bytes -= oldest.body.length
      this.#onDropped(oldest)
    }
  }

  /** Takes out what is wanted, in order. */
  take(wanted: (held: KeptFrame) => boolean): readonly KeptFrame[] {
    const taken = this.#held.filter(wanted)
    if (taken.length === 0) return taken
    this.#held = this.#held.filter((held) => !wanted(held))
    for (const { body } of taken) this.#bytes -= body.length
    return taken
  }

  clear(): void {
    this.#held = []
    this.#bytes = 0
  }
}
