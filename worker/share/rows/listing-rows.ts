/** Rows of what a server has said of itself and its lists, for each audience; and since when no agent is there. */
import { MAX_LISTINGS, MAX_LISTINGS_BYTES } from '../../limits.ts'
import type { Listing, ListingName } from '../../contract/listings.ts'

export interface ListingRow extends Listing {
  readonly digest: string
  readonly keptAtMs: number
}

/** Audience of what is offered to every client alike. */
export const EVERYBODY = ''

export class ListingRows {
  readonly #sql: SqlStorage
  /** Made when there is something to keep: an object that was only asked about writes nothing. */
  #isMade: boolean | undefined
  /** By audience and name, once read from the rows. */
  readonly #digests = new Map<string, string>()
  /** The process of the agent that has come last, before there was anything to keep. */
  #instance = ''
  /** Once read from the rows. */
  #saidSinceMs: number | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#isMade = undefined
    this.#digests.clear()
    this.#instance = ''
    this.#saidSinceMs = undefined
  }

  find(audience: string, name: ListingName): ListingRow | undefined {
    if (!this.#exists()) return undefined
    return this.#read('SELECT era, digest, answer, kept_at_ms FROM listing WHERE audience = ? AND name = ?', [audience, name], name)
  }

  /** The latest listing of that name, of any audience. */
  latest(name: ListingName): ListingRow | undefined {
    if (!this.#exists()) return undefined
    return this.#read('SELECT era, digest, answer, kept_at_ms FROM listing WHERE name = ? ORDER BY kept_at_ms DESC LIMIT 1', [name], name)
  }

  /** The digest of what is kept; empty when there is nothing, or nothing of an agent that is there. Read from the rows once. */
  digest(audience: string, name: ListingName): string {
    const key = `${name} ${audience}`
    const known = this.#digests.get(key)
    if (known !== undefined) return known
    const row = this.find(audience, name)
    const digest = row === undefined || this.isOfOthers(row) ? '' : row.digest
    if (this.#digests.size >= MAX_LISTINGS) this.#digests.clear()
    this.#digests.set(key, digest)
    return digest
  }

  /** Keeps a listing in the place of the one before. The oldest make room. */
  put(audience: string, { name, era, digest, answer, keptAtMs }: ListingRow): void {
    this.#make()
    this.#sql.exec('INSERT OR REPLACE INTO listing VALUES (?, ?, ?, ?, ?, ?)', audience, name, era, digest, answer, keptAtMs)
    this.#sql.exec(
      `DELETE FROM listing WHERE (audience, name) IN (SELECT audience, name FROM (
         SELECT audience, name, row_number() OVER newest AS place, sum(length(answer)) OVER newest AS bytes
         FROM listing WINDOW newest AS (ORDER BY kept_at_ms DESC, audience, name)
       ) WHERE place > ? OR bytes > ?)`,
      MAX_LISTINGS,
      MAX_LISTINGS_BYTES,
    )
    this.#digests.clear()
  }

  /** Drops what a server of another era has said, or of another isolation: for everybody, or for each audience. */
  dropOthers(era: Listing['era'], isForEverybody: boolean): void {
    if (!this.#exists()) return
    const others = 'FROM listing WHERE era <> ? OR (audience = ?) <> ?'
    const values = [era, EVERYBODY, isForEverybody ? 1 : 0]
    if (this.#sql.exec(`SELECT name ${others} LIMIT 1`, ...values).toArray().length === 0) return
    this.#sql.exec(`DELETE ${others}`, ...values)
    this.#digests.clear()
  }

  /** Whether it was said by an agent that is not there any more, and by none since. */
  isOfOthers({ keptAtMs }: Pick<ListingRow, 'keptAtMs'>): boolean {
    this.#saidSinceMs ??= this.#agent()?.since ?? 0
    return keptAtMs < this.#saidSinceMs
  }

  /** Notes which process of an agent has come: what was said before is the word of others, unless the one of whom it is known is still there. */
  noteAgent(instance: string, isThere: (instance: string) => boolean, nowMs: number): void {
    if (!this.#exists()) {
      this.#instance = instance
      return
    }
    const before = this.#agent()?.instance
    if (before === instance || (before !== undefined && isThere(before))) return
    const { kept } = this.#sql.exec<{ kept: number | null }>('SELECT max(kept_at_ms) AS kept FROM listing').one()
    this.#putAgent(instance, Math.max(nowMs, (kept ?? 0) + 1))
  }

  #agent(): { readonly instance: string; readonly since: number } | undefined {
    if (!this.#exists() || this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'listing_agent'").toArray().length === 0)
      return undefined
    const [row] = this.#sql.exec<{ instance: string; since: number }>('SELECT instance, since_ms AS since FROM listing_agent').toArray()
    return row
  }

  #putAgent(instance: string, sinceMs: number): void {
    this.#sql.exec(
      'CREATE TABLE IF NOT EXISTS listing_agent (one INTEGER PRIMARY KEY CHECK (one = 1), instance TEXT NOT NULL, since_ms INTEGER NOT NULL)',
    )
    this.#sql.exec('INSERT OR REPLACE INTO listing_agent VALUES (1, ?, ?)', instance, sinceMs)
    this.#saidSinceMs = sinceMs
    this.#digests.clear()
  }

  /** Since when no agent is there, in milliseconds since 1970; undefined while that is not known. */
  get awaySinceMs(): number | undefined {
    if (!this.#exists()) return undefined
    const [row] = this.#sql.exec<{ since: number }>('SELECT since_ms AS since FROM listing_away').toArray()
    return row?.since
  }

  /** Notes since when no agent is there, or with undefined that one is. */
  noteAway(sinceMs: number | undefined): void {
    if (!this.#exists()) return
    if (sinceMs !== undefined) this.#sql.exec('INSERT OR REPLACE INTO listing_away VALUES (1, ?)', sinceMs)
    else if (this.awaySinceMs !== undefined) this.#sql.exec('DELETE FROM listing_away')
  }

  #read(query: string, values: readonly string[], name: ListingName): ListingRow | undefined {
    const [row] = this.#sql.exec<{ era: string; digest: string; answer: ArrayBuffer; kept_at_ms: number }>(query, ...values).toArray()
    if (row === undefined) return undefined
    const era = row.era === 'modern' ? 'modern' : 'legacy'
    return { name, era, digest: row.digest, answer: new Uint8Array(row.answer), keptAtMs: row.kept_at_ms }
  }

  #exists(): boolean {
    this.#isMade ??= this.#sql.exec("SELECT name FROM sqlite_master WHERE name = 'listing_away'").toArray().length > 0
    return this.#isMade
  }

  #make(): void {
    if (this.#exists()) return
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS listing (audience TEXT, name TEXT, era TEXT NOT NULL, digest TEXT NOT NULL, answer BLOB NOT NULL, kept_at_ms INTEGER NOT NULL, PRIMARY KEY (audience, name));
      CREATE TABLE IF NOT EXISTS listing_away (one INTEGER PRIMARY KEY CHECK (one = 1), since_ms INTEGER NOT NULL);
    `)
    this.#isMade = true
    this.#putAgent(this.#instance, 0)
  }
}
