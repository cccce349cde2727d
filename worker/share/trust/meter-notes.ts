/**
 * Notes what is used of limits so that it outlives the memory: on the socket of an agent before each call, which costs no row and survives
 * sleep, and in one row every METER_NOTE_MS at most while limited calls run, which survives all else.
 */
import { FIRST_METER_NOTE_MS, MAX_ATTACHED_METERS, METER_NOTE_MS } from '../../trust-limits.ts'
import type { AgentLinks } from '../agents/links.ts'
import { isEmptyBy } from './bucket.ts'
import type { KeptUse, MeterNotes } from './meters.ts'
import type { Used } from './used-table.ts'

/** `n` counts what was noted, so that the newer of two is known. */
interface Note {
  readonly n: number
  readonly used: readonly (readonly [string, Used])[]
}

interface Parts {
  readonly sql: SqlStorage
  readonly links: AgentLinks
  /** Whether the object has rows. */
  readonly isKept: () => boolean
}

export class KeptMeters implements MeterNotes {
  readonly #parts: Parts
  #n = 0
  #used: KeptUse | undefined
  /** What was used of since the last row. */
  readonly #unnoted = new Set<string>()
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
    this.#unnoted.clear()
    this.#used = undefined
  }

  load(): Iterable<readonly [string, Used]> {
    const row = this.#row()
    this.#n = row?.n ?? 0
    const used = new Map(row?.used)
    const attached = this.#parts.links.notedMeters() as Note[]
    for (const note of attached.filter(({ n }) => n > this.#n).toSorted((a, b) => a.n - b.n)) {
      this.#n = note.n
      for (const [name, of] of note.used) {
        used.set(name, of)
        this.#unnoted.add(name)
      }
    }
    return used
  }

  changed(names: readonly string[], used: KeptUse, isOver: boolean): void {
    this.#used = used
    this.#n++
    for (const name of names) this.#unnoted.add(name)
    // To write the attachment costs more than to count. Until the timer has run the object does not sleep.
    if (!isOver && this.#unnoted.size <= MAX_ATTACHED_METERS) {
      const since = [...this.#unnoted].flatMap((changed) => {
        const of = used.get(changed)
        return of === undefined ? [] : [[changed, of] as const]
      })
      this.#parts.links.noteMeters({ n: this.#n, used: since } satisfies Note)
    }
    const dueMs = Math.max(FIRST_METER_NOTE_MS, this.#notedAtMs + METER_NOTE_MS - Date.now())
    this.#timer ??= setTimeout(() => this.#note(Date.now()), dueMs)
  }

  exhausted(): void {
    const nowMs = Date.now()
    if (this.#unnoted.size === 0 || nowMs - this.#exhaustedAtMs < METER_NOTE_MS) return
    this.#exhaustedAtMs = nowMs
    this.#note(nowMs)
  }

  #note(nowMs: number): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#used === undefined || !this.#parts.isKept()) return
    const used = [...this.#used.entries()].filter(([, of]) => !Object.values(of).every((bucket) => isEmptyBy(bucket, nowMs)))
    this.#make()
    this.#parts.sql.exec('INSERT OR REPLACE INTO meters VALUES (1, ?, ?)', this.#n, JSON.stringify(used))
    this.#notedAtMs = nowMs
    this.#unnoted.clear()
  }

  #row(): Note | undefined {
    if (this.#parts.sql.exec("SELECT name FROM sqlite_master WHERE name = 'meters'").toArray().length === 0) return undefined
    const [row] = this.#parts.sql.exec<{ n: number; used: string }>('SELECT n, used FROM meters').toArray()
    return row === undefined ? undefined : { n: row.n, used: JSON.parse(row.used) as Note['used'] }
  }

  #make(): void {
    this.#parts.sql.exec(
      'CREATE TABLE IF NOT EXISTS meters (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL, used TEXT NOT NULL)',
    )
  }
}
