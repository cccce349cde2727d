/** The one object per relay that knows its signing key, its owner and its shares; never on the path of a call. */
import { DurableObject } from 'cloudflare:workers'
import { encodeBase32 } from '../access/base32.ts'
import { equalBytes, hashSecret, randomBytes, randomText } from '../access/secret.ts'
import type { Env } from '../env.ts'
import { type Location, LOCATIONS } from '../lanes.ts'
import type { ShareSettings } from '../share/contract.ts'

export interface RelaySecrets {
  readonly signingKey: Uint8Array<ArrayBuffer>
  /** SHA-256 of the owner key that a claim has made. */
  readonly ownerHash: Uint8Array<ArrayBuffer> | undefined
}

/** A share in the list. */
export interface ShareRecord extends ShareSettings {
  /** Where its owner wants it to be; else it is wherever it is first asked for, which is where its agent is. */
  readonly location: Location | undefined
  /** Objects may exist for it. */
  readonly isMade: boolean
  /** Its owner has ended it, and not all of its objects are known to have heard. */
  readonly isEnding: boolean
}

export type ClaimOutcome =
  | { readonly outcome: 'code'; readonly code: string }
  | { readonly outcome: 'owner'; readonly ownerKey: string }
  | { readonly outcome: 'wrong_code' }
  | { readonly outcome: 'claimed' }

const SIGNING_KEY_BYTES = 32
const OWNER_KEY_BYTES = 32
/** 128 bits: nobody guesses it in its lifetime, so tries need no count. */
const CLAIM_CODE_BYTES = 16
const CLAIM_CODE_MS = 10 * 60_000
/** A list of this many still fits into one answer and one row scan. */
const MAX_SHARES = 10_000
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

export class Registry extends DurableObject<Env> {
  readonly #sql: SqlStorage

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS claim_code (one INTEGER PRIMARY KEY CHECK (one = 1), code TEXT NOT NULL, expires_at_ms INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS shares (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, location TEXT, made INTEGER NOT NULL, ending INTEGER NOT NULL) WITHOUT ROWID;
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
    this.#sql.exec('DELETE FROM shares WHERE expires_at_ms < ?', createdAtMs - EXPIRED_KEEP_MS)
    const { count } = this.#sql.exec<{ count: number }>('SELECT count(*) AS count FROM shares').one()
    if (count >= MAX_SHARES) return false
    this.#sql.exec('INSERT INTO shares VALUES (?, ?, ?, ?, ?, 0, 0)', id, name, createdAtMs, expiresAtMs, location ?? null)
    return true
  }

  /** What an object of a share must know that has just come to be; undefined when the share has ended, and it is none. */
  adopt(id: string): ShareSettings | undefined {
    const [record] = this.shares(id)
    if (record === undefined || record.isEnding || record.expiresAtMs <= Date.now()) return undefined
    if (!record.isMade) this.#sql.exec('UPDATE shares SET made = 1 WHERE id = ?', id)
    const { name, createdAtMs, expiresAtMs } = record
    return { id, name, createdAtMs, expiresAtMs }
  }

  /** From here on no object of the share comes to be. Undefined for a share that is not in the list. */
  endShare(id: string): ShareRecord | undefined {
    this.#sql.exec('UPDATE shares SET ending = 1 WHERE id = ?', id)
    return this.shares(id)[0]
  }

  removeShare(id: string): void {
    this.#sql.exec('DELETE FROM shares WHERE id = ?', id)
  }

  /** All shares, newest first, or only the one with this id. */
  shares(id?: string): ShareRecord[] {
    const rows = this.#sql.exec<ShareRow>(
      `SELECT id, name, created_at_ms AS createdAtMs, expires_at_ms AS expiresAtMs, location, made, ending
       FROM shares WHERE ?1 IS NULL OR id = ?1 ORDER BY created_at_ms DESC, id`,
      id ?? null,
    )
    return [...rows].map(({ made, ending, location, ...settings }) => ({
      ...settings,
      location: LOCATIONS.find((known) => known === location),
      isMade: made === 1,
      isEnding: ending === 1,
    }))
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
