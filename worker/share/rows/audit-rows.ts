/** Rows of the calls that were made: a ring, of which the oldest go. Each row holds what was written at once, never one call alone while many are made. */
import type { AuditEvent } from '../../contract/call-records.ts'
import { AUDIT_PAGE_EVENTS, AUDIT_ROW_EVENTS, MAX_AUDIT_EVENTS } from '../../usage-limits.ts'

/** An event without its number; what it carried is kept elsewhere. */
export type NewAuditEvent = Omit<AuditEvent, 'n' | 'arguments' | 'result'>

export class AuditRows {
  readonly #sql: SqlStorage
  readonly #table: string
  readonly #most: number
  /** Made when there is something to keep: an object that was only asked about writes nothing. */
  #isMade: boolean | undefined
  /** Number of the last event, once it was read. */
  #last: number | undefined

  /** `table`: its name. `most`: events that are kept. */
  constructor(sql: SqlStorage, table: 'audit' | 'audit_refused' = 'audit', most = MAX_AUDIT_EVENTS) {
    this.#sql = sql
    this.#table = table
    this.#most = most
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#isMade = undefined
    this.#last = undefined
  }

  /** Keeps events, numbered without gaps; returns the number of the first. */
  add(events: readonly NewAuditEvent[]): number {
    this.#make()
    const before = this.#lastNumber()
    let n = before
    for (let from = 0; from < events.length; from += AUDIT_ROW_EVENTS) {
      const row = events.slice(from, from + AUDIT_ROW_EVENTS).map((event) => ({ n: ++n, ...event }))
      this.#sql.exec(`INSERT INTO ${this.#table} VALUES (?, ?)`, n, JSON.stringify(row))
    }
    this.#last = n
    this.#sql.exec(`DELETE FROM ${this.#table} WHERE last <= ?`, n - this.#most)
    return before + 1
  }

  /** The oldest events behind a number. */
  page(after: number): AuditEvent[] {
    const events: AuditEvent[] = []
    if (this.#exists()) {
      for (const { events: text } of this.#sql.exec<{ events: string }>(
        `SELECT events FROM ${this.#table} WHERE last > ? ORDER BY last`,
        after,
      )) {
        events.push(...(JSON.parse(text) as AuditEvent[]).filter(({ n }) => n > after && n > this.#lastNumber() - this.#most))
        if (events.length >= AUDIT_PAGE_EVENTS) break
      }
    }
    return events.slice(0, AUDIT_PAGE_EVENTS)
  }

  #lastNumber(): number {
    return (this.#last ??= this.#sql.exec<{ last: number | null }>(`SELECT max(last) AS last FROM ${this.#table}`).one().last ?? 0)
  }

  #exists(): boolean {
    this.#isMade ??= this.#sql.exec('SELECT name FROM sqlite_master WHERE name = ?', this.#table).toArray().length > 0
    return this.#isMade
  }

  #make(): void {
    if (this.#exists()) return
    this.#sql.exec(`CREATE TABLE ${this.#table} (last INTEGER PRIMARY KEY, events TEXT NOT NULL)`)
    this.#isMade = true
  }
}
