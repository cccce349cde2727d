/** The share's rows: what must survive sleep and restarts. Written on connect, session start and end, never per call. */
import { MAX_SESSIONS } from '../../limits.ts'
import { BridgeRows } from './bridge-rows.ts'
import type { ShareSettings } from '../../contract/rpc.ts'
import { SHARED_GROUP } from '../../contract/groups.ts'
import { SoleSession } from './sole-session.ts'

/** A legacy session, owned by a principal. */
export interface Session {
  readonly id: string
  readonly principal: string
  readonly transport: 'http' | 'sse'
  /** Its child was started anew, and no result has told its client yet. */
  readonly restarted: boolean
}

/** A request worth repeating: its bytes, and where its id stands. */
export interface Handshake {
  readonly body: Uint8Array
  readonly idFrom: number
  readonly idTo: number
  readonly name: string
}

/** What is kept of a session's requests: for replay, or as `listen` the listen that the relay has for it. */
export type KeptPurpose = 'initialize' | 'level' | 'subscribe' | 'listen'

/** Which child a group of sessions is served by: a session's own, or the shared one. */
export interface ChannelRecord {
  readonly group: string
  readonly generation: number
  readonly agent: string
  readonly instance: string
  readonly open: boolean
  /** Key of the initialize that the relay has replayed and that is not answered yet. */
  readonly handshake: string | undefined
  /** When another instance of an agent took over from the one before, in milliseconds since 1970; 0 when none did. */
  readonly movedAtMs: number
}

/** Stands for the instance of an agent that has left in good order. */
export const DEPARTED = ''

type Row = Record<string, SqlStorageValue>

export class Store {
  readonly bridge: BridgeRows
  readonly sole: SoleSession
  readonly #sql: SqlStorage
  readonly #sessions = new Map<string, Session>()
  readonly #channels = new Map<string, ChannelRecord>()
  /** Groups that are known to have no row: with one child for all, every call asks for a channel of its session's own. */
  readonly #unopened = new Set<string>()
  /** Number of sessions, once it was asked for. */
  #sessionCount: number | undefined
  #settings: ShareSettings | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
    this.bridge = new BridgeRows(sql)
    this.sole = new SoleSession(sql)
    const [made] = sql.exec<{ made: number }>("SELECT count(*) AS made FROM sqlite_master WHERE name = 'share'").toArray()
    // An object that was only asked about writes nothing: its storage stays empty.
    if (made?.made === 1) this.#settings = this.#readSettings()
  }

  /** The share, or undefined when it was never made or has been revoked. */
  get settings(): ShareSettings | undefined {
    return this.#settings
  }

  create(settings: ShareSettings): void {
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS share (one INTEGER PRIMARY KEY CHECK (one = 1), settings TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS session (id TEXT PRIMARY KEY, principal TEXT NOT NULL, transport TEXT NOT NULL, started_at_ms INTEGER NOT NULL, restarted INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS handshake (session TEXT, purpose TEXT, name TEXT, body BLOB NOT NULL, id_from INTEGER NOT NULL, id_to INTEGER NOT NULL, PRIMARY KEY (session, purpose, name)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS channel (grp TEXT PRIMARY KEY, generation INTEGER NOT NULL, agent TEXT NOT NULL, instance TEXT NOT NULL, open INTEGER NOT NULL, handshake TEXT, moved_at_ms INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS link (name TEXT PRIMARY KEY, instance TEXT NOT NULL, lost_at_ms INTEGER) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS snapshot (grp TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    `)
    this.bridge.create()
    this.sole.create()
    this.#sql.exec('INSERT OR REPLACE INTO share VALUES (1, ?)', JSON.stringify(settings))
    this.#settings = settings
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#settings = undefined
    this.bridge.forget()
    this.#sessions.clear()
    this.#sessionCount = undefined
    this.#channels.clear()
    this.#unopened.clear()
  }

  session(id: string): Session | undefined {
    const known = this.#sessions.get(id)
    if (known !== undefined) return known
    const [row] = this.#sql.exec('SELECT principal, transport, restarted FROM session WHERE id = ?', id).toArray()
    if (row === undefined) return undefined
    const session: Session = {
      id,
      principal: text(row, 'principal'),
      transport: row['transport'] === 'sse' ? 'sse' : 'http',
      restarted: row['restarted'] === 1,
    }
    this.#sessions.set(id, session)
    return session
  }

  /** Read from the rows once, since that reads them all. */
  sessionCount(): number {
    this.#sessionCount ??= this.#sql.exec<{ count: number }>('SELECT count(*) AS count FROM session').one().count
    return this.#sessionCount
  }

  /** Whether there is more than one session; cheaper than counting them, for what is asked per message. */
  hasSeveralSessions(): boolean {
    return this.#sql.exec('SELECT id FROM session LIMIT 2').toArray().length > 1
  }

  /** Ids of all sessions, oldest first. */
  sessionIds(): string[] {
    return this.#sql
      .exec<{ id: string }>('SELECT id FROM session ORDER BY started_at_ms')
      .toArray()
      .map((row) => row.id)
  }

  /** For a session that there is none of. */
  startSession(id: string, principal: string, transport: 'http' | 'sse', nowMs: number): Session {
    this.#sql.exec('INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, 0)', id, principal, transport, nowMs)
    if (this.#sessionCount !== undefined) this.#sessionCount++
    this.sole.began(id)
    const session: Session = { id, principal, transport, restarted: false }
    this.#sessions.set(id, session)
    return session
  }

  /** Notes that a session's child, or that of all sessions, was started anew. */
  markRestarted(id?: string): void {
    this.#sql.exec('UPDATE session SET restarted = 1 WHERE ?1 IS NULL OR id = ?1', id ?? null)
    if (id === undefined) this.#sessions.clear()
    else this.#sessions.delete(id)
  }

  clearRestarted(id: string): void {
    this.#sql.exec('UPDATE session SET restarted = 0 WHERE id = ?', id)
    this.#sessions.delete(id)
  }

  endSession(id: string): void {
    this.#sessions.delete(id)
    const { rowsWritten } = this.#sql.exec('DELETE FROM session WHERE id = ?', id)
    if (this.#sessionCount !== undefined && rowsWritten > 0) this.#sessionCount--
    this.#sql.exec('DELETE FROM handshake WHERE session = ?', id)
    this.dropChannel(id)
  }

  /** Forgets a group and what its child said of itself. */
  dropChannel(group: string): void {
    this.#channels.delete(group)
    this.#unopened.delete(group)
    this.#sql.exec('DELETE FROM channel WHERE grp = ?', group)
    this.#sql.exec('DELETE FROM snapshot WHERE grp = ?', group)
  }

  /** Keeps a request for replay; one of the same purpose and name is replaced, and there is one log level and one listen. */
  keepHandshake(session: string, purpose: KeptPurpose, kept: Handshake): void {
    if (purpose === 'level' || purpose === 'listen')
      this.#sql.exec('DELETE FROM handshake WHERE session = ? AND purpose = ?', session, purpose)
    this.#sql.exec(
      'INSERT OR REPLACE INTO handshake VALUES (?, ?, ?, ?, ?, ?)',
      session,
      purpose,
      kept.name,
      kept.body,
      kept.idFrom,
      kept.idTo,
    )
  }

  dropSubscription(session: string, uri: string): void {
    this.#sql.exec("DELETE FROM handshake WHERE session = ? AND purpose = 'subscribe' AND name = ?", session, uri)
  }

  handshakes(session: string, purpose: KeptPurpose): Handshake[] {
    return this.#sql
      .exec('SELECT name, body, id_from, id_to FROM handshake WHERE session = ? AND purpose = ?', session, purpose)
      .toArray()
      .map(readHandshake)
  }

  /** Number of subscriptions of a session to other resources than this one. */
  otherSubscriptions(session: string, uri: string): number {
    return this.#sql
      .exec<{ count: number }>(
        "SELECT count(*) AS count FROM handshake WHERE session = ? AND purpose = 'subscribe' AND name <> ?",
        session,
        uri,
      )
      .one().count
  }

  /** Sessions that subscribe to a resource, and all kept requests of one purpose, for the child that serves many. */
  subscribers(uri: string): string[] {
    return this.#sql
      .exec<{ session: string }>("SELECT session FROM handshake WHERE purpose = 'subscribe' AND name = ?", uri)
      .toArray()
      .map((row) => row.session)
  }

  allHandshakes(purpose: 'level' | 'subscribe'): Handshake[] {
    return this.#sql
      .exec('SELECT name, body, id_from, id_to FROM handshake WHERE purpose = ? GROUP BY name', purpose)
      .toArray()
      .map(readHandshake)
  }

  channel(group: string): ChannelRecord | undefined {
    const known = this.#channels.get(group)
    if (known !== undefined) return known
    if (this.#unopened.has(group)) return undefined
    const [row] = this.#sql
      .exec('SELECT generation, agent, instance, open, handshake, moved_at_ms FROM channel WHERE grp = ?', group)
      .toArray()
    if (row === undefined) {
      if (this.#unopened.size >= MAX_SESSIONS) this.#unopened.clear()
      this.#unopened.add(group)
      return undefined
    }
    const record = {
      group,
      generation: Number(row['generation']),
      agent: text(row, 'agent'),
      instance: text(row, 'instance'),
      open: row['open'] === 1,
      handshake: typeof row['handshake'] === 'string' ? row['handshake'] : undefined,
      movedAtMs: Number(row['moved_at_ms']),
    }
    this.#channels.set(group, record)
    return record
  }

  putChannel(record: ChannelRecord): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO channel VALUES (?, ?, ?, ?, ?, ?, ?)',
      record.group,
      record.generation,
      record.agent,
      record.instance,
      record.open ? 1 : 0,
      record.handshake ?? null,
      record.movedAtMs,
    )
    this.#unopened.delete(record.group)
    this.#channels.set(record.group, record)
    if (record.group === SHARED_GROUP) this.sole.opened(record.generation)
  }

  /** Whether any client of today has had a child. */
  hasChannels(): boolean {
    return this.#sql.exec('SELECT grp FROM channel LIMIT 1').toArray().length > 0
  }

  /** Channels that were opened on an agent and have not died. */
  openChannels(agent: string): number {
    return this.#sql.exec<{ count: number }>('SELECT count(*) AS count FROM channel WHERE agent = ? AND open = 1', agent).one().count
  }

  /** The open channels of an agent. */
  channelsOf(agent: string): ChannelRecord[] {
    const groups = this.#sql.exec<{ grp: string }>('SELECT grp FROM channel WHERE agent = ? AND open = 1', agent).toArray()
    return groups.flatMap(({ grp }) => this.channel(grp) ?? [])
  }

  /** Instance that last connected under this name, and since when its link is lost. */
  link(name: string): { readonly instance: string; readonly lostAtMs: number | undefined } | undefined {
    const [row] = this.#sql.exec('SELECT instance, lost_at_ms FROM link WHERE name = ?', name).toArray()
    return row === undefined
      ? undefined
      : { instance: text(row, 'instance'), lostAtMs: typeof row['lost_at_ms'] === 'number' ? row['lost_at_ms'] : undefined }
  }

  putLink(name: string, instance: string, lostAtMs?: number): void {
    this.#sql.exec('INSERT OR REPLACE INTO link VALUES (?, ?, ?)', name, instance, lostAtMs ?? null)
  }

  lostLinks(): { readonly name: string; readonly lostAtMs: number }[] {
    return this.#sql
      .exec<{ name: string; lostAtMs: number }>('SELECT name, lost_at_ms AS lostAtMs FROM link WHERE lost_at_ms IS NOT NULL')
      .toArray()
  }

  /** Links that, as far as the rows know, are connected. */
  openLinks(): { readonly name: string; readonly instance: string }[] {
    return this.#sql.exec<{ name: string; instance: string }>('SELECT name, instance FROM link WHERE lost_at_ms IS NULL').toArray()
  }

  dropLink(name: string): void {
    this.#sql.exec('DELETE FROM link WHERE name = ?', name)
  }

  /** What a group's child answered to the relay's own initialize or server/discover. */
  snapshot(group: string): Uint8Array | undefined {
    const [row] = this.#sql.exec<{ body: ArrayBuffer }>('SELECT body FROM snapshot WHERE grp = ?', group).toArray()
    return row === undefined ? undefined : new Uint8Array(row.body)
  }

  dropSnapshot(group: string): void {
    this.#sql.exec('DELETE FROM snapshot WHERE grp = ?', group)
  }

  putSnapshot(group: string, body: Uint8Array): void {
    this.#sql.exec('INSERT OR REPLACE INTO snapshot VALUES (?, ?)', group, body)
  }

  totalChanges(): number {
    return this.#sql.exec<{ changes: number }>('SELECT total_changes() AS changes').one().changes
  }

  #readSettings(): ShareSettings | undefined {
    const [row] = this.#sql.exec<{ settings: string }>('SELECT settings FROM share').toArray()
    return row === undefined ? undefined : (JSON.parse(row.settings) as ShareSettings)
  }
}

function text(row: Row, column: string): string {
  const value = row[column]
  return typeof value === 'string' ? value : ''
}

function readHandshake(row: Row): Handshake {
  const body = row['body']
  return {
    body: body instanceof ArrayBuffer ? new Uint8Array(body) : new Uint8Array(0),
    idFrom: Number(row['id_from']),
    idTo: Number(row['id_to']),
    name: text(row, 'name'),
  }
}
