/** Holds what the relay sends for one child until its turn: assembles messages, keeps their order behind a gate, counts what waits. No I/O, no clock. */
import type { Call, Notify, Respond } from '../../protocol/frame.ts'
import { UPLOAD_WINDOW_BYTES } from '../../protocol/limits.ts'
import { concat } from '../../protocol/splice.ts'
import { BACKLOG_BYTES } from '../limits.ts'

export type Inbound = Call | Notify | Respond

/** A message, whole or in part. */
export class InboundMessage {
  readonly header: Inbound
  readonly #parts: Uint8Array[]
  #received: number
  #granted = UPLOAD_WINDOW_BYTES

  constructor(header: Inbound, beginning: Uint8Array) {
    this.header = header
    this.#parts = [beginning]
    this.#received = beginning.length
  }

  get isWhole(): boolean {
    return this.#received === this.header.size
  }

  /** What has come of it. */
  get body(): Uint8Array {
    const [first] = this.#parts
    return this.#parts.length === 1 && first !== undefined ? first : concat(this.#parts)
  }

  /** False when bytes before this part are missing, or there are too many. */
  append(offset: number, part: Uint8Array): boolean {
    if (offset !== this.#received || this.#received + part.length > this.header.size) return false
    this.#parts.push(part)
    this.#received += part.length
    return true
  }

  /** How far the relay may send now, or undefined while what it was told is enough. */
  grant(): number | undefined {
    if (this.isWhole || this.#granted - this.#received > UPLOAD_WINDOW_BYTES / 2) return undefined
    this.#granted = this.#received + UPLOAD_WINDOW_BYTES
    return this.#granted
  }
}

export class Inbox {
  /** In order of arrival: all that was not taken. */
  readonly #messages = new Map<string, InboundMessage>()
  /** The call that holds everything behind it back. */
  #gate: string | undefined
  #waitingBytes = 0
  /** Bytes given to the child's stdin that the kernel has not taken. */
  #unreadBytes = 0

  /** Whether so many bytes more may wait. */
  hasRoom(size: number): boolean {
    return this.#waitingBytes + this.#unreadBytes + size <= BACKLOG_BYTES
  }

  /** Bytes on their way to the child through its stdin: a positive number when they are given, a negative when they are taken. */
  countUnread(bytes: number): void {
    this.#unreadBytes += bytes
  }

  /** Takes a message, or its beginning, in; its whole size counts from now on. */
  accept(header: Inbound, body: Uint8Array): void {
    // The same message once more: what came of it before is of no use.
    this.remove(header.key)
    this.#waitingBytes += header.size
    this.#messages.set(header.key, new InboundMessage(header, body))
  }

  /**
   * Takes more of a message in. `unknown` when it ended before; `broken` when bytes are missing or too many, and the message
   * is gone; else how far the relay may send now, or undefined while what it was told is enough.
   */
  upload(key: string, offset: number, body: Uint8Array): 'unknown' | 'broken' | number | undefined {
    const message = this.#messages.get(key)
    if (message === undefined || message.isWhole) return 'unknown'
    if (message.append(offset, body)) return message.grant()
    this.remove(key)
    return 'broken'
  }

  /** Takes out the first whole message that nothing holds back. One with `gate` holds back all others until `open`. */
  take(): InboundMessage | undefined {
    if (this.#gate !== undefined) return undefined
    for (const message of this.#messages.values()) {
      const { header, isWhole } = message
      if (isWhole) {
        this.remove(header.key)
        if (isGate(header)) this.#gate = header.key
        return message
      }
      // An unfinished message delays others only when it is a gate.
      if (isGate(header)) return undefined
    }
    return undefined
  }

  /** The call is answered or failed: what waits behind it may go on. */
  open(key: string): void {
    if (this.#gate === key) this.#gate = undefined
  }

  /** Whether bytes of this message are still to come. */
  isUnfinished(key: string): boolean {
    return this.#messages.get(key)?.isWhole === false
  }

  /** Throws a message away before its turn. */
  remove(key: string): void {
    const message = this.#messages.get(key)
    if (message === undefined) return
    this.#messages.delete(key)
    this.#waitingBytes -= message.header.size
  }

  /** Throws away and returns what a broken link left unfinished. */
  dropUnfinished(): Inbound[] {
    const unfinished = [...this.#messages.values()].filter(({ isWhole }) => !isWhole).map(({ header }) => header)
    for (const { key } of unfinished) this.remove(key)
    return unfinished
  }

  /** Throws away and returns all that waits. */
  clear(): Inbound[] {
    const waiting = [...this.#messages.values()].map(({ header }) => header)
    this.#messages.clear()
    this.#waitingBytes = 0
    return waiting
  }
}

function isGate(header: Inbound): boolean {
  return header.type === 'call' && header.gate === true
}
