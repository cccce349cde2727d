/**
 * Rows of what the owner has decided for the share, and for each link that has come here. Written when one comes first and when its owner
 * changes something, never per call. The share's is in memory once: its pins may be long, and each link stands by them.
 */
import { MAX_LINK_ROWS } from '../../trust-limits.ts'
import type { LinkKind, LinkTrust, ShareTrust } from '../../contract/trust/trust-rpc.ts'

/** The digest of its policy is kept with it, since it is made by waiting; empty without a policy. */
interface Digested {
  readonly digest: string
}

/** `revokedBefore`, `agentsRevokedBefore`: links of earlier versions were revoked all together. */
export interface KeptShareTrust extends ShareTrust, Digested {
  /** The digest of `anonymous`. */
  readonly anonymousDigest: string
  readonly revokedBefore: number
  readonly agentsRevokedBefore: number
}

export interface KeptLinkTrust extends LinkTrust, Digested {}

/** Columns that the row of the share did not have at first. */
const LATER_COLUMNS = {
  limits: 'TEXT',
  address_limits: 'TEXT',
  sliding_ms: 'INTEGER',
  anonymous: 'TEXT',
  anonymous_digest: 'TEXT',
  anonymous_limits: 'TEXT',
  capture: 'INTEGER',
  pins: 'TEXT',
  upstream: 'TEXT',
} as const

type ShareColumns = {
  version: number
  expires_at_ms: number
  paused: number
  policy: string | null
  digest: string
  revoked_before: number
  agents_revoked_before: number
  limits: string | null
  address_limits: string | null
  pins: string | null
  upstream: string | null
  sliding_ms: number | null
  anonymous: string | null
  anonymous_digest: string | null
  anonymous_limits: string | null
  capture: number | null
}
type LinkColumns = {
  version: number
  kind: string
  expires_at_ms: number
  revoked: number
  policy: string | null
  digest: string
  parent: string | null
  limits: string | null
}

export class TrustRows {
  readonly #sql: SqlStorage
  /** Made when there is something to keep: an object that was only asked about writes nothing. */
  #isMade: boolean | undefined
  /** The share's row, once it was read or written. */
  #share: KeptShareTrust | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#isMade = undefined
    this.#share = undefined
  }

  share(): KeptShareTrust | undefined {
    return (this.#share ??= this.#readShare())
  }

  putShare(kept: KeptShareTrust): void {
    const { revokedBefore, agentsRevokedBefore, ...trust } = kept
    this.#make()
    const row: ShareColumns = {
      version: trust.version,
      expires_at_ms: trust.expiresAtMs,
      paused: trust.isPaused ? 1 : 0,
      policy: trust.policy ?? null,
      digest: trust.digest,
      revoked_before: revokedBefore,
      agents_revoked_before: agentsRevokedBefore,
      limits: trust.limits ?? null,
      address_limits: trust.addressLimits ?? null,
      pins: trust.pins ?? null,
      upstream: trust.upstream ?? null,
      sliding_ms: trust.slidingMs ?? null,
      anonymous: trust.anonymous ?? null,
      anonymous_digest: trust.anonymousDigest,
      anonymous_limits: trust.anonymousLimits ?? null,
      capture: trust.isCaptured === true ? 1 : 0,
    }
    const names = Object.keys(row)
    this.#sql.exec(
      `INSERT OR REPLACE INTO share_trust (one, ${names.join(', ')}) VALUES (1${', ?'.repeat(names.length)})`,
      ...Object.values(row),
    )
    this.#share = kept
  }

  link(id: string): KeptLinkTrust | undefined {
    if (!this.#exists()) return undefined
    const [row] = this.#sql
      .exec<LinkColumns>('SELECT version, kind, expires_at_ms, revoked, policy, digest, parent, limits FROM link_trust WHERE id = ?', id)
      .toArray()
    if (row === undefined) return undefined
    const { version, kind, expires_at_ms: expiresAtMs, revoked, policy, digest, parent, limits } = row
    const facts = {
      ...(policy === null ? {} : { policy }),
      ...(limits === null ? {} : { limits }),
      ...(parent === null ? {} : { parent }),
    }
    return { id, version, kind: kind as LinkKind, expiresAtMs, isRevoked: revoked === 1, ...facts, digest }
  }

  /** Ids of all links that come from this one, directly or not. */
  below(id: string): string[] {
    if (!this.#exists()) return []
    return this.#sql
      .exec<{ id: string }>(
        `WITH RECURSIVE below (id) AS (SELECT id FROM link_trust WHERE parent = ? UNION SELECT link.id FROM link_trust AS link JOIN below ON link.parent = below.id)
         SELECT id FROM below`,
        id,
      )
      .toArray()
      .map((row) => row.id)
  }

  /** Of too many, revoked ones give way first: the registry refuses them as well. */
  putLink({ id, version, kind, expiresAtMs, isRevoked, policy, limits, digest, parent }: KeptLinkTrust): void {
    this.#make()
    const row = [id, version, kind, expiresAtMs, isRevoked ? 1 : 0, policy ?? null, digest, parent ?? null, limits ?? null]
    this.#sql.exec('INSERT OR REPLACE INTO link_trust VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', ...row)
    this.#sql.exec(
      'DELETE FROM link_trust WHERE id IN (SELECT id FROM link_trust ORDER BY revoked, version DESC LIMIT -1 OFFSET ?)',
      MAX_LINK_ROWS,
    )
  }

  /** Forgets the links that have ended by then: the registry knows of them for longer. */
  dropEnded(nowMs: number): void {
    if (this.#exists()) this.#sql.exec('DELETE FROM link_trust WHERE expires_at_ms <= ?', nowMs)
  }

  /** When the next link ends, in milliseconds since 1970. */
  nextEndMs(): number | undefined {
    if (!this.#exists()) return undefined
    return this.#sql.exec<{ next: number | null }>('SELECT min(expires_at_ms) AS next FROM link_trust').one().next ?? undefined
  }

  #readShare(): KeptShareTrust | undefined {
    if (!this.#exists()) return undefined
    const [row] = this.#sql.exec<ShareColumns>('SELECT * FROM share_trust').toArray()
    if (row === undefined) return undefined
    return {
      version: row.version,
      expiresAtMs: row.expires_at_ms,
      isPaused: row.paused === 1,
      ...(row.sliding_ms === null ? {} : { slidingMs: row.sliding_ms }),
      ...(row.policy === null ? {} : { policy: row.policy }),
      ...(row.limits === null ? {} : { limits: row.limits }),
      ...(row.address_limits === null ? {} : { addressLimits: row.address_limits }),
      ...(row.anonymous === null ? {} : { anonymous: row.anonymous }),
      anonymousDigest: row.anonymous_digest ?? '',
      ...(row.anonymous_limits === null ? {} : { anonymousLimits: row.anonymous_limits }),
      ...(row.capture === 1 ? { isCaptured: true } : {}),
      ...(row.pins === null ? {} : { pins: row.pins }),
      ...(row.upstream === null ? {} : { upstream: row.upstream }),
      digest: row.digest,
      revokedBefore: row.revoked_before,
      agentsRevokedBefore: row.agents_revoked_before,
    }
  }

  #exists(): boolean {
    if (this.#isMade !== undefined) return this.#isMade
    this.#isMade = this.#columns('link_trust').size > 0
    if (!this.#isMade) return false
    // Tables of an earlier relay.
    if (!this.#columns('link_trust').has('limits')) this.#sql.exec('ALTER TABLE link_trust ADD COLUMN limits TEXT')
    const known = this.#columns('share_trust')
    for (const [name, type] of Object.entries(LATER_COLUMNS))
      if (!known.has(name)) this.#sql.exec(`ALTER TABLE share_trust ADD COLUMN ${name} ${type}`)
    return true
  }

  #columns(table: 'share_trust' | 'link_trust'): ReadonlySet<string> {
    const columns = this.#sql.exec<{ name: string }>(`SELECT name FROM pragma_table_info('${table}')`).toArray()
    return new Set(columns.map(({ name }) => name))
  }

  #make(): void {
    if (this.#exists()) return
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS share_trust (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, paused INTEGER NOT NULL, policy TEXT, digest TEXT NOT NULL, revoked_before INTEGER NOT NULL, agents_revoked_before INTEGER NOT NULL, limits TEXT, address_limits TEXT, sliding_ms INTEGER, anonymous TEXT, anonymous_digest TEXT, anonymous_limits TEXT, capture INTEGER, pins TEXT, upstream TEXT);
      CREATE TABLE IF NOT EXISTS link_trust (id TEXT PRIMARY KEY, version INTEGER NOT NULL, kind TEXT NOT NULL, expires_at_ms INTEGER NOT NULL, revoked INTEGER NOT NULL, policy TEXT, digest TEXT NOT NULL, parent TEXT, limits TEXT) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS link_trust_by_end ON link_trust (expires_at_ms);
    `)
    this.#isMade = true
  }
}
