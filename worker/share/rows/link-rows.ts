/** Rows of the agents that were let in, and since when their links are lost. Written when a link opens or closes. */

/** Stands for the instance of an agent that has left in good order. */
export const DEPARTED = ''

export class LinkRows {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  create(): void {
    this.#sql.exec('CREATE TABLE IF NOT EXISTS link (name TEXT PRIMARY KEY, instance TEXT NOT NULL, lost_at_ms INTEGER) WITHOUT ROWID')
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
}
