/**
 * Keeps what one channel has sent so that it can be sent again (the tail), and messages for which no stream was open until
 * one is (held messages). Bounded by number, bytes and age; no I/O, no clock.
 */
import type { Answer, Ask, Died, Failed, Notification } from '../../protocol/frame.ts'
import { CHANNEL_WINDOW_BYTES, MAX_LINE_BYTES, TAIL_BYTES, TAIL_MESSAGES, TAIL_MS } from '../../protocol/limits.ts'
import { HELD_BYTES, HELD_MESSAGES } from '../limits.ts'

type Unnumbered<M> = M extends unknown ? Omit<M, 'ch' | 'n' | 'at' | 'size' | 'ack' | 'to'> : never

/** A message of the child, before it has its number. */
export type ChildMessage = Unnumbered<Answer> | Unnumbered<Notification> | Unnumbered<Ask>

/** A frame that reports a failure. It stands between the numbered messages without a number, and has no body. */
export type FailureFrame = Failed | Died

export interface KeptFrame {
  /** Position among all frames of the channel. */
  readonly order: number
  /** Its own number, or for a failure that of the message before it. */
  readonly n: number
  readonly frame: ChildMessage | FailureFrame
  readonly body: Uint8Array
  readonly bornMs: number
  /** Sent whole, on this link or one before. */
  sent: boolean
  receipted: boolean
}

export class ReplayBuffer {
  /** Told of each held message that had to give way. */
  readonly #onDropped: (message: ChildMessage) => void
  #tail: KeptFrame[] = []
  #tailBytes = 0
  #held: KeptFrame[] = []
  #heldBytes = 0
  /** Number of the newest message that belongs to no call and is not kept any more. */
  #forgottenNumber = 0

  constructor(onDropped: (message: ChildMessage) => void) {
    this.#onDropped = onDropped
  }

  /** Whether a message that belongs to no call, with a number after this one, is not kept any more. */
  hasForgotten(after: number): boolean {
    return after < this.#forgottenNumber
  }

  /** The message with this number, if it is in the tail. */
  message(n: number): KeptFrame | undefined {
    return this.#tail.find((kept) => isMessage(kept, n))
  }

  /** What is in the tail and wanted, in order. */
  select(wanted: (kept: KeptFrame) => boolean): KeptFrame[] {
    return this.#tail.filter(wanted)
  }

  add(kept: KeptFrame): void {
    this.#tail.push(kept)
    this.#tailBytes += kept.body.length
  }

  /** Keeps a message until a stream is open; beyond the limits the oldest give way. */
  hold(kept: KeptFrame): void {
    const before = this.#held.findLastIndex((held) => held.order < kept.order)
    this.#held.splice(before + 1, 0, kept)
    this.#heldBytes += kept.body.length
    while (this.#held.length > HELD_MESSAGES || this.#heldBytes > HELD_BYTES) this.#dropHeld()
  }

  /** Moves messages from the tail to the held ones. */
  holdBack(leaves: (kept: KeptFrame) => boolean): void {
    const leaving = this.#tail.filter(leaves)
    if (leaving.length > 0) this.#tail = this.#tail.filter((kept) => !leaves(kept))
    for (const kept of leaving) {
      this.#tailBytes -= kept.body.length
      this.hold(kept)
    }
  }

  /** Moves held messages back into the tail, and returns them. */
  release(wanted: (kept: KeptFrame) => boolean): readonly KeptFrame[] {
    const released = this.#held.filter(wanted)
    if (released.length === 0) return released
    this.#held = this.#held.filter((kept) => !wanted(kept))
    this.#tail = [...this.#tail, ...released].toSorted(byOrder)
    for (const { body } of released) {
      this.#heldBytes -= body.length
      this.#tailBytes += body.length
    }
    return released
  }

  /** The relay has all that was sent up to `n`. A failure counts as received once any later number is. */
  receipt(n: number): void {
    for (const kept of this.#tail) {
      if (kept.n > n) break
      if (kept.sent && (kept.n < n || !isFailure(kept.frame))) kept.receipted = true
    }
  }

  /** Forgets what is over the limits of the tail. Only age makes it forget what was not receipted. */
  trim(nowMs: number): void {
    for (let first = this.#tail[0]; first !== undefined; first = this.#tail[0]) {
      const old = nowMs - first.bornMs > TAIL_MS
      const over = this.#tail.length > TAIL_MESSAGES || this.#tailBytes > TAIL_BYTES
      // A relay that never sends receipts must not make us keep everything.
      const hopeless = this.#tailBytes > MAX_LINE_BYTES + CHANNEL_WINDOW_BYTES
      if (!first.sent || !(old || hopeless || (over && first.receipted))) return
      this.#tail.shift()
      this.#tailBytes -= first.body.length
      this.#forgotten(first)
    }
  }

  clear(): void {
    this.#tail = []
    this.#held = []
    this.#tailBytes = this.#heldBytes = 0
  }

  #dropHeld(): void {
    const oldest = this.#held.shift()
    if (oldest === undefined) return
    this.#heldBytes -= oldest.body.length
    this.#forgotten(oldest)
    if (!isFailure(oldest.frame)) this.#onDropped(oldest.frame)
  }

  #forgotten({ n, frame }: KeptFrame): void {
    if (belongsToNoCall(frame)) this.#forgottenNumber = Math.max(this.#forgottenNumber, n)
  }
}

export function isFailure(frame: ChildMessage | FailureFrame): frame is FailureFrame {
  return frame.type === 'failed' || frame.type === 'died'
}

/** Whether it is the message with this number. */
export function isMessage(kept: KeptFrame, n: number): boolean {
  return kept.n === n && !isFailure(kept.frame)
}

/** Whether a message goes to whatever stream the client has open: it belongs to no call, and is no answer. */
export function belongsToNoCall(frame: ChildMessage | FailureFrame): boolean {
  return (frame.type === 'notification' || frame.type === 'ask') && frame.ra === undefined
}

export function byOrder(a: KeptFrame, b: KeptFrame): number {
  return a.order - b.order
}
