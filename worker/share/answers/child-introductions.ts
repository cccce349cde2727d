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
  /** By call key. */
  readonly #waiting = new Map<string, Waiting>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Whether the child of a group has yet to answer. */
  isDue(group: string): boolean {
    if (this.#parts.store.channels.get(group)?.handshake !== undefined) return true
    return [...this.#waiting.values()].some(({ waiter }) => waiter.group === group && this.isAwaitedBy(waiter.key))
  }

  /** Whether a call waits for its child's introduction. It was not sent to the child yet, so nothing can come on a stream for it. */
  isAwaitedBy(key: string): boolean {
    const waiting = this.#waiting.get(key)
    return waiting !== undefined && this.#parts.waiters.get(key) === waiting.waiter
  }

  /** A call that has begun to wait is settled when its group's child has answered; `outcomeOf` makes its outcome of that answer. */
  holdFor(key: string, outcomeOf: Waiting['outcomeOf']): void {
    const waiter = this.#parts.waiters.get(key)
    if (waiter !== undefined) this.#waiting.set(key, { waiter, outcomeOf })
  }

  /** A call waits no longer here; false when it did not. */
  release(key: string): boolean {
    const isWaiting = this.isAwaitedBy(key)
    this.#waiting.delete(key)
    return isWaiting
  }

  /** The client of a call has left: what waits here was not sent, and never is. */
  cancelled(key: string): void {
    const waiter = this.isAwaitedBy(key) ? this.#waiting.get(key)?.waiter : undefined
    this.#waiting.delete(key)
    if (waiter !== undefined) this.#parts.waiters.settle(waiter, { kind: 'failed', failure: { code: 'CANCELLED', executed: 'no' } })
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

  /** The group's child cannot serve anyone: the next client that comes starts another. No call that waits was sent to it, whatever became of the introduction. */
  #refuse(group: string, failure: Failure): void {
    this.#parts.channels.close(group)
    for (const { waiter } of this.#take(group))
      this.#parts.clientFrames.fail(waiter.key, { ...failure, executed: waiter.isResend === true ? 'unknown' : 'no' })
  }

  #take(group: string): Waiting[] {
    const taken = [...this.#waiting.values()].filter(({ waiter }) => waiter.group === group)
    for (const { waiter } of taken) this.#waiting.delete(waiter.key)
    return taken.filter(({ waiter }) => this.#parts.waiters.get(waiter.key) === waiter)
  }
}
