/** The list of the relay's shares, with what their owners have decided for them. Synchronous, so that each step is whole. */
import type { Location } from '../contract/registry/locations.ts'
import { DEPLOYER, type ShareAddition, type ShareChange, type ShareRecord } from '../contract/registry/registry-rpc.ts'
import { slidEnd } from '../contract/registry/sliding-end.ts'
import { MAX_SHARES_OF_OWNER } from '../trust-limits.ts'
import type { ShareTerms } from '../contract/trust/trust-rpc.ts'
import type { ShareSettings } from '../contract/share-admin.ts'
import { type KeptShare, LATER_COLUMNS, LISTED_COLUMNS, recordOf, SHARE_COLUMNS, type ShareRow } from './share-row.ts'

/** About 250 MB of rows with their indexes, of the 10 GB that an object may have. */
const MAX_SHARES = 1_000_000
/** Shares in one page of the list: some 300 KiB as an answer. */
const PAGE_SHARES = 1_000
/** Characters of policies in one page, of two bytes each at most: RPC carries 32 MiB. */
const PAGE_CHARS = 4 * 1024 * 1024
/** Expired shares that leave the list with each new one: more than come, and a bounded time. */
const SWEPT_SHARES = 10
/** How long an expired share is known, so that its owner sees what became of it, and can lengthen it. */
const EXPIRED_KEEP_MS = 30 * 24 * 60 * 60_000

export class ShareTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS shares (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, location TEXT, made INTEGER NOT NULL, ending INTEGER NOT NULL) WITHOUT ROWID;
      DROP INDEX IF EXISTS shares_by_age;
      CREATE INDEX IF NOT EXISTS shares_by_expiry ON shares (expires_at_ms);
      CREATE TABLE IF NOT EXISTS share_count (one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL);
      INSERT OR IGNORE INTO share_count VALUES (1, 0);
      CREATE TABLE IF NOT EXISTS owner_share_count (owner TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
    `)
    const known = new Set(
      sql
        .exec<{ name: string }>("SELECT name FROM pragma_table_info('shares')")
        .toArray()
        .map(({ name }) => name),
    )
    for (const [name, type] of Object.entries(LATER_COLUMNS))
      if (!known.has(name)) sql.exec(`ALTER TABLE shares ADD COLUMN ${name} ${type}`)
    sql.exec('CREATE INDEX IF NOT EXISTS shares_by_owner ON shares (owner, created_at_ms DESC, id)')
    sql.exec('CREATE INDEX IF NOT EXISTS shares_by_name ON shares (owner, name)')
  }

  /** Adds a share, if the list has room for it and its owner may have one more. */
  add(
    owner: string,
    { id, name, createdAtMs, expiresAtMs }: ShareSettings,
    location: Location | undefined,
    { limits, addressLimits, anonymous, anonymousLimits, isCaptured, slidingMs, pins, upstream }: ShareTerms = {},
  ): Exclude<ShareAddition, 'no_owner' | 'no_room'> {
    // Counted as they come and go: a count of rows reads them all.
    const { count } = this.#sql.exec<{ count: number }>('SELECT count FROM share_count').one()
    if (count >= MAX_SHARES) return 'full'
    if (owner !== DEPLOYER && !this.#countFor(owner)) return 'owner_full'
    this.#sql.exec(
      'INSERT INTO shares (owner, id, name, created_at_ms, expires_at_ms, location, limits, address_limits, anonymous, anonymous_limits, life_ms, sliding, capture, pins, upstream, made, ending) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)',
      owner,
      id,
      name,
      createdAtMs,
      expiresAtMs,
      location ?? null,
      limits ?? null,
      addressLimits ?? null,
      anonymous ?? null,
      anonymousLimits ?? null,
      expiresAtMs - createdAtMs,
      slidingMs === undefined ? 0 : 1,
      isCaptured === true ? 1 : 0,
      pins ?? null,
      upstream ?? null,
    )
    this.#sql.exec('UPDATE share_count SET count = count + 1')
    return 'added'
  }

  /** A share that is there, or ended not long ago. */
  get(id: string): KeptShare | undefined {
    const rows = this.#sql.exec<ShareRow>(`SELECT ${SHARE_COLUMNS} FROM shares WHERE id = ? AND expires_at_ms > ?`, id, keptAfterMs())
    const [row] = rows.toArray()
    return row === undefined ? undefined : recordOf(row)
  }

  /** One that its owner has not ended. */
  living(id: string): KeptShare | undefined {
    const record = this.get(id)
    return record?.isEnding === true ? undefined : record
  }

  /** A page of such shares of an owner, newest first; `after` is the last one of the page before. */
  page(owner: string, after?: Pick<ShareRecord, 'createdAtMs' | 'id'>): { readonly records: ShareRecord[]; readonly isMore: boolean } {
    const { createdAtMs, id } = after ?? { createdAtMs: Number.MAX_SAFE_INTEGER, id: '' }
    const wanted = [createdAtMs, id, PAGE_SHARES + 1, keptAfterMs(), owner]
    const rows = this.#sql.exec<ShareRow>(
      `SELECT ${LISTED_COLUMNS} FROM shares WHERE owner = ?5 AND created_at_ms <= ?1 AND (created_at_ms < ?1 OR id > ?2) AND expires_at_ms > ?4
       ORDER BY created_at_ms DESC, id LIMIT ?3`,
      ...wanted,
    )
    const records: ShareRecord[] = []
    let chars = 0
    for (const row of rows) {
      chars += (row.policy ?? '').length + (row.anonymous ?? '').length
      if (records.length === PAGE_SHARES || (chars > PAGE_CHARS && records.length > 0)) return { records, isMore: true }
      records.push(recordOf(row))
    }
    return { records, isMore: false }
  }

  /** Whether another one of an owner's that has not ended is called so. */
  hasNamed(owner: string, { id, name }: Pick<ShareRecord, 'id' | 'name'>): boolean {
    const others = this.#sql.exec(
      'SELECT 1 FROM shares WHERE owner = ? AND name = ? AND id <> ? AND ending = 0 AND expires_at_ms > ? LIMIT 1',
      owner,
      name,
      id,
      Date.now(),
    )
    return others.toArray().length > 0
  }

  change({ id, name, expiresAtMs, lifeMs, trust }: KeptShare, change: ShareChange): void {
    this.#sql.exec(
      'UPDATE shares SET name = ?, expires_at_ms = ?, life_ms = ?, sliding = ?, paused = ?, policy = ?, limits = ?, address_limits = ?, anonymous = ?, anonymous_limits = ?, capture = ?, pins = ?, upstream = ? WHERE id = ?',
      change.name ?? name,
      change.expiresAtMs ?? expiresAtMs,
      change.lifeMs ?? lifeMs,
      (change.isSliding ?? trust.slidingMs !== undefined) ? 1 : 0,
      (change.isPaused ?? trust.isPaused) ? 1 : 0,
      change.policy ?? trust.policy ?? null,
      change.limits ?? trust.limits ?? null,
      change.addressLimits ?? trust.addressLimits ?? null,
      change.anonymous ?? trust.anonymous ?? null,
      change.anonymousLimits ?? trust.anonymousLimits ?? null,
      (change.isCaptured ?? trust.isCaptured === true) ? 1 : 0,
      change.pins === undefined ? (trust.pins ?? null) : change.pins,
      change.upstream ?? trust.upstream ?? null,
      id,
    )
  }

  /**
   * Moves an end that slides, if a use asks for it: not beyond a time when no credential holds any more, and not when it is over, since lanes
   * may have ended.
   */
  slide({ id, trust }: KeptShare, usedAtMs: number, ceilingMs: number): void {
    if (trust.slidingMs === undefined || trust.expiresAtMs <= Date.now()) return
    const endMs = Math.min(slidEnd(trust.expiresAtMs, trust.slidingMs, usedAtMs) ?? 0, ceilingMs)
    if (endMs <= trust.expiresAtMs) return
    this.#sql.exec('UPDATE shares SET expires_at_ms = ?, version = version + 1 WHERE id = ?', endMs, id)
  }

  /** Notes that all links from before this state of the share are revoked. */
  noteRotation(id: string, version: number, keepsAgents: boolean): void {
    this.#sql.exec(
      'UPDATE shares SET rotated = ?1, agents_rotated = iif(?2, agents_rotated, ?1) WHERE id = ?3',
      version,
      keepsAgents ? 1 : 0,
      id,
    )
  }

  /** Pauses some of an owner's shares and gives them to another; which they are, empty when there are none left. */
  passOn(from: string, to: string, most: number): ShareRecord[] {
    const passed = this.#sql.exec<ShareRow>(
      `UPDATE shares SET owner = ?2, paused = 1, version = version + 1 WHERE id IN (SELECT id FROM shares WHERE owner = ?1 LIMIT ?3)
       RETURNING ${SHARE_COLUMNS}`,
      from,
      to,
      most,
    )
    const records = passed.toArray().map(recordOf)
    if (records.length < most) this.#sql.exec('DELETE FROM owner_share_count WHERE owner = ?', from)
    return records
  }

  /** Counts a change of what is decided for a share or one of its links. */
  countChange(id: string): number {
    const [row] = this.#sql
      .exec<{ version: number }>('UPDATE shares SET version = version + 1 WHERE id = ? RETURNING version', id)
      .toArray()
    return row?.version ?? 0
  }

  /** Objects come to be for the share. */
  noteMade(id: string): void {
    this.#sql.exec('UPDATE shares SET made = 1 WHERE id = ?', id)
  }

  /** No object comes to be for the share any more. */
  noteEnding(id: string): void {
    this.#sql.exec('UPDATE shares SET ending = 1 WHERE id = ?', id)
  }

  /** Some of the shares that have expired long ago. */
  longExpired(): string[] {
    const rows = this.#sql.exec<{ id: string }>('SELECT id FROM shares WHERE expires_at_ms <= ? LIMIT ?', keptAfterMs(), SWEPT_SHARES)
    return rows.toArray().map(({ id }) => id)
  }

  /** Whose it was; undefined without it. */
  remove(id: string): string | undefined {
    const [gone] = this.#sql.exec<{ owner: string }>('DELETE FROM shares WHERE id = ? RETURNING owner', id).toArray()
    if (gone === undefined) return undefined
    this.#sql.exec('UPDATE share_count SET count = count - 1')
    this.#sql.exec('UPDATE owner_share_count SET count = count - 1 WHERE owner = ?', gone.owner)
    return gone.owner
  }

  /** Counts one more share for an owner; `false` when there are as many as one may have. */
  #countFor(owner: string): boolean {
    this.#sql.exec('INSERT OR IGNORE INTO owner_share_count VALUES (?, 0)', owner)
    return (
      this.#sql
        .exec('UPDATE owner_share_count SET count = count + 1 WHERE owner = ? AND count < ? RETURNING 1', owner, MAX_SHARES_OF_OWNER)
        .toArray().length > 0
    )
  }
}

/** Shares that ended before are not known any more, whether or not their rows are gone yet. */
function keptAfterMs(): number {
  return Date.now() - EXPIRED_KEEP_MS
}
