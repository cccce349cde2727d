/** The one object that knows the relay's signing key, its owner and its shares. Never on the path of a call. */
import { DurableObject } from 'cloudflare:workers'
import { encodeBase32 } from '../access/base32.ts'
import { equalBytes, hashSecret, randomBytes, randomText } from '../access/secret.ts'
import type { Env } from '../env.ts'
import { type Location, LOCATIONS } from '../contract/locations.ts'
import type { ClaimOutcome, RelaySecrets, ShareRecord } from '../contract/registry-rpc.ts'
import type { ShareSettings } from '../contract/share-rpc.ts'
import type { RegistryObject } from '../contract/objects.ts'

const SIGNING_KEY_BYTES = 32
const OWNER_KEY_BYTES = 32
/** 128 bits: nobody guesses it in its lifetime, so tries need no count. */
const CLAIM_CODE_BYTES = 16
const CLAIM_CODE_MS = 10 * 60_000
/** About 250 MB of rows with their indexes, of the 10 GB that an object may have. */
const MAX_SHARES = 1_000_000
/** Shares in one page of the list: some 300 KiB as an answer. */
const PAGE_SHARES = 1_000
/** Expired shares that leave the list with each new one: more than come, and a bounded time. */
const SWEPT_SHARES = 100
/** How long an expired share stays in the list, so that its owner sees what became of it. */
const EXPIRED_KEEP_MS = 30 * 24 * 60 * 60_000

type ShareRow = {
  readonly id: string
  readonly name: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
  readonly location: string | null
  readonly made: number
  readonly ending: number
}

const SHARE_COLUMNS = 'id, name, created_at_ms AS createdAtMs, expires_at_ms AS expiresAtMs, location, made, ending'

export class Registry extends DurableObject<Env> implements RegistryObject {
  readonly #sql: SqlStorage

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS claim_code (one INTEGER PRIMARY KEY CHECK (one = 1), code TEXT NOT NULL, expires_at_ms INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS shares (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, location TEXT, made INTEGER NOT NULL, ending INTEGER NOT NULL) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS shares_by_age ON shares (created_at_ms DESC, id);
      CREATE INDEX IF NOT EXISTS shares_by_expiry ON shares (expires_at_ms);
      CREATE TABLE IF NOT EXISTS share_count (one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL);
      INSERT OR IGNORE INTO share_count VALUES (1, 0);
    `)
  }

  /** The signing key, made on first use, and the hash of the owner key once there is an owner. */
  secrets(): RelaySecrets {
    const ownerHash = this.#secret('owner')
    const signingKey = this.#secret('signing')
    if (signingKey !== undefined) return { signingKey, ownerHash }
    const fresh = randomBytes(SIGNING_KEY_BYTES)
    this.#keepSecret('signing', fresh)
    return { signingKey: fresh, ownerHash }
  }

  /** Without a code: the code to show to the deployer. With the right one: the owner key, to exactly one caller ever. */
  async claim(code: string | undefined): Promise<ClaimOutcome> {
    if (code === undefined)
      return this.#secret('owner') === undefined ? { outcome: 'code', code: this.#claimCode() } : { outcome: 'claimed' }
    const ownerKey = `mcpe_owner_${randomText(OWNER_KEY_BYTES)}`
    const ownerHash = await hashSecret(ownerKey)
    // From here to the end nothing waits, so that of two callers with the right code only one becomes owner.
    if (this.#secret('owner') !== undefined) return { outcome: 'claimed' }
    if (!this.#isClaimCode(code)) return { outcome: 'wrong_code' }
    this.#keepSecret('owner', ownerHash)
    this.#sql.exec('DELETE FROM claim_code')
    return { outcome: 'owner', ownerKey }
  }

  /** Adds a share to the list; `false` when the list is full. */
  addShare({ id, name, createdAtMs, expiresAtMs }: ShareSettings, location: Location | undefined): boolean {
    this.#remove('SELECT id FROM shares WHERE expires_at_ms < ? LIMIT ?', createdAtMs - EXPIRED_KEEP_MS, SWEPT_SHARES)
    // Counted as they come and go: a count of rows reads them all.
    const { count } = this.#sql.exec<{ count: number }>('SELECT count FROM share_count').one()
    if (count >= MAX_SHARES) return false
    this.#sql.exec('INSERT INTO shares VALUES (?, ?, ?, ?, ?, 0, 0)', id, name, createdAtMs, expiresAtMs, location ?? null)
    this.#sql.exec('UPDATE share_count SET count = count + 1')
    return true
  }

  /** For a new object: the settings of the share that it belongs to; undefined when the share has ended, or never was. */
  adopt(id: string): ShareSettings | undefined {
    const record = this.share(id)
    if (record === undefined || record.isEnding || record.expiresAtMs <= Date.now()) return undefined
    if (!record.isMade) this.#sql.exec('UPDATE shares SET made = 1 WHERE id = ?', id)
    const { name, createdAtMs, expiresAtMs } = record
    return { id, name, createdAtMs, expiresAtMs }
  }

  /** Marks a share as ended, so that no new object of it is made. Undefined for a share that is not in the list. */
  endShare(id: string): ShareRecord | undefined {
    this.#sql.exec('UPDATE shares SET ending = 1 WHERE id = ?', id)
    return this.share(id)
  }

  removeShare(id: string): void {
    this.#remove('SELECT ?', id)
  }

  share(id: string): ShareRecord | undefined {
    const [row] = this.#sql.exec<ShareRow>(`SELECT ${SHARE_COLUMNS} FROM shares WHERE id = ?`, id).toArray()
    return row === undefined ? undefined : recordOf(row)
  }

  /** A page of shares, newest first; `after` is the last one of the page before. */
  shares(after?: Pick<ShareRecord, 'createdAtMs' | 'id'>): { readonly records: ShareRecord[]; readonly isMore: boolean } {
    const { createdAtMs, id } = after ?? { createdAtMs: Number.MAX_SAFE_INTEGER, id: '' }
    const rows = this.#sql
      .exec<ShareRow>(
        `SELECT ${SHARE_COLUMNS} FROM shares WHERE created_at_ms <= ?1 AND (created_at_ms < ?1 OR id > ?2)
         ORDER BY created_at_ms DESC, id LIMIT ?3`,
        createdAtMs,
        id,
        PAGE_SHARES + 1,
      )
      .toArray()
    return { records: rows.slice(0, PAGE_SHARES).map(recordOf), isMore: rows.length > PAGE_SHARES }
  }

  /** Removes the shares whose ids a query names. */
  #remove(ids: string, ...bindings: SqlStorageValue[]): void {
    const gone = this.#sql.exec(`DELETE FROM shares WHERE id IN (${ids}) RETURNING id`, ...bindings).toArray().length
    if (gone > 0) this.#sql.exec('UPDATE share_count SET count = count - ?', gone)
  }

  #secret(name: 'signing' | 'owner'): Uint8Array<ArrayBuffer> | undefined {
    const [row] = this.#sql.exec<{ value: ArrayBuffer }>('SELECT value FROM secrets WHERE name = ?', name).toArray()
    return row === undefined ? undefined : new Uint8Array(row.value)
  }

  #keepSecret(name: 'signing' | 'owner', value: Uint8Array<ArrayBuffer>): void {
    this.#sql.exec('INSERT INTO secrets VALUES (?, ?)', name, value)
  }

  #claimCode(): string {
    const [row] = this.#sql.exec<{ code: string }>('SELECT code FROM claim_code WHERE expires_at_ms > ?', Date.now()).toArray()
    if (row !== undefined) return row.code
    const code = encodeBase32(randomBytes(CLAIM_CODE_BYTES))
    this.#sql.exec('INSERT OR REPLACE INTO claim_code VALUES (1, ?, ?)', code, Date.now() + CLAIM_CODE_MS)
    return code
  }

  #isClaimCode(code: string): boolean {
    const [row] = this.#sql.exec<{ code: string }>('SELECT code FROM claim_code WHERE expires_at_ms > ?', Date.now()).toArray()
    const encoder = new TextEncoder()
    return row !== undefined && equalBytes(encoder.encode(row.code), encoder.encode(code))
  }
}

function recordOf({ made, ending, location, ...settings }: ShareRow): ShareRecord {
  return { ...settings, location: LOCATIONS.find((known) => known === location), isMade: made === 1, isEnding: ending === 1 }
}
