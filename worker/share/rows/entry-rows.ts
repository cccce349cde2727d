/** Rows of what the server offers, and of what of that was accepted once, for the owner to compare. Written when it is listed and when something was held back. */
import { PIN_KINDS, type PinKind } from '../../../protocol/policy/pins.ts'
import type { KnownEntry, KnownServer, ListingTask, ServerEntry } from '../../contract/pinned-server.ts'
import { MAX_ENTRY_NAMES_CHARS, MAX_ENTRY_ROWS, MAX_ENTRY_ROWS_BYTES } from '../../trust-limits.ts'

type ListingColumns = { readonly instance: string; readonly listed_at_ms: number; readonly cut: string | null }
type EntryColumns = { kind: string; name: string; digest: string; text: string; read_only: number; offered: number }

export class EntryRows {
  readonly #sql: SqlStorage
  /** Made when there is something to keep: an object that was only asked about writes nothing. */
  #isMade: boolean | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#isMade = undefined
  }

  /** The process of the agent whose server was listed last. */
  get instance(): string | undefined {
    return this.#listing()?.instance
  }

  all(): KnownServer {
    const listing = this.#listing()
    if (listing === undefined) return { entries: [] }
    const rows = this.#sql.exec<EntryColumns>('SELECT kind, name, digest, text, read_only, offered FROM server_entry ORDER BY name, digest')
    return { entries: rows.toArray().map(entryOf), listedAtMs: listing.listed_at_ms }
  }

  /** Kinds of which the server offers more than could be listed. */
  cut(): PinKind[] {
    const cut = this.#listing()?.cut ?? ''
    return cut === '' ? [] : cut.split(',').map(kindOf)
  }

  /** What is offered, without its texts. */
  offered(): Pick<KnownEntry, 'kind' | 'name' | 'digest'>[] {
    if (!this.#exists()) return []
    const rows = this.#sql.exec<Pick<EntryColumns, 'kind' | 'name' | 'digest'>>(
      'SELECT kind, name, digest FROM server_entry WHERE offered = 1',
    )
    return rows.toArray().map(({ kind, ...row }) => ({ ...row, kind: kindOf(kind) }))
  }

  /** Takes down a whole listing; of what is not offered any more only the accepted stays. What was seen since the listing was begun is offered too. */
  putListing(
    { instance, sinceMs }: Pick<ListingTask, 'instance' | 'sinceMs'>,
    { entries, cut = [] }: { readonly entries: readonly ServerEntry[]; readonly cut?: readonly PinKind[] },
    accepted: ReadonlySet<string>,
    nowMs: number,
  ): void {
    this.#make()
    this.#sql.exec('UPDATE server_entry SET offered = 0 WHERE seen_ms < ?', sinceMs)
    for (const entry of entries) this.#put(entry, nowMs)
    const gone = this.#sql.exec<{ digest: string }>('SELECT digest FROM server_entry WHERE offered = 0').toArray()
    for (const { digest } of gone)
      if (!accepted.has(digest)) this.#sql.exec('DELETE FROM server_entry WHERE digest = ? AND offered = 0', digest)
    this.#sql.exec('INSERT OR REPLACE INTO server_listing VALUES (1, ?, ?, ?)', instance, nowMs, cut.join())
    this.#makeRoom()
  }

  /** Takes down what was seen beside the listing, as far as there is room; false when all of it was known. */
  putSeen(entries: readonly ServerEntry[], nowMs: number): boolean {
    const known = new Set(this.offered().map(({ digest }) => digest))
    const news = entries.filter(({ digest }) => !known.has(digest)).slice(0, Math.max(0, MAX_ENTRY_ROWS - known.size))
    if (news.length === 0) return false
    this.#make()
    for (const entry of news) this.#put(entry, nowMs)
    this.#makeRoom()
    return true
  }

  #put({ kind, name, digest, text, isReadOnly }: ServerEntry, nowMs: number): void {
    this.#sql.exec('INSERT OR REPLACE INTO server_entry VALUES (?, ?, ?, ?, ?, 1, ?)', kind, name, digest, text, isReadOnly ? 1 : 0, nowMs)
  }

  /** Of too much the oldest is forgotten, texts first: digests stay, by which entries are judged and accepted, as far as there is room for their names. */
  #makeRoom(): void {
    const beyond = (column: 'name' | 'text'): string =>
      `rowid IN (SELECT id FROM (
         SELECT rowid AS id, sum(length(${column})) OVER (ORDER BY offered DESC, seen_ms DESC, rowid) AS chars FROM server_entry
       ) WHERE chars > ?)`
    this.#sql.exec(`UPDATE server_entry SET text = '' WHERE text <> '' AND ${beyond('text')}`, MAX_ENTRY_ROWS_BYTES)
    this.#sql.exec(`DELETE FROM server_entry WHERE ${beyond('name')}`, MAX_ENTRY_NAMES_CHARS)
  }

  #listing(): ListingColumns | undefined {
    if (!this.#exists()) return undefined
    const [row] = this.#sql.exec<ListingColumns>('SELECT instance, listed_at_ms, cut FROM server_listing').toArray()
    return row
  }

  #exists(): boolean {
    if (this.#isMade !== undefined) return this.#isMade
    const columns = this.#sql.exec<{ name: string }>("SELECT name FROM pragma_table_info('server_listing')").toArray()
    this.#isMade = columns.length > 0
    // A table of an earlier relay.
    if (this.#isMade && !columns.some(({ name }) => name === 'cut')) this.#sql.exec('ALTER TABLE server_listing ADD COLUMN cut TEXT')
    return this.#isMade
  }

  #make(): void {
    if (this.#exists()) return
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS server_entry (kind TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, text TEXT NOT NULL, read_only INTEGER NOT NULL, offered INTEGER NOT NULL, seen_ms INTEGER NOT NULL, PRIMARY KEY (kind, name, digest));
      CREATE TABLE IF NOT EXISTS server_listing (one INTEGER PRIMARY KEY CHECK (one = 1), instance TEXT NOT NULL, listed_at_ms INTEGER NOT NULL, cut TEXT);
    `)
    this.#isMade = true
  }
}

function entryOf({ kind, name, digest, text, read_only: readOnly, offered }: EntryColumns): KnownEntry {
  return { kind: kindOf(kind), name, digest, text, isReadOnly: readOnly === 1, isOffered: offered === 1 }
}

function kindOf(text: string): PinKind {
  return PIN_KINDS.find((kind) => kind === text) ?? 'resources'
}
