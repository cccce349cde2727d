/** What is kept of the access codes that nobody has used yet: a row goes with its use. Synchronous, so that a code is used once. */

export class AccessCodeTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(
      'CREATE TABLE IF NOT EXISTS access_codes (share TEXT NOT NULL, hash BLOB NOT NULL, link TEXT NOT NULL, PRIMARY KEY (share, hash)) WITHOUT ROWID',
    )
  }

  add(share: string, hash: Uint8Array<ArrayBuffer>, link: string): void {
    this.#sql.exec('INSERT INTO access_codes VALUES (?, ?, ?)', share, hash, link)
  }

  /** The link whose code has this hash; undefined when it was used. */
  linkOf(share: string, hash: Uint8Array<ArrayBuffer>): string | undefined {
    return this.#sql.exec<{ link: string }>('SELECT link FROM access_codes WHERE share = ? AND hash = ?', share, hash).toArray()[0]?.link
  }

  /** The links of a share whose codes were not used. */
  pending(share: string): ReadonlySet<string> {
    const rows = this.#sql.exec<{ link: string }>('SELECT link FROM access_codes WHERE share = ?', share)
    return new Set(rows.toArray().map(({ link }) => link))
  }

  remove(share: string, hash: Uint8Array<ArrayBuffer>): void {
    this.#sql.exec('DELETE FROM access_codes WHERE share = ? AND hash = ?', share, hash)
  }

  /** The link's code is void: it is over. */
  removeOf(share: string, link: string): void {
    this.#sql.exec('DELETE FROM access_codes WHERE share = ? AND link = ?', share, link)
  }

  removeAll(share: string): void {
    this.#sql.exec('DELETE FROM access_codes WHERE share = ?', share)
  }
}
