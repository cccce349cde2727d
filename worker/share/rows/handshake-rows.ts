/** Rows of what servers behind agents of other makes have answered to `initialize`, which they are asked once. Written when such an agent registers. */

export class HandshakeRows {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  create(): void {
    this.#sql.exec('CREATE TABLE IF NOT EXISTS introduction (agent TEXT PRIMARY KEY, result TEXT NOT NULL) WITHOUT ROWID')
  }

  /** The JSON text of the result. */
  get(agent: string): string | undefined {
    const [row] = this.#sql.exec<{ result: string }>('SELECT result FROM introduction WHERE agent = ?', agent).toArray()
    return row?.result
  }

  put(agent: string, result: string): void {
    this.#sql.exec('INSERT OR REPLACE INTO introduction VALUES (?, ?)', agent, result)
  }
}
