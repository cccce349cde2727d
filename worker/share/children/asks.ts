/** Requests of a child that belong to no certain call: answers them in nobody's name, and remembers which calls may have made them. */
import type { Ask } from '../../../protocol/frame.ts'
import { answerOutsideCalls } from '../../bridge/asks.ts'
import { randomKey } from '../../call-key.ts'
import { MAX_ASKERS } from '../../limits.ts'
import { type AgentLink, sendFrame } from '../agents/links.ts'
import { type Store } from '../rows/store.ts'
import type { Streams } from '../clients/streams.ts'
import type { Waiters } from '../clients/waiters.ts'
import { groupOf } from '../../contract/groups.ts'

const encoder = new TextEncoder()

interface Parts {
  readonly store: Store
  readonly streams: Streams
  readonly waiters: Waiters
}

export class Asks {
  readonly #parts: Parts

  /** Names that were answered without having asked; forgotten with the object's memory. */
  readonly #quiet = new Set<string>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * Answers an ask in nobody's name: ping with an empty result, roots/list with none, and all else with an error. Calls of any
   * name that runs on the child now, and so may have asked, get a child of their own from now on.
   */
  refuse(link: AgentLink, { ch, rawId, method }: Ask): void {
    const group = groupOf(ch)
    const waiting = this.#parts.waiters.where((waiter) => waiter.group === group).map(({ asker }) => asker)
    const streaming = this.#parts.streams.callsOfGroup(group).map((socket) => this.#parts.streams.attachmentOf(socket)?.asker)
    for (const asker of [...waiting, ...streaming]) if (asker !== undefined) this.#parts.store.bridge.markAsker(asker)
    const body = encoder.encode(answerOutsideCalls(rawId, method))
    sendFrame(link, { type: 'respond', ch, key: randomKey(), rawId, size: body.length }, body)
  }

  /** A call was answered without having asked: calls of this name are taken not to ask. */
  answered(key: string): void {
    const asker = this.#askerOf(key)
    if (asker === undefined || this.#quiet.has(asker) || this.#quiet.size >= MAX_ASKERS) return
    if (!this.#parts.store.bridge.isAsker(asker)) this.#quiet.add(asker)
  }

  /** Whether calls of this name need a child of their own, so that what it asks is certainly theirs. */
  mustBeAlone(asker: string, ch: string): boolean {
    if (this.#parts.store.bridge.isAsker(asker)) return true
    // While another call waits there for its client, an ask of an unknown tool could be either's.
    return !this.#quiet.has(asker) && this.#parts.store.bridge.hasParkedOn(ch)
  }

  /** A call has asked, and it was certainly this one. */
  note(key: string): void {
    const asker = this.#askerOf(key)
    if (asker !== undefined) this.#parts.store.bridge.markAsker(asker)
  }

  #askerOf(key: string): string | undefined {
    const waiter = this.#parts.waiters.get(key)
    if (waiter !== undefined) return waiter.asker
    const socket = this.#parts.streams.call(key)
    return socket === undefined ? undefined : this.#parts.streams.attachmentOf(socket)?.asker
  }
}
