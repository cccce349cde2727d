/** Numbers what one channel sends to the relay, and gives it out frame by frame within the credit. No I/O, no clock. */
import type { Answer, Ask, Chunk, Notification, Replay } from '../../protocol/frame.ts'
import { CHANNEL_WINDOW_BYTES, CHUNK_BYTES, RECEIPT_EVERY_MESSAGES } from '../../protocol/limits.ts'
import {
  belongsToNoCall,
  byOrder,
  isFailure,
  isMessage,
  ReplayBuffer,
  type ChildMessage,
  type FailureFrame,
  type KeptFrame,
} from './replay-buffer.ts'

export interface Outgoing {
  readonly header: Answer | Notification | Ask | Chunk | FailureFrame
  readonly body: Uint8Array
}

interface Sending {
  readonly kept: KeptFrame
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
  readonly #buffer: ReplayBuffer
  #order = 0
  #lastNumber = 0
  #queue: Sending[] = []
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

  /** `onDropped` is told of a held message that had to give way. */
  constructor(ch: string, onDropped: (message: ChildMessage) => void) {
    this.#ch = ch
    this.#buffer = new ReplayBuffer(onDropped)
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

  /** Takes a message of the child, which gets the next number. */
  add(message: ChildMessage, body: Uint8Array, nowMs: number): void {
    this.#lastNumber++
    this.#append(message, body, nowMs)
  }

  /** Takes the report of a failure, which is sent behind what was taken before. */
  addFailure(frame: FailureFrame, nowMs: number): void {
    this.#append(frame, NO_BODY, nowMs)
  }

  /** The next frame to send, or undefined when there is none or the credit does not reach. */
  next(): Outgoing | undefined {
    const sending = this.#queue[0]
    if (sending === undefined) return undefined
    const { frame, body } = sending.kept
    if (isFailure(frame)) {
      this.#sent(sending.kept)
      return { header: frame, body }
    }
    const length = Math.min(body.length - sending.offset, CHUNK_BYTES)
    if (this.#at + length > this.#upto) return undefined
    const offset = sending.offset
    const last = offset + length === body.length
    this.#at += length
    this.#unsentBytes -= length
    sending.offset += length
    if (last) this.#sent(sending.kept)
    const header = this.#header(sending, frame, offset, last)
    if (last && frame.type === 'answer') this.#followed.delete(frame.ra)
    return { header, body: body.subarray(offset, offset + length) }
  }

  /** The relay has all that we sent up to `n`. */
  receipt(n: number): void {
    this.#buffer.receipt(n)
  }

  /** The relay takes body bytes up to this running total. */
  credit(upto: number): void {
    this.#upto = Math.max(this.#upto, upto)
  }

  /** Message `n` found no open stream: if it belongs to no call, nor will others that do not, until `resume`. */
  hold(n: number): void {
    const refused = this.#buffer.message(n)
    if (refused === undefined || belongsToNoCall(refused.frame)) this.#parked = true
    const waiting = new Set(
      !this.#parked ? [] : this.#queue.filter(({ kept, offset }) => offset === 0 && belongsToNoCall(kept.frame)).map(({ kept }) => kept),
    )
    this.#queueOnly(this.#queue.filter(({ kept }) => !waiting.has(kept)))
    this.#buffer.holdBack((kept) => waiting.has(kept) || isMessage(kept, n))
  }

  /** A stream is open: sends all that was held. */
  resume(): void {
    this.#parked = false
    this.#followedStream = undefined
    this.#sendAgain(this.#buffer.release(() => true))
  }

  /** Sends again what came after a number, held messages too. */
  replay(after: number): void {
    this.#parked = false
    const wanted = (kept: KeptFrame): boolean => kept.n > after && !isFailure(kept.frame)
    this.#buffer.release(wanted)
    this.#sendAgain(this.#buffer.select(wanted))
  }

  /** Sends again what came after a number for the stream of a call, or for the one that belongs to no call. */
  replayFor(to: string, { after, key, follow }: Pick<Replay, 'after' | 'key' | 'follow'>): Replayed {
    if (key === undefined) {
      this.#parked = false
      this.#followedStream = follow === true ? to : undefined
    } else this.#followed.add(to)
    const isOfStream = ({ frame }: KeptFrame): boolean =>
      key === undefined ? frame.type === 'notification' || frame.type === 'ask' : !isFailure(frame) && frame.ra === to
    const released = this.#buffer.release(isOfStream)
    const waiting = new Set(this.#queue.filter(({ offset }) => offset === 0).map(({ kept }) => kept))
    const wanted = this.#buffer.select((kept) => isOfStream(kept) && kept.n > after)
    // Those that wait in the queue reach the stream without being asked for.
    const again = wanted.filter((kept) => !waiting.has(kept) && !released.includes(kept))
    this.#sendAgain(again, to)
    this.#sendAgain(released)
    return {
      answered: wanted.some(({ frame }) => frame.type === 'answer' && frame.key === key),
      incomplete: key === undefined && this.#buffer.hasForgotten(after),
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
    const open = (kept: KeptFrame): boolean => !kept.receipted
    this.#buffer.release(open)
    this.#sendAgain(this.#buffer.select(open))
    // Until the new link says otherwise.
    this.#parked = false
  }

  /** Forgets what is too old, or receipted and too much. */
  trim(nowMs: number): void {
    this.#buffer.trim(nowMs)
  }

  /** Nobody wants the rest. */
  clear(): void {
    this.#queue = []
    this.#followed.clear()
    this.#buffer.clear()
    this.#unsentBytes = 0
  }

  #append(frame: ChildMessage | FailureFrame, body: Uint8Array, nowMs: number): void {
    const kept = { order: ++this.#order, n: this.#lastNumber, frame, body, bornMs: nowMs, sent: false, receipted: false }
    if (this.#parked && belongsToNoCall(frame)) return this.#buffer.hold(kept)
    this.#buffer.add(kept)
    this.#queue.push({ kept, offset: 0 })
    this.#unsentBytes += body.length
    this.#buffer.trim(nowMs)
  }

  #sent(kept: KeptFrame): void {
    this.#queue.shift()
    kept.sent = true
  }

  #header(sending: Sending, message: ChildMessage, offset: number, last: boolean): Answer | Notification | Ask | Chunk {
    if (last) this.#unacked++
    const { kept } = sending
    const to = sending.to ?? this.#followedBy(message)
    const place = { ch: this.#ch, n: kept.n, at: this.#at, ...this.#ack(), ...(to !== undefined && { to }) }
    if (offset === 0) return { ...message, ...place, size: kept.body.length }
    const goesTo = { ...(message.ra !== undefined && { ra: message.ra }), ...('sure' in message && { sure: message.sure }) }
    return { type: 'chunk', ...place, offset, ...goesTo, ...(last && { last: true }) }
  }

  /** The stream that goes on, and gets this message. */
  #followedBy(message: ChildMessage): string | undefined {
    if (belongsToNoCall(message)) return this.#followedStream
    return message.ra !== undefined && this.#followed.has(message.ra) ? message.ra : undefined
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

  /** Queues frames before what waits, in order. A message that is half sent is finished first. */
  #sendAgain(frames: readonly KeptFrame[], to?: string): void {
    for (const kept of frames) kept.sent = kept.receipted = false
    const begun = this.#queue.slice(0, 1).filter((sending) => sending.offset > 0)
    const waiting = this.#queue.slice(begun.length)
    const queued = new Set(waiting.map(({ kept }) => kept))
    const added = frames.filter((kept) => to !== undefined || !queued.has(kept)).map((kept) => ({ kept, offset: 0, to }))
    const ordered = [...waiting, ...added].toSorted((a, b) => byOrder(a.kept, b.kept))
    this.#queueOnly([...begun, ...ordered])
  }

  #queueOnly(queue: Sending[]): void {
    this.#queue = queue
    this.#unsentBytes = 0
    for (const { kept, offset } of this.#queue) this.#unsentBytes += kept.body.length - offset
  }
}
