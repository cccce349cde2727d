/**
 * What one channel says to the relay: numbers it, sends it within the credit, and keeps it so that it can be said again.
 *
 * Everything is one ordered list. Numbered messages are the child's; verdicts (`failed`, `died`) stand between them
 * without a number, and count as receipted once any later number is.
 */
import type { Answer, Ask, Chunk, Died, Failed, Notification, Replay } from '../../protocol/frame.ts'
import {
  CHANNEL_WINDOW_BYTES,
  CHUNK_BYTES,
  MAX_LINE_BYTES,
  RECEIPT_EVERY_MESSAGES,
  TAIL_BYTES,
  TAIL_MESSAGES,
  TAIL_MS,
} from '../../protocol/limits.ts'
import { HELD_BYTES, HELD_MESSAGES } from '../limits.ts'

type Unnumbered<M> = M extends unknown ? Omit<M, 'ch' | 'n' | 'at' | 'size' | 'ack' | 'to'> : never

/** A message of the child, before it has its number. */
export type ChildMessage = Unnumbered<Answer> | Unnumbered<Notification> | Unnumbered<Ask>
export type FailureFrame = Failed | Died

export interface Outgoing {
  readonly header: Answer | Notification | Ask | Chunk | FailureFrame
  readonly body: Uint8Array
}

interface Entry {
  /** Position among all entries of the channel. */
  readonly order: number
  /** Its own number, or for a verdict that of the message before it. */
  readonly n: number
  readonly said: ChildMessage | FailureFrame
  readonly body: Uint8Array
  readonly bornMs: number
  /** Sent whole, on this link or one before. */
  sent: boolean
  receipted: boolean
}

interface Sending {
  readonly entry: Entry
  offset: number
  /** The stream for which it is sent again. */
  readonly to?: string | undefined
}

/** What a replay for one stream came to: whether the answer to its call is among it, and whether older messages are gone. */
export interface Replayed {
  readonly answered: boolean
  readonly incomplete: boolean
}

const NO_BODY = new Uint8Array(0)

export class Outbox {
  readonly #ch: string
  /** Told of a held message that had to give way. */
  readonly #onDropped: (said: ChildMessage) => void
  #order = 0
  #lastNumber = 0
  #queue: Sending[] = []
  #tail: Entry[] = []
  #tailBytes = 0
  #held: Entry[] = []
  #heldBytes = 0
  /** Number of the newest message that belongs to no call and is not kept any more. */
  #forgottenNumber = 0
  /** Return addresses of calls whose clients have come back: all that is sent for them says so. */
  readonly #followed = new Set<string>()
  /** The same for the one stream that gets what belongs to no call. */
  #followedStream: string | undefined
  /** No stream is open: what belongs to no call need not even be sent. */
  #parked = false
  /** Running total of body bytes sent, how far it may go, and what it was when we last asked for a receipt. */
  #at = 0
  #upto = CHANNEL_WINDOW_BYTES
  #ackedAt = 0
  #unacked = 0
  #unsentBytes = 0

  constructor(ch: string, onDropped: (said: ChildMessage) => void) {
    this.#ch = ch
    this.#onDropped = onDropped
  }

  /** Number of the channel's last message. */
  get lastNumber(): number {
    return this.#lastNumber
  }

  get unsentBytes(): number {
    return this.#unsentBytes
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0
  }

  say(said: ChildMessage, body: Uint8Array, nowMs: number): void {
    this.#lastNumber++
    this.#append(said, body, nowMs)
  }

  verdict(frame: FailureFrame, nowMs: number): void {
    this.#append(frame, NO_BODY, nowMs)
  }

  /** The next frame to send, or undefined when there is none or the credit does not reach. */
  next(): Outgoing | undefined {
    const sending = this.#queue[0]
    if (sending === undefined) return undefined
    const { said, body } = sending.entry
    if (isVerdict(said)) {
      this.#sent(sending.entry)
      return { header: said, body }
    }
    const length = Math.min(body.length - sending.offset, CHUNK_BYTES)
    if (this.#at + length > this.#upto) return undefined
    const offset = sending.offset
    const last = offset + length === body.length
    this.#at += length
    this.#unsentBytes -= length
    sending.offset += length
    if (last) this.#sent(sending.entry)
    const header = this.#header(sending, said, offset, last)
    if (last && said.type === 'answer') this.#followed.delete(said.ra)
    return { header, body: body.subarray(offset, offset + length) }
  }

  /** The relay has all that we sent up to `n`. */
  receipt(n: number): void {
    for (const entry of this.#tail) {
      if (entry.n > n) break
      if (entry.sent && (entry.n < n || !isVerdict(entry.said))) entry.receipted = true
    }
  }

  credit(upto: number): void {
    this.#upto = Math.max(this.#upto, upto)
  }

  /** Message `n` found no open stream: if it belongs to no call, nor will others that do not, until `resume`. */
  hold(n: number): void {
    const refused = this.#tail.find((entry) => entry.n === n && !isVerdict(entry.said))
    if (refused === undefined || isForStream(refused.said)) this.#parked = true
    const waiting = new Set(
      !this.#parked ? [] : this.#queue.filter(({ entry, offset }) => offset === 0 && isForStream(entry.said)).map(({ entry }) => entry),
    )
    this.#queueOnly(this.#queue.filter(({ entry }) => !waiting.has(entry)))
    const leaves = (entry: Entry): boolean => waiting.has(entry) || (entry.n === n && !isVerdict(entry.said))
    const leaving = this.#tail.filter(leaves)
    if (leaving.length > 0) this.#tail = this.#tail.filter((entry) => !leaves(entry))
    for (const entry of leaving) {
      this.#tailBytes -= entry.body.length
      this.#keepHeld(entry)
    }
  }

  resume(): void {
    this.#parked = false
    this.#followedStream = undefined
    this.#sendAgain(this.#release(() => true))
  }

  replay(after: number): void {
    this.#parked = false
    const wanted = (entry: Entry): boolean => entry.n > after && !isVerdict(entry.said)
    this.#release(wanted)
    this.#sendAgain(this.#tail.filter(wanted))
  }

  /** Sends again what came after a number for the stream of a call, or for the one that belongs to no call. */
  replayFor(to: string, { after, key, follow }: Pick<Replay, 'after' | 'key' | 'follow'>): Replayed {
    if (key === undefined) {
      this.#parked = false
      this.#followedStream = follow === true ? to : undefined
    } else this.#followed.add(to)
    const isOfStream = ({ said }: Entry): boolean =>
      key === undefined ? said.type === 'notification' || said.type === 'ask' : !isVerdict(said) && said.ra === to
    const released = this.#release(isOfStream)
    const waiting = new Set(this.#queue.filter(({ offset }) => offset === 0).map(({ entry }) => entry))
    const wanted = this.#tail.filter((entry) => isOfStream(entry) && entry.n > after)
    // Those that wait in the queue reach the stream without being asked for.
    const again = wanted.filter((entry) => !waiting.has(entry) && !released.includes(entry))
    this.#sendAgain(again, to)
    this.#sendAgain(released)
    return {
      answered: wanted.some(({ said }) => said.type === 'answer' && said.key === key),
      incomplete: key === undefined && after < this.#forgottenNumber,
    }
  }

  /** A new link: the window starts again, and what was not receipted goes out again, whole. */
  restart(): void {
    this.#upto = this.#at + CHANNEL_WINDOW_BYTES
    this.#ackedAt = this.#at
    this.#unacked = 0
    // The relay asks again for the streams that go on.
    this.#followed.clear()
    this.#followedStream = undefined
    this.#queue = []
    const open = (entry: Entry): boolean => !entry.receipted
    this.#release(open)
    this.#sendAgain(this.#tail.filter(open))
    // Until the new link says otherwise.
    this.#parked = false
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

  /** Nobody wants the rest. */
  clear(): void {
    this.#queue = []
    this.#followed.clear()
    this.#tail = []
    this.#held = []
    this.#tailBytes = this.#heldBytes = this.#unsentBytes = 0
  }

  #append(said: ChildMessage | FailureFrame, body: Uint8Array, nowMs: number): void {
    const entry = { order: ++this.#order, n: this.#lastNumber, said, body, bornMs: nowMs, sent: false, receipted: false }
    if (this.#parked && isForStream(said)) return this.#keepHeld(entry)
    this.#tail.push(entry)
    this.#tailBytes += body.length
    this.#queue.push({ entry, offset: 0 })
    this.#unsentBytes += body.length
    this.trim(nowMs)
  }

  #sent(entry: Entry): void {
    this.#queue.shift()
    entry.sent = true
  }

  #header(sending: Sending, said: ChildMessage, offset: number, last: boolean): Answer | Notification | Ask | Chunk {
    if (last) this.#unacked++
    const { entry } = sending
    const to = sending.to ?? this.#followedBy(said)
    const place = { ch: this.#ch, n: entry.n, at: this.#at, ...this.#ack(), ...(to !== undefined && { to }) }
    if (offset === 0) return { ...said, ...place, size: entry.body.length }
    const goesTo = { ...(said.ra !== undefined && { ra: said.ra }), ...('sure' in said && { sure: said.sure }) }
    return { type: 'chunk', ...place, offset, ...goesTo, ...(last && { last: true }) }
  }

  /** The stream that goes on, and gets this message. */
  #followedBy(said: ChildMessage): string | undefined {
    if (isForStream(said)) return this.#followedStream
    return said.ra !== undefined && this.#followed.has(said.ra) ? said.ra : undefined
  }

  /** Also asked when the next frame may not fit any more, or the two sides would wait for each other. */
  #ack(): { ack?: true } {
    const due =
      this.#unacked >= RECEIPT_EVERY_MESSAGES || this.#at - this.#ackedAt >= CHANNEL_WINDOW_BYTES / 2 || this.#upto - this.#at < CHUNK_BYTES
    if (!due) return {}
    this.#unacked = 0
    this.#ackedAt = this.#at
    return { ack: true }
  }

  /** Puts a message to those that wait for a stream; beyond their limits the oldest give way. */
  #keepHeld(entry: Entry): void {
    const before = this.#held.findLastIndex((held) => held.order < entry.order)
    this.#held.splice(before + 1, 0, entry)
    this.#heldBytes += entry.body.length
    while (this.#held.length > HELD_MESSAGES || this.#heldBytes > HELD_BYTES) this.#dropHeld()
  }

  /** Puts held messages back into the tail, and returns them. */
  #release(wanted: (entry: Entry) => boolean): readonly Entry[] {
    const released = this.#held.filter(wanted)
    if (released.length === 0) return released
    this.#held = this.#held.filter((entry) => !wanted(entry))
    this.#tail = [...this.#tail, ...released].toSorted(byOrder)
    for (const { body } of released) {
      this.#heldBytes -= body.length
      this.#tailBytes += body.length
    }
    return released
  }

  #dropHeld(): void {
    const oldest = this.#held.shift()
    if (oldest === undefined) return
    this.#heldBytes -= oldest.body.length
    this.#forgotten(oldest)
    if (!isVerdict(oldest.said)) this.#onDropped(oldest.said)
  }

  #forgotten({ n, said }: Entry): void {
    if (isForStream(said)) this.#forgottenNumber = Math.max(this.#forgottenNumber, n)
  }

  /** Queues entries before what waits, in order. A message that is half sent is finished first. */
  #sendAgain(entries: readonly Entry[], to?: string): void {
    for (const entry of entries) entry.sent = entry.receipted = false
    const begun = this.#queue.slice(0, 1).filter((sending) => sending.offset > 0)
    const waiting = this.#queue.slice(begun.length)
    const queued = new Set(waiting.map(({ entry }) => entry))
    const added = entries.filter((entry) => to !== undefined || !queued.has(entry)).map((entry) => ({ entry, offset: 0, to }))
    const ordered = [...waiting, ...added].toSorted((a, b) => byOrder(a.entry, b.entry))
    this.#queueOnly([...begun, ...ordered])
  }

  #queueOnly(queue: Sending[]): void {
    this.#queue = queue
    this.#unsentBytes = 0
    for (const { entry, offset } of this.#queue) this.#unsentBytes += entry.body.length - offset
  }
}

function isVerdict(said: ChildMessage | FailureFrame): said is FailureFrame {
  return said.type === 'failed' || said.type === 'died'
}

/** What goes to whatever stream the client has open: it belongs to no call, and is no answer. */
function isForStream(said: ChildMessage | FailureFrame): boolean {
  return (said.type === 'notification' || said.type === 'ask') && said.ra === undefined
}

function byOrder(a: Entry, b: Entry): number {
  return a.order - b.order
}
