/** Requests of a bridged child that cannot be attributed to one call: they are refused, and who may have asked is remembered. */
import type { Ask } from '../../protocol/frame.ts'
import { answerOutsideCalls } from '../bridge/asks.ts'
import { randomKey } from '../call-key.ts'
import { type Link, sendFrame } from './links.ts'
import { groupOf, type Store } from './store.ts'
import type { Streams } from './streams.ts'
import type { Waiters } from './waiters.ts'

const encoder = new TextEncoder()

interface Parts {
  readonly store: Store
  readonly streams: Streams
  readonly waiters: Waiters
}

export class Asks {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * Answers an ask in nobody's name: a ping or a question after roots is answered for a client that has nothing to say,
   * all else is refused. Whatever runs on the child and may have asked runs alone from now on.
   */
  refuse(link: Link, { ch, rawId, method }: Ask): void {
    const group = groupOf(ch)
    const waiting = this.#parts.waiters.where((waiter) => waiter.group === group).map(({ asker }) => asker)
    const streaming = this.#parts.streams.callsOfGroup(group).map((socket) => this.#parts.streams.attachmentOf(socket)?.asker)
    for (const asker of [...waiting, ...streaming]) if (asker !== undefined) this.#parts.store.bridge.markAsker(asker)
    const body = encoder.encode(answerOutsideCalls(rawId, method))
    sendFrame(link, { type: 'respond', ch, key: randomKey(), rawId, size: body.length }, body)
  }

  /** The only call that can have asked has asked. */
  note(key: string): void {
    const socket = this.#parts.streams.call(key)
    const asker =
      this.#parts.waiters.get(key)?.asker ?? (socket === undefined ? undefined : this.#parts.streams.attachmentOf(socket)?.asker)
    if (asker !== undefined) this.#parts.store.bridge.markAsker(asker)
  }
}
