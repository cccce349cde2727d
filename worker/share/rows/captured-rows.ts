/** Rows of what calls carried, masked, for an owner who has asked for it: of each link of the owner's the latest, apart from the events. */
import type { RingBounds } from './equal-share.ts'
import { CAPTURED_ROW_CALLS } from '../../usage-limits.ts'
import { type Owned, SharedRing } from './shared-ring.ts'

/** `n`: of the event. */
export interface CapturedCall {
  readonly n: number
  readonly arguments?: string
  readonly result?: string
}

export class CapturedRows {
  readonly #ring: SharedRing<CapturedCall>

  constructor(sql: SqlStorage, bounds: RingBounds) {
    this.#ring = new SharedRing(sql, { table: 'captured', itemsPerRow: CAPTURED_ROW_CALLS, ...bounds })
  }

  /** Forgets what is in memory; the caller deletes the storage. */
  forget(): void {
    this.#ring.forget()
  }

  /** Keeps more, in the order of their numbers. */
  add(calls: readonly Owned<CapturedCall>[]): void {
    this.#ring.add(calls)
  }

  /** What is kept of the events from one number to another, by number. */
  between(from: number, to: number): ReadonlyMap<number, CapturedCall> {
    return new Map(this.#ring.between(from, to).map((call) => [call.n, call]))
  }

  /** Deletes all: the owner wants none any more. */
  drop(): void {
    this.#ring.drop()
  }
}
