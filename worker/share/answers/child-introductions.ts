/** Holds calls back until their child has answered the relay's own initialize or server/discover, and goes on with that answer. */
import type { Answer, Failed } from '../../../protocol/frame.ts'
import type { Failure } from '../../../protocol/errors.ts'
import { failureOf } from '../../../protocol/failed-frame.ts'
import { groupOf } from '../../contract/groups.ts'
import type { RelayPurpose } from '../../contract/return-address.ts'
import type { CallOutcome } from '../../contract/share-rpc.ts'
import { MAX_HANDSHAKE_BYTES } from '../../limits.ts'
import type { GroupChannels } from '../children/group-channels.ts'
import type { Waiter, Waiters } from '../clients/waiters.ts'
import type { Store } from '../rows/store.ts'
import type { ClientFrames } from './client-frames.ts'

interface Parts {
  readonly store: Store
  readonly channels: GroupChannels
  readonly waiters: Waiters
  readonly clientFrames: ClientFrames
}

interface Waiting {
  readonly waiter: Waiter
  readonly outcomeOf: (answer: Uint8Array) => CallOutcome
}

export class ChildIntroductions {
  readonly #parts: Parts
  #waiting: Waiting[] = []

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Whether the child of a group has yet to answer. */
  isDue(group: string): boolean {
    return (
      this.#parts.store.channels.get(group)?.handshake !== undefined || this.#waiting.some(({ waiter }) => this.#isWaiting(waiter, group))
    )
  }

  /** Whether a call waits for its child's introduction. It was not sent to the child yet, so nothing can come on a stream for it. */
  isAwaitedBy(key: string): boolean {
    return this.#waiting.some(({ waiter }) => waiter.key === key && this.#isWaiting(waiter, waiter.group))
  }

  /** A call that has begun to wait is settled when its group's child has answered; `outcomeOf` makes its outcome of that answer. */
  holdFor(key: string, outcomeOf: Waiting['outcomeOf']): void {
    const waiter = this.#parts.waiters.get(key)
    if (waiter !== undefined) this.#waiting.push({ waiter, outcomeOf })
  }

  /** A child has answered the relay. */
  answered(purpose: RelayPurpose, { ch, size, failed }: Answer, body: Uint8Array): void {
    if (purpose === 'replay') return
    this.#parts.channels.initialized(ch)
    if (purpose === 'handshake') return
    const group = groupOf(ch)
    if (failed || body.length !== size || body.length > MAX_HANDSHAKE_BYTES) {
      const detail = 'the server refused the handshake, or answered with more than 256 KiB'
      this.#refuse(group, { code: 'CHILD_START_FAILED', executed: 'no', detail })
      return
    }
    this.#parts.store.channels.putSnapshot(group, body)
    for (const { waiter, outcomeOf } of this.#take(group)) this.#parts.waiters.settle(waiter, outcomeOf(body))
  }

  /** A child was not reached, or died before it answered. */
  failed(purpose: RelayPurpose, failed: Failed): void {
    if (purpose === 'snapshot') this.#refuse(groupOf(failed.ch), failureOf(failed))
  }

  /** The group's child cannot serve anyone: the next client that comes starts another. */
  #refuse(group: string, failure: Failure): void {
    this.#parts.channels.close(group)
    for (const { waiter } of this.#take(group)) this.#parts.clientFrames.fail(waiter.key, failure)
  }

  #isWaiting(waiter: Waiter, group: string): boolean {
    return waiter.group === group && this.#parts.waiters.get(waiter.key) === waiter
  }

  #take(group: string): Waiting[] {
    const all = this.#waiting
    this.#waiting = all.filter(({ waiter }) => waiter.group !== group)
    return all.filter(({ waiter }) => waiter.group === group)
  }
}
