/** Counts what goes to and comes from the server behind an agent of another make, and says when that is to be noted on its socket. No I/O, no clock. */
import { FOREIGN_HEARD_NOTED_MS } from '../../../foreign-limits.ts'
import type { ForeignState } from './foreign-state.ts'

type Counted = Pick<ForeignState, 'heardAtMs' | 'messages' | 'bytes'>

export class LinkCounts {
  #facts: Counted
  #notedAtMs = 0

  constructor({ heardAtMs, messages, bytes }: Counted) {
    this.#facts = { heardAtMs, messages, bytes }
  }

  get facts(): Counted {
    return this.#facts
  }

  /** When the server last said anything, in milliseconds since 1970. */
  get heardAtMs(): number {
    return this.#facts.heardAtMs
  }

  /** Whether what was heard since is more than sleep may forget. */
  get isDue(): boolean {
    return this.#facts.heardAtMs - this.#notedAtMs > FOREIGN_HEARD_NOTED_MS
  }

  sent(bytes: number): void {
    this.#facts = { ...this.#facts, messages: this.#facts.messages + 1, bytes: this.#facts.bytes + bytes }
  }

  heard(bytes: number, nowMs: number): void {
    this.sent(bytes)
    this.#facts = { ...this.#facts, heardAtMs: nowMs }
  }

  noted(nowMs: number): void {
    this.#notedAtMs = nowMs
  }
}
