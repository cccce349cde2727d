/**
 * Keeps the last of what one channel has said, so that it can be sent again: what is over the limits is forgotten, but not what the
 * child has asked and nobody has answered. No I/O, no clock.
 */
import { CHANNEL_WINDOW_BYTES, MAX_LINE_BYTES, TAIL_BYTES, TAIL_MESSAGES, TAIL_MS } from '../../protocol/limits.ts'
import { HeldMessages } from './held-messages.ts'
import { belongsToNoCall, byOrder, isFailure, isMessage, type KeptFrame } from './kept-frame.ts'

export class Tail {
  /** By their order, and in it: the oldest go without the others being moved. */
  #frames = new Map<number, KeptFrame>()
  /** No frame here is older. */
  #oldestOrder = 0
  #bytes = 0
  /** What was asked before all of these, and is open: who asks waits, however much is said meanwhile. */
  readonly #openAsks = new HeldMessages((dropped) => this.forgotten(dropped))
  #forgottenNumber = 0
  readonly #isShared: boolean

  /** `isShared`: of a child of several clients. */
  constructor(isShared: boolean) {
    this.#isShared = isShared
  }

  /** Number of the newest message that belongs to no call and is not kept any more. */
  get forgottenNumber(): number {
    return this.#forgottenNumber
  }

  /** Takes the channel's newest frame. */
  push(kept: KeptFrame): void {
    if (this.#frames.size === 0) this.#oldestOrder = kept.order
    this.#frames.set(kept.order, kept)
    this.#bytes += kept.body.length
  }

  /** Takes what is older than other frames here. */
  putBack(frames: readonly KeptFrame[]): void {
    if (frames.length === 0) return
    const all = [...this.#frames.values(), ...frames].toSorted(byOrder)
    this.#frames = new Map(all.map((kept) => [kept.order, kept]))
    this.#oldestOrder = all[0]?.order ?? 0
    for (const { body } of frames) this.#bytes += body.length
  }

  /** Puts open asks back among the others, out of which they are sent again. */
  recallAsks(): void {
    this.putBack(this.#openAsks.take(() => true))
  }

  message(n: number): KeptFrame | undefined {
    return this.where((kept) => isMessage(kept, n))[0]
  }

  where(wanted: (kept: KeptFrame) => boolean): readonly KeptFrame[] {
    return [...this.#frames.values()].filter(wanted)
  }

  /** Takes out what is wanted, in order. */
  take(wanted: (kept: KeptFrame) => boolean): readonly KeptFrame[] {
    const taken = this.where(wanted)
    taken.forEach((kept) => this.#drop(kept))
    return taken
  }

  /** The ask that this is true of is answered, or taken back. */
  forgetAsk(isIt: (kept: KeptFrame) => boolean): void {
    this.#openAsks.take(isIt)
    this.take(isIt)
  }

  /** The relay has all up to `n`. A failure counts as received once any later number is. */
  receipt(n: number): void {
    for (const kept of this.#frames.values()) {
      if (kept.n > n) break
      if (kept.sent && (kept.n < n || !isFailure(kept.frame))) kept.receipted = true
    }
  }

  /** Forgets what is over the limits. Only age makes it forget what was not receipted. */
  trim(nowMs: number): void {
    for (let first = this.#oldest(); first !== undefined; first = this.#oldest()) {
      const old = nowMs - first.bornMs > TAIL_MS
      const over = this.#frames.size > TAIL_MESSAGES || this.#bytes > TAIL_BYTES
      // A relay that never sends receipts must not make us keep everything.
      const hopeless = this.#bytes > MAX_LINE_BYTES + CHANNEL_WINDOW_BYTES
      if (!first.sent || !(old || hopeless || (over && first.receipted))) return
      this.#drop(first)
      if (first.frame.type === 'ask') this.#openAsks.add(first)
      else this.forgotten(first)
    }
  }

  /** A frame is kept nowhere any more. What a child of several logs for no call is nobody's, so that nobody misses it. */
  forgotten({ n, frame }: KeptFrame): void {
    const isNobodys = this.#isShared && frame.type === 'notification' && frame.method === 'notifications/message'
    if (belongsToNoCall(frame) && !isNobodys) this.#forgottenNumber = Math.max(this.#forgottenNumber, n)
  }

  clear(): void {
    this.#frames.clear()
    this.#openAsks.clear()
    this.#bytes = 0
  }

  #drop({ order, body }: KeptFrame): void {
    this.#frames.delete(order)
    this.#bytes -= body.length
  }

  #oldest(): KeptFrame | undefined {
    if (this.#frames.size === 0) return undefined
    while (!this.#frames.has(this.#oldestOrder)) this.#oldestOrder++
    return this.#frames.get(this.#oldestOrder)
  }
}
