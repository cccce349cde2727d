/** The links of the relay's shares. A link without a row is revoked: what is dropped here is dead for good. Synchronous, as the list of shares is. */
import type { LinkChange, LinkRecord, NewLink } from '../contract/registry/registry-rpc.ts'
import type { DerivedLink, LinkKind } from '../contract/trust/trust-rpc.ts'
import { MAX_DERIVED_LINKS, MAX_DERIVED_LINKS_OF_ONE, MAX_LINKS } from '../trust-limits.ts'

type LinkRow = {
  readonly id: string
  readonly kind: string
  readonly name: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
  readonly ceilingMs: number
  readonly version: number
  readonly revoked: number
  readonly policy: string | null
  readonly parent: string | null
  readonly limits: string | null
  readonly maker: string | null
}

const LINK_COLUMNS =
  'id, kind, name, created_at_ms AS createdAtMs, expires_at_ms AS expiresAtMs, ceiling_ms AS ceilingMs, version, revoked, policy, parent, limits, maker'

export class LinkTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS links (share TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, ceiling_ms INTEGER NOT NULL, version INTEGER NOT NULL, revoked INTEGER NOT NULL, policy TEXT, parent TEXT, limits TEXT, maker TEXT, PRIMARY KEY (share, id)) WITHOUT ROWID;
    `)
    const known = new Set(
      sql
        .exec<{ name: string }>("SELECT name FROM pragma_table_info('links')")
        .toArray()
        .map(({ name }) => name),
    )
    for (const name of ['parent', 'limits', 'maker']) if (!known.has(name)) sql.exec(`ALTER TABLE links ADD COLUMN ${name} TEXT`)
  }

  /** Adds a link to a share that exists. */
  add(share: string, { id, kind, name, createdAtMs, expiresAtMs, ceilingMs, policy, limits, maker }: NewLink, version: number): void {
    const row = [
      share,
      id,
      kind,
      name,
      createdAtMs,
      Math.min(expiresAtMs, ceilingMs),
      ceilingMs,
      version,
      policy ?? null,
      limits ?? null,
      maker ?? null,
    ]
    this.#sql.exec('INSERT INTO links VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, NULL, ?, ?)', ...row)
  }

  /** Adds a link that a holder has narrowed from another, which it cannot outlive. */
  derive(share: string, { id, name, endMs }: DerivedLink, parent: LinkRecord, nowMs: number, version: number): void {
    const ceilingMs = Math.min(parent.ceilingMs, endMs === 0 ? Infinity : endMs)
    const row = [share, id, parent.kind, name, nowMs, ceilingMs, ceilingMs, version, parent.id]
    this.#sql.exec('INSERT INTO links VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, NULL, ?, NULL, NULL)', ...row)
  }

  /**
   * Whether the share may have a narrowed link more, and of this root. Those give way whose credentials can hold no more, and no others: a
   * revoked one that was forgotten would be new again when it comes.
   */
  hasRoomForDerived(share: string, root: string, nowMs: number): boolean {
    if (this.#hasRoomBelow(share, root)) return true
    this.#sql.exec('DELETE FROM links WHERE share = ? AND parent IS NOT NULL AND ceiling_ms <= ?', share, nowMs)
    return this.#hasRoomBelow(share, root)
  }

  #hasRoomBelow(share: string, root: string): boolean {
    const row = this.#sql.exec<{ all: number; own: number }>(
      `WITH RECURSIVE derived AS (SELECT id, parent FROM links WHERE share = ?1 AND parent IS NOT NULL),
         below (id) AS (SELECT id FROM derived WHERE parent = ?2 UNION ALL SELECT derived.id FROM derived JOIN below ON derived.parent = below.id)
       SELECT (SELECT count(*) FROM derived) AS "all", (SELECT count(*) FROM below) AS own`,
      share,
      root,
    )
    const { all, own } = row.one()
    return all < MAX_DERIVED_LINKS && own < MAX_DERIVED_LINKS_OF_ONE
  }

  /** Whether so many links may come when the share's others are revoked for good, but for those of agents unless they are meant too. */
  hasRoomFor(share: string, count: number, keepsAgents: boolean): boolean {
    return !keepsAgents || this.#count(share, 'agent') + count <= MAX_LINKS
  }

  /** Whether the share may have a link more. When it has as many rows as it may, one that is over gives way, unless lanes have yet to hear that it is. */
  hasRoom(share: string, nowMs: number): boolean {
    if (this.#count(share) < MAX_LINKS) return true
    const over = this.#sql.exec(
      `DELETE FROM links WHERE share = ?1 AND id = (SELECT id FROM links AS old WHERE share = ?1 AND parent IS NULL AND (revoked = 1 OR expires_at_ms <= ?2)
         AND NOT EXISTS (SELECT 1 FROM untold WHERE share = ?1 AND subject = 'link:' || old.id) ORDER BY revoked DESC, expires_at_ms LIMIT 1)
       RETURNING id`,
      share,
      nowMs,
    )
    return over.toArray().length > 0
  }

  /** A link, revoked ones too. */
  get(share: string, id: string): LinkRecord | undefined {
    const [row] = this.#sql.exec<LinkRow>(`SELECT ${LINK_COLUMNS} FROM links WHERE share = ? AND id = ?`, share, id).toArray()
    return row === undefined ? undefined : recordOf(row)
  }

  /** The links of a share that are not revoked, oldest first; without its people. */
  all(share: string): LinkRecord[] {
    const rows = this.#sql.exec<LinkRow>(
      `SELECT ${LINK_COLUMNS} FROM links WHERE share = ? AND revoked = 0 AND kind <> 'person' ORDER BY created_at_ms, version, id`,
      share,
    )
    return rows.toArray().map(recordOf)
  }

  /** The latest time until which any credential of a share can hold, in milliseconds since 1970. */
  latestCeilingMs(share: string): number {
    const row = this.#sql.exec<{ latest: number | null }>('SELECT max(ceiling_ms) AS latest FROM links WHERE share = ?', share).one()
    return row.latest ?? 0
  }

  /** The people of a share, revoked ones too, oldest first. */
  people(share: string): LinkRecord[] {
    const rows = this.#sql.exec<LinkRow>(
      `SELECT ${LINK_COLUMNS} FROM links WHERE share = ? AND kind = 'person' ORDER BY created_at_ms, version, id`,
      share,
    )
    return rows.toArray().map(recordOf)
  }

  /** Changes a link that is there and not revoked. None outlives its credential. */
  change(share: string, { id, name, expiresAtMs, ceilingMs, policy, limits }: LinkRecord, change: LinkChange, version: number): void {
    this.#sql.exec(
      'UPDATE links SET name = ?, expires_at_ms = ?, revoked = ?, policy = ?, limits = ?, version = ? WHERE share = ? AND id = ?',
      change.name ?? name,
      Math.min(change.expiresAtMs ?? expiresAtMs, ceilingMs),
      change.isRevoked === true ? 1 : 0,
      change.policy ?? policy ?? null,
      change.limits ?? limits ?? null,
      version,
      share,
      id,
    )
  }

  /** Revokes all links of a share for good, but for those of agents unless they are meant too. */
  removeForRotation(share: string, keepsAgents: boolean): void {
    this.#sql.exec("DELETE FROM links WHERE share = ? AND (kind <> 'agent' OR ?)", share, keepsAgents ? 0 : 1)
  }

  /** Forgets the links of a share that is gone. */
  removeAll(share: string): void {
    this.#sql.exec('DELETE FROM links WHERE share = ?', share)
  }

  /** Rows of a share's links, of a kind or of all. */
  #count(share: string, kind?: LinkKind): number {
    const rows = this.#sql.exec<{ count: number }>(
      'SELECT count(*) AS count FROM links WHERE share = ?1 AND parent IS NULL AND kind = coalesce(?2, kind)',
      share,
      kind ?? null,
    )
    return rows.one().count
  }
}

function recordOf({ kind, revoked, policy, parent, limits, maker, ...row }: LinkRow): LinkRecord {
  const facts = {
    ...(policy === null ? {} : { policy }),
    ...(limits === null ? {} : { limits }),
    ...(parent === null ? {} : { parent }),
    ...(maker === null ? {} : { maker }),
  }
  return { ...row, kind: kind as LinkKind, isRevoked: revoked === 1, ...facts }
}
