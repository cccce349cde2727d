/** Rows of how often each link of the share was used. Written every USAGE_FLUSH_MS at most while calls are made, one for each link that was used meanwhile. */
import type { LinkUse } from '../../contract/call-records.ts'
import { MAX_LINK_USES } from '../../usage-limits.ts'

export class LinkUses {
  readonly #sql: SqlStorage
  /** Made when there is something to keep: an object that was only asked about writes nothing. */
  #isMade: boolean | undefined
  /** Links that were added to since the object woke: only one that is not among them can make too many. */
  readonly #known = new Set<string>()

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#isMade = undefined
    this.#known.clear()
  }

  all(): LinkUse[] {
    if (!this.#exists()) return []
    return this.#sql.exec<{ id: string; calls: number; lastUsedAtMs: number }>('SELECT * FROM link_use').toArray()
  }

  /** Adds what was counted since the last time. */
  add(uses: Iterable<LinkUse>): void {
    this.#make()
    let isNews = false
    for (const { id, calls, lastUsedAtMs } of uses) {
      this.#sql.exec(
        `INSERT INTO link_use VALUES (?, ?, ?) ON CONFLICT (id)
         DO UPDATE SET calls = calls + excluded.calls, lastUsedAtMs = max(lastUsedAtMs, excluded.lastUsedAtMs)`,
        id,
        calls,
        lastUsedAtMs,
      )
      isNews ||= !this.#known.has(id)
      this.#known.add(id)
    }
    if (isNews) this.#dropOldest()
  }

  #dropOldest(): void {
    this.#sql.exec('DELETE FROM link_use WHERE id IN (SELECT id FROM link_use ORDER BY lastUsedAtMs DESC LIMIT -1 OFFSET ?)', MAX_LINK_USES)
    if (this.#known.size > MAX_LINK_USES) this.#known.clear()
  }

  #exists(): boolean {
    this.#isMade ??= this.#sql.exec("SELECT name FROM sqlite_master WHERE name = 'link_use'").toArray().length > 0
    return this.#isMade
  }

  #make(): void {
    if (this.#exists()) return
    this.#sql.exec('CREATE TABLE link_use (id TEXT PRIMARY KEY, calls INTEGER NOT NULL, lastUsedAtMs INTEGER NOT NULL) WITHOUT ROWID')
    this.#isMade = true
  }
}
