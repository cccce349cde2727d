/** The registry's secrets: the relay's signing key, the hash of its owner's key, and the code that a claim needs. */
import { newClaimCode } from '../access/owner/claim-code.ts'
import { deriveKeys } from '../access/secrets/keys.ts'
import { newOwnerToken } from '../access/owner/owner.ts'
import { equalBytes, hashSecret, randomBytes } from '../access/secrets/secret.ts'
import type { ClaimOutcome, RelaySecrets } from '../contract/registry/registry-rpc.ts'

const SIGNING_KEY_BYTES = 32
const CLAIM_CODE_MS = 10 * 60_000

export class SecretTable {
  readonly #sql: SqlStorage
  /** SIGNING_KEY, hashed. */
  readonly #ownKey: () => Promise<Uint8Array<ArrayBuffer>> | undefined

  /** `ownKey`: what takes the place of the kept signing key, where there is something. */
  constructor(sql: SqlStorage, ownKey: () => Promise<Uint8Array<ArrayBuffer>> | undefined) {
    this.#sql = sql
    this.#ownKey = ownKey
    sql.exec(`
      CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS claim_code (one INTEGER PRIMARY KEY CHECK (one = 1), code TEXT NOT NULL, expires_at_ms INTEGER NOT NULL);
    `)
  }

  /** The signing key, made on first use, and whether there is an owner. */
  all(): RelaySecrets {
    const isClaimed = this.#read('owner') !== undefined
    const signingKey = this.#read('signing')
    if (signingKey !== undefined) return { signingKey, isClaimed }
    const fresh = randomBytes(SIGNING_KEY_BYTES)
    this.#keep('signing', fresh)
    return { signingKey: fresh, isClaimed }
  }

  /** Without a code: the code to show to the deployer. With the right one: the owner key, to exactly one caller ever. */
  async claim(code: string | undefined): Promise<ClaimOutcome> {
    const keys = await deriveKeys((await this.#ownKey()) ?? this.all().signingKey)
    if (code === undefined) {
      const fresh = await newClaimCode(keys)
      return this.#read('owner') === undefined ? { outcome: 'code', code: this.#claimCode(fresh) } : { outcome: 'claimed' }
    }
    const ownerKey = await newOwnerToken(keys)
    const ownerHash = await hashSecret(ownerKey)
    // From here to the end nothing waits, so that of two callers with the right code only one becomes owner.
    if (this.#read('owner') !== undefined) return { outcome: 'claimed' }
    if (!this.#isClaimCode(code)) return { outcome: 'wrong_code' }
    this.#keep('owner', ownerHash)
    this.#sql.exec('DELETE FROM claim_code')
    return { outcome: 'owner', ownerKey }
  }

  /** Whether this is the hash of the key that a claim has made. */
  isClaimed(hash: Uint8Array): boolean {
    const claimed = this.#read('owner')
    return claimed !== undefined && equalBytes(hash, claimed)
  }

  #read(name: 'signing' | 'owner'): Uint8Array<ArrayBuffer> | undefined {
    const [row] = this.#sql.exec<{ value: ArrayBuffer }>('SELECT value FROM secrets WHERE name = ?', name).toArray()
    return row === undefined ? undefined : new Uint8Array(row.value)
  }

  #keep(name: 'signing' | 'owner', value: Uint8Array<ArrayBuffer>): void {
    this.#sql.exec('INSERT INTO secrets VALUES (?, ?)', name, value)
  }

  /** The code that holds; `fresh` where none does. */
  #claimCode(fresh: string): string {
    const [row] = this.#sql.exec<{ code: string }>('SELECT code FROM claim_code WHERE expires_at_ms > ?', Date.now()).toArray()
    if (row !== undefined) return row.code
    this.#sql.exec('INSERT OR REPLACE INTO claim_code VALUES (1, ?, ?)', fresh, Date.now() + CLAIM_CODE_MS)
    return fresh
  }

  #isClaimCode(code: string): boolean {
    const [row] = this.#sql.exec<{ code: string }>('SELECT code FROM claim_code WHERE expires_at_ms > ?', Date.now()).toArray()
    const encoder = new TextEncoder()
    return row !== undefined && equalBytes(encoder.encode(row.code), encoder.encode(code))
  }
}
