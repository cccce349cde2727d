/** Ends children that have had nothing to do for their idle time, unless a client still waits for something from them. */
import { LEAVING_MS } from '../../limits.ts'
import type { StreamControl } from '../../contract/streams.ts'
import type { Streams } from '../clients/streams.ts'
import type { Waiters } from '../clients/waiters.ts'
import { clientsGroup, isRoutedGroup } from '../../contract/groups.ts'
import type { GroupChannels } from './group-channels.ts'

interface Parts {
  readonly channels: GroupChannels
  readonly streams: Streams
  readonly waiters: Waiters
}

export class IdleChildren {
  readonly #parts: Parts
  /** Groups with an idle child that is still needed, and when its agent reported it idle, in milliseconds since 1970. */
  readonly #listenedTo = new Map<string, number>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** An agent reports a group's child as idle. If clients listen to it, their Workers find out whether they are still there. */
  idle(group: string, nowMs: number): void {
    const { channels, streams } = this.#parts
    if (!this.#isNeeded(group)) return channels.close(group)
    this.#listenedTo.set(group, nowMs)
    for (const socket of streams.listeners(heardBy(group))) socket.send(JSON.stringify({ type: 'probe' } satisfies StreamControl))
  }

  /** A client's stream has closed, which may be the last that an idle child was kept for. */
  streamClosed(group: string, nowMs: number): void {
    for (const [idle, sinceMs] of this.#listenedTo) {
      if (heardBy(idle) !== group || this.#isNeeded(idle)) continue
      this.#listenedTo.delete(idle)
      if (nowMs - sinceMs < LEAVING_MS) this.#parts.channels.close(idle)
    }
  }

  #isNeeded(group: string): boolean {
    const { streams, waiters } = this.#parts
    return (
      streams.listeners(heardBy(group)).length > 0 ||
      streams.callsOfGroup(group).length > 0 ||
      waiters.where((waiter) => waiter.group === group).length > 0
    )
  }
}

/** The group whose clients hear what a group's child says of itself: of one that runs calls by their names that of its clients' own child. */
function heardBy(group: string): string {
  return isRoutedGroup(group) ? clientsGroup(group) : group
}
