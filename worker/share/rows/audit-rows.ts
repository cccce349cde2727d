/** Rows of the calls that were made, or refused: of each link of the owner's the latest. */
import type { AuditEvent } from '../../contract/call-records.ts'
import { AUDIT_PAGE_EVENTS, AUDIT_ROW_EVENTS } from '../../usage-limits.ts'
import type { RingBounds } from './equal-share.ts'
import { SharedRing } from './shared-ring.ts'

/** An event without its number; what it carried is kept elsewhere. `whose`: the link of the owner's that it comes from, or none. */
export type NewAuditEvent = Omit<AuditEvent, 'n' | 'arguments' | 'result'> & { readonly whose: string }

/** In whose ring is what nobody can be named for. */
const NOBODY = 'nobody'

export class AuditRows {
  readonly #ring: SharedRing<AuditEvent>

  constructor(sql: SqlStorage, table: 'audit' | 'audit_refused', bounds: RingBounds) {
    this.#ring = new SharedRing(sql, { table, itemsPerRow: AUDIT_ROW_EVENTS, ...bounds })
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#ring.forget()
  }

  /** Keeps events, numbered without gaps; returns the number of the first. */
  add(events: readonly NewAuditEvent[]): number {
    const first = this.#ring.last + 1
    this.#ring.add(events.map(({ whose, ...event }, at) => ({ whose: whose || NOBODY, item: { n: first + at, ...event } })))
    return first
  }

  /** The oldest events behind a number. */
  page(after: number): AuditEvent[] {
    return this.#ring.behind(after, AUDIT_PAGE_EVENTS)
  }
}
