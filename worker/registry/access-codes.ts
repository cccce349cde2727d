/** What is kept of the access codes that nobody has used yet: a row goes with its use. Synchronous, so that a code is used once. */
import type { CodeVerdict } from '../contract/registry/registry-rpc.ts'

interface AskedCode {
  readonly share: string
  readonly hash: Uint8Array<ArrayBuffer>
  readonly isUse: boolean
}

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

  /** Whose code has this hash, which is used up if it is for a use. `endOf`: when a link is over, in milliseconds since 1970. */
  verdict({ share, hash, isUse }: AskedCode, endOf: (link: string) => number): CodeVerdict {
    const link = this.#linkOf(share, hash)
    if (link === undefined) return { kind: 'used' }
    if (endOf(link) <= Date.now()) return { kind: 'over' }
    if (isUse) this.#sql.exec('DELETE FROM access_codes WHERE share = ? AND hash = ?', share, hash)
    return { kind: 'person', link }
  }

  /** Undefined when it was used. */
  #linkOf(share: string, hash: Uint8Array<ArrayBuffer>): string | undefined {
    return this.#sql.exec<{ link: string }>('SELECT link FROM access_codes WHERE share = ? AND hash = ?', share, hash).toArray()[0]?.link
  }

  /** The links of a share whose codes were not used. */
  pending(share: string): ReadonlySet<string> {
    const rows = this.#sql.exec<{ link: string }>('SELECT link FROM access_codes WHERE share = ?', share)
    return new Set(rows.toArray().map(({ link }) => link))
  }

  /** The link's code is void: it is over. */
  removeOf(share: string, link: string): void {
    this.#sql.exec('DELETE FROM access_codes WHERE share = ? AND link = ?', share, link)
  }

  removeAll(share: string): void {
    this.#sql.exec('DELETE FROM access_codes WHERE share = ?', share)
  }
}
