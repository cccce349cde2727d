/** Counts the body bytes that one channel sends against the relay's credit, and says when to ask for a receipt. No I/O, no clock. */
import { CHANNEL_WINDOW_BYTES, CHUNK_BYTES, RECEIPT_EVERY_MESSAGES } from '../../protocol/limits.ts'

export class SendWindow {
  /** Running total of bytes sent, how far it may go, and what it was when a receipt was last asked for. */
  #at = 0
  #upto = CHANNEL_WINDOW_BYTES
  #askedAt = 0
  /** Messages sent whole since then. */
  #unasked = 0

  /** The running total, as the frames state it. */
  get at(): number {
    return this.#at
  }

  /** The relay takes bytes up to this total. Never decreases. */
  credit(upto: number): void {
    this.#upto = Math.max(this.#upto, upto)
  }

  /** Counts bytes that are sent now. False when the credit does not reach. */
  spend(bytes: number): boolean {
    if (this.#at + bytes > this.#upto) return false
    this.#at += bytes
    return true
  }

  /** For a frame whose bytes were counted: whether it asks for a receipt. `last` when it completes a message. */
  ack(last: boolean): { ack?: true } {
    if (last) this.#unasked++
    // Also when the next frame may not fit any more, or the two sides would wait for each other.
    const due =
      this.#unasked >= RECEIPT_EVERY_MESSAGES || this.#at - this.#askedAt >= CHANNEL_WINDOW_BYTES / 2 || this.#upto - this.#at < CHUNK_BYTES
    if (!due) return {}
    this.#unasked = 0
    this.#askedAt = this.#at
    return { ack: true }
  }

  /** A new link: the whole window is free again. */
  restart(): void {
    this.#upto = this.#at + CHANNEL_WINDOW_BYTES
    this.#askedAt = this.#at
    this.#unasked = 0
  }
}
