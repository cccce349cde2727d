/** What the relay sends towards one child: puts messages together, keeps their order behind a gate, counts what waits. */
import type { Call, Notify, Respond } from '../../protocol/frame.ts'
import { UPLOAD_WINDOW_BYTES } from '../../protocol/limits.ts'
import { concat } from '../../protocol/splice.ts'
import { BACKLOG_BYTES } from '../limits.ts'

export type Inbound = Call | Notify | Respond

interface Item {
  readonly header: Inbound
  readonly parts: Uint8Array[]
  received: number
  granted: number
}

interface InboxPorts {
  /** A whole message whose turn it is. May close the gate. */
  readonly deliver: (header: Inbound, body: Uint8Array) => void
  /** The relay may send more of a message. */
  readonly grant: (key: string, upto: number) => void
}

export class Inbox {
  readonly #ports: InboxPorts
  /** In order of arrival: all that was not delivered. */
  readonly #items = new Map<string, Item>()
  /** The call that holds everything behind it back. */
  #gate: string | undefined
  #waitingBytes = 0
  /** Bytes given to the child's stdin that the kernel has not taken. */
  #unreadBytes = 0
  #delivering = false

  constructor(ports: InboxPorts) {
    this.#ports = ports
  }

  /** Whether so many bytes more may wait. */
  hasRoom(size: number): boolean {
    return this.#waitingBytes + this.#unreadBytes + size <= BACKLOG_BYTES
  }

  /** Bytes on their way to the child through its stdin: a positive number when they are given, a negative when they are taken. */
  countUnread(bytes: number): void {
    this.#unreadBytes += bytes
  }

  /** Takes a message, or its beginning; its whole size counts from now on. */
  accept(header: Inbound, body: Uint8Array): void {
    // The same message once more: what came of it before is of no use.
    this.#take(header.key)
    this.#waitingBytes += header.size
    this.#items.set(header.key, { header, parts: [body], received: body.length, granted: UPLOAD_WINDOW_BYTES })
    this.#deliver()
  }

  /** `unknown` when the message ended before; `broken` when bytes are missing or too many, and the message is gone. */
  upload(key: string, offset: number, body: Uint8Array): 'ok' | 'unknown' | 'broken' {
    const item = this.#items.get(key)
    if (item === undefined || isWhole(item)) return 'unknown'
    if (offset !== item.received || item.received + body.length > item.header.size) {
      this.remove(key)
      return 'broken'
    }
    item.parts.push(body)
    item.received += body.length
    if (!isWhole(item) && item.granted - item.received <= UPLOAD_WINDOW_BYTES / 2) {
      item.granted = item.received + UPLOAD_WINDOW_BYTES
      this.#ports.grant(key, item.granted)
    }
    this.#deliver()
    return 'ok'
  }

  /** The call is answered or failed: what waits behind it goes on. */
  open(key: string): void {
    if (this.#gate !== key) return
    this.#gate = undefined
    this.#deliver()
  }

  /** Whether bytes of this message are still to come. */
  isUnfinished(key: string): boolean {
    const item = this.#items.get(key)
    return item !== undefined && !isWhole(item)
  }

  /** Takes a message out before its turn. */
  remove(key: string): void {
    this.#take(key)
    this.#deliver()
  }

  /** Takes out and returns what a broken link left unfinished. */
  dropUnfinished(): Inbound[] {
    const unfinished = [...this.#items.values()].filter((item) => !isWhole(item)).map((item) => item.header)
    for (const { key } of unfinished) this.#take(key)
    this.#deliver()
    return unfinished
  }

  /** Takes out and returns all that waits. */
  clear(): Inbound[] {
    const waiting = [...this.#items.values()].map((item) => item.header)
    this.#items.clear()
    this.#waitingBytes = 0
    return waiting
  }

  #take(key: string): void {
    const item = this.#items.get(key)
    if (item === undefined) return
    this.#items.delete(key)
    this.#waitingBytes -= item.header.size
  }

  #deliver(): void {
    // `deliver` may fail a call and so open a gate: the loop that runs takes that up.
    if (this.#delivering) return
    this.#delivering = true
    for (let item = this.#next(); item !== undefined; item = this.#next()) {
      const { header } = item
      this.#take(header.key)
      if (isGate(header)) this.#gate = header.key
      this.#ports.deliver(header, item.parts.length === 1 && item.parts[0] !== undefined ? item.parts[0] : concat(item.parts))
    }
    this.#delivering = false
  }

  /** The first whole message that nothing holds back. An unfinished one delays others only when it is a gate. */
  #next(): Item | undefined {
    if (this.#gate !== undefined) return undefined
    for (const item of this.#items.values()) {
      if (isWhole(item)) return item
      if (isGate(item.header)) return undefined
    }
    return undefined
  }
}

function isWhole(item: Item): boolean {
  return item.received === item.header.size
}

function isGate(header: Inbound): boolean {
  return header.type === 'call' && header.gate === true
}
