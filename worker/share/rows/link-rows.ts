/** Rows of the agents that were let in, and since when their links are lost. Written when a link opens or closes. */
import { ALL_OTHER_NAMES } from '../../../protocol/served-names.ts'

/** Stands for the instance of an agent that has left in good order. */
export const DEPARTED = ''

export class LinkRows {
  readonly #sql: SqlStorage
  /** Undefined until it is read from the rows; empty of an object that has none. */
  #served: Map<string, string> | undefined = new Map()

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  create(): void {
    this.#sql.exec('CREATE TABLE IF NOT EXISTS link (name TEXT PRIMARY KEY, instance TEXT NOT NULL, lost_at_ms INTEGER) WITHOUT ROWID')
    this.#sql.exec('CREATE TABLE IF NOT EXISTS served (name TEXT PRIMARY KEY, patterns TEXT NOT NULL) WITHOUT ROWID')
    this.#sql.exec('CREATE TABLE IF NOT EXISTS served_change (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL)')
    this.#served = undefined
  }

  /** Forgets everything in memory. */
  forget(): void {
    this.#served = new Map()
  }

  /** The sets of patterns of agents that were started with `--serves`, by name. */
  get served(): ReadonlyMap<string, string> {
    return this.#servedOnes()
  }

  /** Notes which names an agent serves; the empty set is that of one that was not told. */
  serves(name: string, set: string): void {
    const served = this.#servedOnes()
    if ((served.get(name) ?? ALL_OTHER_NAMES) === set) return
    if (set === ALL_OTHER_NAMES) return this.#unserve(name)
    this.#noteChange(name, set)
    this.#sql.exec('INSERT OR REPLACE INTO served VALUES (?, ?)', name, set)
    served.set(name, set)
  }

  /** Since when each name has been served by the same set of patterns as now, in milliseconds since 1970; 0 where none has ever changed. */
  get servedSinceMs(): number {
    return this.#sql.exec<{ atMs: number }>('SELECT at_ms AS atMs FROM served_change').toArray()[0]?.atMs ?? 0
  }

  /** The instance that last connected under this name, and since when its link is lost, in milliseconds since 1970. */
  get(name: string): { readonly instance: string; readonly lostAtMs: number | undefined } | undefined {
    const [row] = this.#sql
      .exec<{ instance: string; lost_at_ms: number | null }>('SELECT instance, lost_at_ms FROM link WHERE name = ?', name)
      .toArray()
    return row === undefined ? undefined : { instance: row.instance, lostAtMs: row.lost_at_ms ?? undefined }
  }

  put(name: string, instance: string, lostAtMs?: number): void {
    this.#sql.exec('INSERT OR REPLACE INTO link VALUES (?, ?, ?)', name, instance, lostAtMs ?? null)
  }

  drop(name: string): void {
    this.#sql.exec('DELETE FROM link WHERE name = ?', name)
    if (this.served.has(name)) this.#unserve(name)
  }

  lost(): { readonly name: string; readonly lostAtMs: number }[] {
    return this.#sql
      .exec<{ name: string; lostAtMs: number }>('SELECT name, lost_at_ms AS lostAtMs FROM link WHERE lost_at_ms IS NOT NULL')
      .toArray()
  }

  /** Links that are connected, as far as the rows know. */
  open(): { readonly name: string; readonly instance: string }[] {
    return this.#sql.exec<{ name: string; instance: string }>('SELECT name, instance FROM link WHERE lost_at_ms IS NULL').toArray()
  }

  /** An agent comes to serve other names, or none. One of several that serve the same changes nothing. */
  #noteChange(name: string, set: string | undefined): void {
    const served = this.#servedOnes()
    const others = new Set([...served].flatMap(([other, its]) => (other === name ? [] : [its])))
    const isSame = (one: string | undefined): boolean => one === undefined || others.has(one)
    if (!isSame(served.get(name)) || !isSame(set)) this.#sql.exec('INSERT OR REPLACE INTO served_change VALUES (0, ?)', Date.now())
  }

  #unserve(name: string): void {
    this.#noteChange(name, undefined)
    this.#sql.exec('DELETE FROM served WHERE name = ?', name)
    this.#servedOnes().delete(name)
  }

  #servedOnes(): Map<string, string> {
    this.#served ??= new Map(
      this.#sql
        .exec<{ name: string; patterns: string }>('SELECT name, patterns FROM served')
        .toArray()
        .map(({ name, patterns }) => [name, patterns]),
    )
    return this.#served
  }
}
