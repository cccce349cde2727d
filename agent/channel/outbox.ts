/** Numbers what one channel sends to the relay, gives it out frame by frame within the credit, and sends it again from its tail. No I/O, no clock. */
import type { Answer, Ask, Chunk, Failed, Notification, Replay } from '../../protocol/frame.ts'
import { canonicalId } from '../../protocol/json/json-scan.ts'
import { CHUNK_BYTES } from '../../protocol/limits.ts'
import { HeldMessages } from './held-messages.ts'
import { belongsToNoCall, byOrder, isFailure, isMessage, type ChildMessage, type FailureFrame, type KeptFrame } from './kept-frame.ts'
import { SendWindow } from './send-window.ts'
import { Tail } from './tail.ts'

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
  readonly #held: HeldMessages
  readonly #window = new SendWindow()
  #order = 0
  #lastNumber = 0
  #queue: Sending[] = []
  #unsentBytes = 0
  readonly #tail: Tail
  /** By return address, of calls whose clients have come back, for which stream: all that is sent for them says so. */
  readonly #followed = new Map<string, string>()
  /** The same for the one stream that gets what belongs to no call. */
  #followedStream: string | undefined
  /** No stream is open: what belongs to no call need not even be sent. */
  #parked = false

  /** `onDropped` is told of a held message that had to give way. `isShared`: of a child of several clients. */
  constructor(ch: string, onDropped: (message: ChildMessage) => void, isShared = false) {
    this.#ch = ch
    this.#tail = new Tail(isShared)
    this.#held = new HeldMessages((dropped) => {
      this.#tail.forgotten(dropped)
      if (!isFailure(dropped.frame)) onDropped(dropped.frame)
    })
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
    if (!this.#window.spend(length)) return undefined
    const offset = sending.offset
    const last = offset + length === body.length
    this.#unsentBytes -= length
    sending.offset += length
    if (last) this.#sent(sending.kept)
    const header = this.#header(sending, frame, offset, last)
    if (last && frame.type === 'answer') this.#followed.delete(frame.ra)
    return { header, body: body.subarray(offset, offset + length) }
  }

  /** The relay has all that we sent up to `n`. */
  receipt(n: number): void {
    this.#tail.receipt(n)
  }

  /** The relay takes body bytes up to this running total. */
  credit(upto: number): void {
    this.#window.credit(upto)
  }

  /** Message `n` found no open stream: if it belongs to no call, nor will others that do not, until `resume`. */
  hold(n: number): void {
    const refused = this.#tail.message(n)
    if (refused === undefined || belongsToNoCall(refused.frame)) this.#parked = true
    const waiting = new Set(
      !this.#parked ? [] : this.#queue.filter(({ kept, offset }) => offset === 0 && belongsToNoCall(kept.frame)).map(({ kept }) => kept),
    )
    this.#queueOnly(this.#queue.filter(({ kept }) => !waiting.has(kept)))
    for (const kept of this.#tail.take((one) => waiting.has(one) || isMessage(one, n))) this.#held.add(kept)
  }

  /** A stream is open: sends all that was held. */
  resume(): void {
    this.#parked = false
    this.#followedStream = undefined
    this.#sendAgain(this.#release(() => true))
  }

  /** Sends again what came after a number, held messages too. */
  replay(after: number): void {
    this.#parked = false
    this.#tail.recallAsks()
    const wanted = (kept: KeptFrame): boolean => kept.n > after && !isFailure(kept.frame)
    this.#release(wanted)
    this.#sendAgain(this.#tail.where(wanted))
  }

  /** Sends again what came after a number for the stream of a call, or for the one that belongs to no call, with the answers that come on it. */
  replayFor(to: string, { after, key, ra = to, calls, follow }: Pick<Replay, 'after' | 'key' | 'ra' | 'calls' | 'follow'>): Replayed {
    if (key === undefined) {
      this.#parked = false
      this.#followedStream = follow === true ? to : undefined
    } else this.#followed.set(ra, to)
    this.#tail.recallAsks()
    const isOfStream = ({ frame }: KeptFrame): boolean => {
      if (key !== undefined) return !isFailure(frame) && frame.ra === ra
      if (frame.type === 'answer') return calls !== undefined && frame.ra.startsWith(calls)
      return frame.type === 'notification' || frame.type === 'ask'
    }
    const released = this.#release(isOfStream)
    this.#withdraw(to)
    // Those that wait in the queue reach the stream without being asked for, if they will be marked with it.
    const isMarked = ({ frame }: KeptFrame): boolean => key !== undefined || (follow === true && belongsToNoCall(frame))
    const waiting = new Set(this.#queue.filter(({ offset, to: of }) => offset === 0 && of === undefined).map(({ kept }) => kept))
    const wanted = this.#tail.where((kept) => isOfStream(kept) && kept.n > after)
    const again = wanted.filter((kept) => !(waiting.has(kept) && isMarked(kept)) && !released.includes(kept))
    this.#sendAgain(again, to)
    // Among what is held may be what this client has seen: it was held when its connection was found dead.
    this.#sendAgain(released.filter((kept) => kept.n > after || !kept.sent))
    return {
      answered: wanted.some(({ frame }) => frame.type === 'answer' && frame.key === key),
      incomplete: key === undefined && after < this.#tail.forgottenNumber,
    }
  }

  /** The child's request with this canonical id needs no answer any more: it is not sent again. */
  forgetAsk(id: string): void {
    const isIt = ({ frame }: KeptFrame): boolean => frame.type === 'ask' && canonicalId(frame.rawId) === id
    this.#held.take(isIt)
    if (this.#queue.some(({ kept }) => isIt(kept))) this.#queueOnly(this.#queue.filter(({ kept, offset }) => offset > 0 || !isIt(kept)))
    this.#tail.forgetAsk(isIt)
  }

  /**
   * A new link: the window starts again, and what was not receipted goes out again, whole. Failures have no receipt of their own:
   * those go that are not true any more.
   */
  restart(isOutdated: (failed: Failed) => boolean = () => false): void {
    this.#window.restart()
    // The relay asks again for the streams that go on.
    this.#followed.clear()
    this.#followedStream = undefined
    this.#queue = []
    this.#tail.recallAsks()
    this.#tail.take(({ frame }) => frame.type === 'failed' && isOutdated(frame))
    const open = (kept: KeptFrame): boolean => !kept.receipted
    this.#release(open)
    this.#sendAgain(this.#tail.where(open))
    // Until the new link says otherwise.
    this.#parked = false
  }

  /** Forgets what is over the limits of the tail. */
  trim(nowMs: number): void {
    this.#tail.trim(nowMs)
  }

  /** Nobody wants the rest. */
  clear(): void {
    this.#queue = []
    this.#followed.clear()
    this.#tail.clear()
    this.#held.clear()
    this.#unsentBytes = 0
  }

  #append(frame: ChildMessage | FailureFrame, body: Uint8Array, nowMs: number): void {
    const kept = { order: ++this.#order, n: this.#lastNumber, frame, body, bornMs: nowMs, sent: false, receipted: false }
    if (this.#parked && belongsToNoCall(frame)) return this.#held.add(kept)
    this.#tail.push(kept)
    this.#queue.push({ kept, offset: 0 })
    this.#unsentBytes += body.length
    this.trim(nowMs)
  }

  #sent(kept: KeptFrame): void {
    this.#queue.shift()
    kept.sent = true
  }

  #header(sending: Sending, message: ChildMessage, offset: number, last: boolean): Answer | Notification | Ask | Chunk {
    const { kept } = sending
    const to = sending.to ?? this.#followedBy(message)
    const place = { ch: this.#ch, n: kept.n, at: this.#window.at, ...this.#window.ack(last), ...(to !== undefined && { to }) }
    if (offset === 0) return { ...message, ...place, size: kept.body.length }
    const goesTo = { ...(message.ra !== undefined && { ra: message.ra }), ...('sure' in message && { sure: message.sure }) }
    return { type: 'chunk', ...place, offset, ...goesTo, ...(last && { last: true }) }
  }

  /** The stream that goes on, and gets this message. */
  #followedBy(message: ChildMessage): string | undefined {
    if (belongsToNoCall(message)) return this.#followedStream
    return message.ra === undefined ? undefined : this.#followed.get(message.ra)
  }

  /** Puts held messages back into the tail, and returns them. */
  #release(wanted: (kept: KeptFrame) => boolean): readonly KeptFrame[] {
    const released = this.#held.take(wanted)
    this.#tail.putBack(released)
    return released
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

  /** What waits to be sent again for an earlier time of a stream would come to nobody. */
  #withdraw(to: string): void {
    const name = streamNamed(to)
    const isVain = (sending: Sending): boolean => sending.offset === 0 && sending.to !== undefined && streamNamed(sending.to) === name
    const vain = this.#queue.filter(isVain)
    if (vain.length === 0) return
    // As it was before: it need not be sent before it may be forgotten.
    for (const { kept } of vain) kept.sent = true
    this.#queueOnly(this.#queue.filter((sending) => !isVain(sending)))
  }

  #queueOnly(queue: Sending[]): void {
    this.#queue = queue
    this.#unsentBytes = 0
    for (const { kept, offset } of this.#queue) this.#unsentBytes += kept.body.length - offset
  }
}

/** The stream that a `to` names, whichever time its client has come back for it. */
function streamNamed(to: string): string {
  const end = to.lastIndexOf('.')
  return end === -1 ? to : to.slice(0, end)
}
