/** Rows of the channel of each group of clients, and of what its child said of itself. Written when a channel opens or dies, never per call. */
import { MAX_SESSIONS } from '../../limits.ts'
import { BESIDE_MARK, besidePrefix, routedPrefix, SHARED_GROUP } from '../../contract/groups.ts'
import type { SoleSession } from './sole-session.ts'

/** The child that serves a group, or that has served it last. */
export interface ChannelRecord {
  readonly group: string
  readonly generation: number
  readonly agent: string
  readonly instance: string
  readonly open: boolean
  /** Key of the handshake that the relay has sent and that is not answered yet. */
  readonly handshake: string | undefined
  /** When another instance of an agent took over from the one before, in milliseconds since 1970; 0 when none did. */
  readonly movedAtMs: number
  /** The principal whose child it is; none for a child that serves all. */
  readonly owner: string | undefined
}

type Columns = {
  owner: string | null
  generation: number
  agent: string
  instance: string
  open: number
  handshake: string | null
  moved_at_ms: number
}

export class ChannelRows {
  readonly #sql: SqlStorage
  readonly #sole: SoleSession
  /** Rows that were read. */
  readonly #known = new Map<string, ChannelRecord>()
  /** The latest generation of any group that was retired, once read from its row. */
  #retired: number | undefined
  /** Groups that are known to have no row: with one child for all, every call asks for a channel of its session's own. */
  readonly #unopened = new Set<string>()

  constructor(sql: SqlStorage, sole: SoleSession) {
    this.#sql = sql
    this.#sole = sole
  }

  create(): void {
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS channel (grp TEXT PRIMARY KEY, generation INTEGER NOT NULL, agent TEXT NOT NULL, instance TEXT NOT NULL, open INTEGER NOT NULL, handshake TEXT, moved_at_ms INTEGER NOT NULL, owner TEXT) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS channel_by_agent ON channel (agent, open);
      CREATE TABLE IF NOT EXISTS retired (one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS snapshot (grp TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    `)
    // A table of the time before there were owners has no column for them.
    const owned = this.#sql.exec("SELECT name FROM pragma_table_info('channel') WHERE name = 'owner'").toArray()
    if (owned.length === 0) this.#sql.exec('ALTER TABLE channel ADD COLUMN owner TEXT')
  }

  /** Forgets everything in memory. */
  forget(): void {
    this.#retired = undefined
    this.#known.clear()
    this.#unopened.clear()
  }

  get(group: string): ChannelRecord | undefined {
    const known = this.#known.get(group)
    if (known !== undefined) return known
    if (this.#unopened.has(group)) return undefined
    const [row] = this.#sql
      .exec<Columns>('SELECT generation, agent, instance, open, handshake, moved_at_ms, owner FROM channel WHERE grp = ?', group)
      .toArray()
    if (row === undefined) {
      if (this.#unopened.size >= MAX_SESSIONS) this.#unopened.clear()
      this.#unopened.add(group)
      return undefined
    }
    const { generation, agent, instance, open, moved_at_ms: movedAtMs } = row
    const [handshake, owner] = [row.handshake ?? undefined, row.owner ?? undefined]
    const record = { group, generation, agent, instance, open: open === 1, handshake, movedAtMs, owner }
    this.#known.set(group, record)
    return record
  }

  put(record: ChannelRecord): void {
    const { group, generation, agent, instance, open, handshake, movedAtMs, owner } = record
    this.#sql.exec(
      'INSERT OR REPLACE INTO channel VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      group,
      generation,
      agent,
      instance,
      open ? 1 : 0,
      handshake ?? null,
      movedAtMs,
      owner ?? null,
    )
    this.#unopened.delete(group)
    this.#known.set(group, record)
    if (group === SHARED_GROUP) this.#sole.opened(generation)
  }

  /** Forgets a group and what its child said of itself. */
  drop(group: string): void {
    this.#known.delete(group)
    this.#unopened.delete(group)
    this.#sql.exec('DELETE FROM channel WHERE grp = ?', group)
    this.dropSnapshot(group)
  }

  /**
   * Forgets a group of clients without sessions, of which nothing else tells when they are gone: they may come again, and a
   * channel's name must not. One row always stays, which tells that there was an agent.
   */
  retire(record: ChannelRecord): boolean {
    if (this.#sql.exec('SELECT grp FROM channel LIMIT 2').toArray().length < 2) return false
    this.#retired = Math.max(this.#retiredGeneration(), record.generation)
    this.#sql.exec('INSERT OR REPLACE INTO retired VALUES (1, ?)', this.#retired)
    this.drop(record.group)
    return true
  }

  /** The generation of the next child of a group without sessions. */
  nextGeneration(group: string): number {
    return (this.get(group)?.generation ?? this.#retiredGeneration()) + 1
  }

  #retiredGeneration(): number {
    const [row] = this.#retired === undefined ? this.#sql.exec<{ generation: number }>('SELECT generation FROM retired').toArray() : []
    return (this.#retired ??= row?.generation ?? 0)
  }

  /** Whether any group of clients has had a child. */
  hasAny(): boolean {
    return this.#sql.exec('SELECT grp FROM channel LIMIT 1').toArray().length > 0
  }

  /** The groups of children that serve the clients of a group on other agents. */
  besides(group: string): string[] {
    return [...this.#named(besidePrefix(group)), ...this.routed(group)]
  }

  /** Those of them that serve calls which go by name. */
  routed(group: string): string[] {
    return this.#named(routedPrefix(group))
  }

  #named(prefix: string): string[] {
    return this.#sql
      .exec<{ grp: string }>('SELECT grp FROM channel WHERE grp >= ? AND grp < ?', prefix, `${prefix}~`)
      .toArray()
      .map(({ grp }) => grp)
  }

  /** Those of all groups whose channel is open. */
  openBesides(): string[] {
    return this.#sql
      .exec<{ grp: string }>('SELECT grp FROM channel WHERE open = 1 AND instr(grp, ?) > 0', BESIDE_MARK)
      .toArray()
      .map(({ grp }) => grp)
  }

  /** The open channels of an agent. */
  openOn(agent: string): ChannelRecord[] {
    const groups = this.#sql.exec<{ grp: string }>('SELECT grp FROM channel WHERE agent = ? AND open = 1', agent).toArray()
    return groups.flatMap(({ grp }) => this.get(grp) ?? [])
  }

  /** The open channels of children that are somebody's: their groups, and the principals. */
  owned(): { readonly group: string; readonly owner: string }[] {
    return this.#sql
      .exec<{ group: string; owner: string }>('SELECT grp AS "group", owner FROM channel WHERE open = 1 AND owner IS NOT NULL')
      .toArray()
  }

  countOpenOn(agent: string): number {
    return this.#sql.exec<{ count: number }>('SELECT count(*) AS count FROM channel WHERE agent = ? AND open = 1', agent).one().count
  }

  /** What a group's child answered to the relay's own initialize or server/discover. */
  snapshot(group: string): Uint8Array | undefined {
    const [row] = this.#sql.exec<{ body: ArrayBuffer }>('SELECT body FROM snapshot WHERE grp = ?', group).toArray()
    return row === undefined ? undefined : new Uint8Array(row.body)
  }

  putSnapshot(group: string, body: Uint8Array): void {
    this.#sql.exec('INSERT OR REPLACE INTO snapshot VALUES (?, ?)', group, body)
  }

  dropSnapshot(group: string): void {
    this.#sql.exec('DELETE FROM snapshot WHERE grp = ?', group)
  }
}
