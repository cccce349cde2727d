/** The relay's owners besides its deployer, and those whose shares have yet to pass to the deployer. Synchronous, as the list of shares is. */
import type { NewOwner, OwnerRecord, OwnerVerdict } from '../contract/registry/registry-rpc.ts'
import { MAX_OWNERS } from '../trust-limits.ts'

type OwnerRow = { readonly id: string; readonly name: string; readonly createdAtMs: number; readonly expiresAtMs: number }

const OWNER_COLUMNS = 'id, name, created_at_ms AS createdAtMs, expires_at_ms AS expiresAtMs'

export class OwnerTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS owners (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;
      CREATE UNIQUE INDEX IF NOT EXISTS owners_by_hash ON owners (hash);
      CREATE TABLE IF NOT EXISTS departed (owner TEXT PRIMARY KEY) WITHOUT ROWID;
    `)
  }

  /** Adds an owner; `false` when there are as many as there may be. */
  add({ id, name, createdAtMs, expiresAtMs, hash }: NewOwner): boolean {
    const { count } = this.#sql.exec<{ count: number }>('SELECT count(*) AS count FROM owners').one()
    if (count >= MAX_OWNERS) return false
    this.#sql.exec('INSERT INTO owners VALUES (?, ?, ?, ?, ?)', id, name, createdAtMs, expiresAtMs, hash)
    return true
  }

  /** The owner whose token has this hash. */
  find(hash: Uint8Array<ArrayBuffer>): OwnerVerdict {
    const [row] = this.#sql.exec<OwnerRow>(`SELECT ${OWNER_COLUMNS} FROM owners WHERE hash = ?`, hash).toArray()
    if (row === undefined) return { kind: 'unknown' }
    return row.expiresAtMs <= Date.now() ? { kind: 'expired' } : { kind: 'owner', id: row.id }
  }

  has(id: string): boolean {
    return this.#sql.exec('SELECT 1 FROM owners WHERE id = ?', id).toArray().length > 0
  }

  /** All of them, oldest first. */
  all(): OwnerRecord[] {
    return this.#sql.exec<OwnerRow>(`SELECT ${OWNER_COLUMNS} FROM owners ORDER BY created_at_ms, id`).toArray()
  }

  /** Forgets an owner, but not that its shares have yet to pass on; `false` without that owner. */
  remove(id: string): boolean {
    if (this.#sql.exec('DELETE FROM owners WHERE id = ? RETURNING id', id).toArray().length === 0) return false
    this.#sql.exec('INSERT INTO departed VALUES (?)', id)
    return true
  }

  /** An owner who was removed and may still have shares. */
  departed(): string | undefined {
    return this.#sql.exec<{ owner: string }>('SELECT owner FROM departed LIMIT 1').toArray()[0]?.owner
  }

  /** All shares of such an owner have passed on. */
  settle(departed: string): void {
    this.#sql.exec('DELETE FROM departed WHERE owner = ?', departed)
  }
}
