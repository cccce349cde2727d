/**
 * Notes what is used of limits so that it outlives the memory: in one row, every METER_NOTE_MS at most while limited calls run. Until the
 * last of them is noted the object does not sleep; what a crash costs is what was used since. The sockets of agents would keep no more: they
 * end with a crash, and their attachments would have to be written with each call.
 */
import { FIRST_METER_NOTE_MS, METER_NOTE_MS } from '../../trust-limits.ts'
import { isEmptyBy } from './bucket.ts'
import type { KeptUse, MeterNotes } from './meters.ts'
import type { Used } from './used-table.ts'

type Note = readonly (readonly [string, Used])[]

interface Parts {
  readonly sql: SqlStorage
  /** Whether the object has rows. */
  readonly isKept: () => boolean
}

export class KeptMeters implements MeterNotes {
  readonly #parts: Parts
  #used: KeptUse | undefined
  /** Whether more was used than the row says. */
  #isUnnoted = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #notedAtMs = -Infinity
  #exhaustedAtMs = -Infinity

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timer = undefined
    this.#isUnnoted = false
    this.#used = undefined
  }

  load(): Note {
    if (this.#parts.sql.exec("SELECT name FROM sqlite_master WHERE name = 'used_limits'").toArray().length === 0) return []
    const [row] = this.#parts.sql.exec<{ used: string }>('SELECT used FROM used_limits').toArray()
    return row === undefined ? [] : (JSON.parse(row.used) as Note)
  }

  changed(used: KeptUse): void {
    this.#used = used
    this.#isUnnoted = true
    if (this.#timer !== undefined) return
    const dueMs = Math.max(FIRST_METER_NOTE_MS, this.#notedAtMs + METER_NOTE_MS - Date.now())
    this.#timer = setTimeout(() => this.#note(Date.now()), dueMs)
  }

  exhausted(): void {
    const nowMs = Date.now()
    if (!this.#isUnnoted || nowMs - this.#exhaustedAtMs < METER_NOTE_MS) return
    this.#exhaustedAtMs = nowMs
    this.#note(nowMs)
  }

  #note(nowMs: number): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#used === undefined || !this.#parts.isKept()) return
    const used = [...this.#used.entries()].filter(([, of]) => !Object.values(of).every((bucket) => isEmptyBy(bucket, nowMs)))
    this.#make()
    this.#parts.sql.exec('INSERT OR REPLACE INTO used_limits VALUES (1, ?)', JSON.stringify(used))
    this.#notedAtMs = nowMs
    this.#isUnnoted = false
  }

  #make(): void {
    this.#parts.sql.exec('CREATE TABLE IF NOT EXISTS used_limits (one INTEGER PRIMARY KEY CHECK (one = 1), used TEXT NOT NULL)')
  }
}
