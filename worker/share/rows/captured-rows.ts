/** Rows of what calls carried, masked, for an owner who has asked for it: of the latest, apart from the events. Each row holds what was written at once. */
import { CAPTURED_ROW_CALLS, MAX_CAPTURED_CALLS } from '../../usage-limits.ts'

/** `n`: of the event. */
export interface CapturedCall {
  readonly n: number
  readonly arguments?: string
  readonly result?: string
}

export class CapturedRows {
  readonly #sql: SqlStorage
  #isMade: boolean | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** Forgets what is in memory; the caller deletes the storage. */
  forget(): void {
    this.#isMade = undefined
  }

  /** Keeps more, in the order of their numbers. */
  add(calls: readonly CapturedCall[]): void {
    this.#make()
    for (let from = 0; from < calls.length; from += CAPTURED_ROW_CALLS) {
      const row = calls.slice(from, from + CAPTURED_ROW_CALLS)
      this.#sql.exec('INSERT OR REPLACE INTO captured VALUES (?, ?, ?)', row.at(-1)?.n ?? 0, row[0]?.n ?? 0, JSON.stringify(row))
    }
    this.#sql.exec('DELETE FROM captured WHERE last <= ?', (calls.at(-1)?.n ?? 0) - MAX_CAPTURED_CALLS)
  }

  /** What is kept of the events from one number to another, by number. */
  between(from: number, to: number): ReadonlyMap<number, CapturedCall> {
    if (!this.#exists()) return new Map()
    const rows = this.#sql.exec<{ calls: string }>('SELECT calls FROM captured WHERE last >= ? AND first <= ?', from, to)
    const calls = rows.toArray().flatMap((row) => JSON.parse(row.calls) as CapturedCall[])
    return new Map(calls.map((call) => [call.n, call]))
  }

  /** Deletes all: the owner wants none any more. */
  drop(): void {
    if (!this.#exists()) return
    this.#sql.exec('DROP TABLE captured')
    this.#isMade = false
  }

  #exists(): boolean {
    this.#isMade ??= this.#sql.exec("SELECT name FROM sqlite_master WHERE name = 'captured'").toArray().length > 0
    return this.#isMade
  }

  #make(): void {
    if (this.#exists()) return
    this.#sql.exec('CREATE TABLE captured (last INTEGER PRIMARY KEY, first INTEGER NOT NULL, calls TEXT NOT NULL)')
    this.#isMade = true
  }
}
