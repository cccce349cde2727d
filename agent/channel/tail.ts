/**
 * Keeps the last of what one channel has said, so that it can be sent again: what is over the limits is forgotten, but not what the
 * child has asked and nobody has answered. No I/O, no clock.
 */
import { CHANNEL_WINDOW_BYTES, MAX_LINE_BYTES, TAIL_BYTES, TAIL_MESSAGES, TAIL_MS } from '../../protocol/limits.ts'
import { HeldMessages } from './held-messages.ts'
import { belongsToNoCall, byOrder, isFailure, isMessage, type KeptFrame } from './kept-frame.ts'

export class Tail {
  #frames: KeptFrame[] = []
  #bytes = 0
  /** What was asked before all of these, and is open: who asks waits, however much is said meanwhile. */
  readonly #openAsks = new HeldMessages((dropped) => this.forgotten(dropped))
  #forgottenNumber = 0

  /** Number of the newest message that belongs to no call and is not kept any more. */
  get forgottenNumber(): number {
    return this.#forgottenNumber
  }

  /** Takes the channel's newest frame. */
  push(kept: KeptFrame): void {
    this.#frames.push(kept)
    this.#bytes += kept.body.length
  }

  /** Takes what is older than other frames here. */
  putBack(frames: readonly KeptFrame[]): void {
    if (frames.length === 0) return
    this.#frames = [...this.#frames, ...frames].toSorted(byOrder)
    for (const { body } of frames) this.#bytes += body.length
  }

  /** Puts open asks back among the others, out of which they are sent again. */
  recallAsks(): void {
    this.putBack(this.#openAsks.take(() => true))
  }

  message(n: number): KeptFrame | undefined {
    return this.#frames.find((kept) => isMessage(kept, n))
  }

  where(wanted: (kept: KeptFrame) => boolean): readonly KeptFrame[] {
    return this.#frames.filter(wanted)
  }

  /** Takes out what is wanted, in order. */
  take(wanted: (kept: KeptFrame) => boolean): readonly KeptFrame[] {
    const taken = this.#frames.filter(wanted)
    if (taken.length === 0) return taken
    this.#frames = this.#frames.filter((kept) => !wanted(kept))
    for (const { body } of taken) this.#bytes -= body.length
    return taken
  }

  /** The ask that this is true of is answered, or taken back. */
  forgetAsk(isIt: (kept: KeptFrame) => boolean): void {
    this.#openAsks.take(isIt)
    this.take(isIt)
  }

  /** The relay has all up to `n`. A failure counts as received once any later number is. */
  receipt(n: number): void {
    for (const kept of this.#frames) {
      if (kept.n > n) break
      if (kept.sent && (kept.n < n || !isFailure(kept.frame))) kept.receipted = true
    }
  }

  /** Forgets what is over the limits. Only age makes it forget what was not receipted. */
  trim(nowMs: number): void {
    for (let first = this.#frames[0]; first !== undefined; first = this.#frames[0]) {
      const old = nowMs - first.bornMs > TAIL_MS
      const over = this.#frames.length > TAIL_MESSAGES || this.#bytes > TAIL_BYTES
      // A relay that never sends receipts must not make us keep everything.
      const hopeless = this.#bytes > MAX_LINE_BYTES + CHANNEL_WINDOW_BYTES
      if (!first.sent || !(old || hopeless || (over && first.receipted))) return
      this.#frames.shift()
      this.#bytes -= first.body.length
      if (first.frame.type === 'ask') this.#openAsks.add(first)
      else this.forgotten(first)
    }
  }

  /** A frame is kept nowhere any more. */
  forgotten({ n, frame }: KeptFrame): void {
    if (belongsToNoCall(frame)) this.#forgottenNumber = Math.max(this.#forgottenNumber, n)
  }

  clear(): void {
    this.#frames = []
    this.#openAsks.clear()
    this.#bytes = 0
  }
}
