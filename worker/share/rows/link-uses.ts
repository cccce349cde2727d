/** Rows of how often each link of the share was used. Written every USAGE_FLUSH_MS at most while calls are made, one for each link that was used meanwhile. */
import type { LinkUse } from '../../contract/call-records.ts'
import { MAX_LINK_USES } from '../../usage-limits.ts'
import { surplusOf } from './equal-share.ts'

/** What a link has done since it was written last. `root`: the owner's link that it comes from, itself if it is one. */
export interface NewLinkUse extends LinkUse {
  readonly root: string
}

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
    return this.#sql.exec<{ id: string; calls: number; lastUsedAtMs: number }>('SELECT id, calls, lastUsedAtMs FROM link_use').toArray()
  }

  /** Adds what was counted since the last time. */
  add(uses: Iterable<NewLinkUse>): void {
    this.#make()
    let isNews = false
    for (const { id, calls, lastUsedAtMs, root } of uses) {
      this.#sql.exec(
        `INSERT INTO link_use (id, calls, lastUsedAtMs, root) VALUES (?, ?, ?, ?) ON CONFLICT (id)
         DO UPDATE SET calls = calls + excluded.calls, lastUsedAtMs = max(lastUsedAtMs, excluded.lastUsedAtMs)`,
        id,
        calls,
        lastUsedAtMs,
        root,
      )
      isNews ||= !this.#known.has(id)
      this.#known.add(id)
    }
    if (isNews) this.#dropOldest()
  }

  /** Of whoever has narrowed most those go that were used longest ago: a holder can make any number of links, and shall push out nobody else's. */
  #dropOldest(): void {
    if (this.#known.size > MAX_LINK_USES) this.#known.clear()
    const counts = this.#sql.exec<{ whose: string; n: number }>(
      'SELECT ifnull(root, id) AS whose, count(*) AS n FROM link_use GROUP BY whose',
    )
    const kept = new Map(counts.toArray().map(({ whose, n }) => [whose, n]))
    for (const [whose, surplus] of surplusOf(kept, { most: MAX_LINK_USES, mostOfStrangers: 1 })) this.#drop(whose, surplus)
    // So many are the owner's own.
    const all = [...kept.values()].reduce((sum, n) => sum + n, 0)
    if (kept.size > MAX_LINK_USES && all > MAX_LINK_USES)
      this.#sql.exec(
        'DELETE FROM link_use WHERE id IN (SELECT id FROM link_use ORDER BY lastUsedAtMs DESC LIMIT -1 OFFSET ?)',
        MAX_LINK_USES,
      )
  }

  #drop(whose: string, surplus: number): void {
    const oldest = 'SELECT id FROM link_use WHERE ifnull(root, id) = ? ORDER BY lastUsedAtMs LIMIT ?'
    this.#sql.exec(`DELETE FROM link_use WHERE id IN (${oldest})`, whose, surplus)
  }

  #exists(): boolean {
    this.#isMade ??= this.#find()
    return this.#isMade
  }

  #find(): boolean {
    const columns = this.#sql.exec<{ name: string }>("SELECT name FROM pragma_table_info('link_use')").toArray()
    if (columns.length > 0 && !columns.some(({ name }) => name === 'root')) this.#sql.exec('ALTER TABLE link_use ADD COLUMN root TEXT')
    return columns.length > 0
  }

  #make(): void {
    if (this.#exists()) return
    this.#sql.exec(
      'CREATE TABLE link_use (id TEXT PRIMARY KEY, calls INTEGER NOT NULL, lastUsedAtMs INTEGER NOT NULL, root TEXT) WITHOUT ROWID',
    )
    this.#isMade = true
  }
}
