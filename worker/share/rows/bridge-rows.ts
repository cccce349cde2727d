/** Rows of calls between the eras: calls that wait for input, calls that their clients have left, names that are known to ask, requests for roots that wait, and listens. */
import type { SubscriptionFilter } from '../../bridge/listen.ts'
import { groupOf } from '../../contract/groups.ts'
import { MAX_ASKERS } from '../../asking-limits.ts'
import { MAX_ROW_BYTES } from '../../limits.ts'
import type { KeptCall, ParkedRow } from '../../contract/share-rpc.ts'

export interface Listen {
  readonly key: string
  readonly group: string
  readonly filter: SubscriptionFilter
}

interface KeptRow extends KeptCall {
  readonly key: string
  readonly session: string
  readonly expiresAtMs: number
}

const encoder = new TextEncoder()

export class BridgeRows {
  readonly #sql: SqlStorage
  #askers: Set<string> | undefined
  #listens: Map<string, Listen> | undefined
  #waitingRoots: Map<string, readonly string[]> | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  create(): void {
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS parked (handle TEXT PRIMARY KEY, ch TEXT NOT NULL, taken INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, call TEXT NOT NULL) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS parked_by_channel ON parked (ch, taken);
      CREATE INDEX IF NOT EXISTS parked_by_time ON parked (expires_at_ms);
      CREATE TABLE IF NOT EXISTS asker (name TEXT PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, session TEXT NOT NULL, request BLOB NOT NULL, asked BLOB, expires_at_ms INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS waiting_roots (ch TEXT, raw_id TEXT, PRIMARY KEY (ch, raw_id)) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS kept_by_session ON kept (session);
      CREATE INDEX IF NOT EXISTS kept_by_time ON kept (expires_at_ms);
      CREATE TABLE IF NOT EXISTS listen (key TEXT PRIMARY KEY, grp TEXT NOT NULL, filter TEXT NOT NULL) WITHOUT ROWID;
    `)
  }

  /** Forgets everything in memory. */
  forget(): void {
    this.#askers = undefined
    this.#listens = undefined
    this.#waitingRoots = undefined
  }

  parked(handle: string): ParkedRow | undefined {
    const [row] = this.#sql.exec<{ call: string }>('SELECT call FROM parked WHERE handle = ?', handle).toArray()
    return row === undefined ? undefined : (JSON.parse(row.call) as ParkedRow)
  }

  /** False for a new one that is larger than MAX_ROW_BYTES: then it is not kept. */
  putParked(row: ParkedRow): boolean {
    const text = JSON.stringify(row)
    if (row.takenBy === undefined && encoder.encode(text).length > MAX_ROW_BYTES) return false
    this.#sql.exec(
      'INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?)',
      row.handle,
      row.channel,
      row.takenBy === undefined ? 0 : 1,
      row.expiresAtMs,
      text,
    )
    return true
  }

  /** The calls that wait on this channel for their clients, and whether it is only roots that they are asked for. */
  parkedOn(ch: string): { readonly key: string; readonly isForRoots: boolean }[] {
    const rows = this.#sql.exec<{ call: string }>('SELECT call FROM parked WHERE ch = ? AND taken = 0', ch).toArray()
    return rows.map(({ call: text }) => {
      const { call, asks } = JSON.parse(text) as ParkedRow
      return { key: call, isForRoots: asks.every(({ method }) => method === 'roots/list') }
    })
  }

  /** Ids of the requests for roots of this channel's child that wait for an answer, oldest first. */
  waitingRoots(ch: string): readonly string[] {
    return this.#knownWaitingRoots().get(ch) ?? []
  }

  putWaitingRoots(ch: string, rawId: string): void {
    this.#knownWaitingRoots().set(ch, [...this.waitingRoots(ch).filter((other) => other !== rawId), rawId])
    this.#sql.exec('INSERT OR REPLACE INTO waiting_roots VALUES (?, ?)', ch, rawId)
  }

  dropWaitingRoots(ch: string, rawId: string): void {
    const waiting = this.waitingRoots(ch)
    if (!waiting.includes(rawId)) return
    const rest = waiting.filter((other) => other !== rawId)
    if (rest.length === 0) this.#knownWaitingRoots().delete(ch)
    else this.#knownWaitingRoots().set(ch, rest)
    this.#sql.exec('DELETE FROM waiting_roots WHERE ch = ? AND raw_id = ?', ch, rawId)
  }

  parkedCount(): number {
    return this.#sql.exec<{ count: number }>('SELECT count(*) AS count FROM parked').one().count
  }

  /** Removes and returns the calls whose time is over. */
  takeParkedBefore(nowMs: number): ParkedRow[] {
    const rows = this.#sql.exec<{ call: string }>('SELECT call FROM parked WHERE expires_at_ms <= ?', nowMs).toArray()
    if (rows.length > 0) this.#sql.exec('DELETE FROM parked WHERE expires_at_ms <= ?', nowMs)
    return rows.map(({ call }) => JSON.parse(call) as ParkedRow)
  }

  /** When the next parked call expires, in milliseconds since 1970. */
  nextParkedMs(): number | undefined {
    return this.#sql.exec<{ next: number | null }>('SELECT min(expires_at_ms) AS next FROM parked').one().next ?? undefined
  }

  /** A session's call that a Worker may go on with. */
  kept(key: string, session: string): KeptCall | undefined {
    const [row] = this.#sql
      .exec<{ request: ArrayBuffer; asked: ArrayBuffer | null }>(
        'SELECT request, asked FROM kept WHERE key = ? AND session = ?',
        key,
        session,
      )
      .toArray()
    if (row === undefined) return undefined
    const { request, asked } = row
    return { request: new Uint8Array(request), ...(asked === null ? {} : { asked: new Uint8Array(asked) }) }
  }

  /** Keeps a call; `asked` of an earlier time stays unless there is a new one. */
  putKept({ key, session, request, asked, expiresAtMs }: KeptRow): void {
    this.#sql.exec(
      'INSERT INTO kept VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (key) DO UPDATE SET asked = coalesce(excluded.asked, asked), expires_at_ms = excluded.expires_at_ms WHERE session = excluded.session',
      key,
      session,
      request,
      asked ?? null,
      expiresAtMs,
    )
  }

  keptCount(): number {
    return this.#sql.exec<{ count: number }>('SELECT count(*) AS count FROM kept').one().count
  }

  /** Drops what was kept for a session. */
  dropKept(session: string): void {
    this.#sql.exec('DELETE FROM kept WHERE session = ?', session)
  }

  dropKeptBefore(nowMs: number): void {
    this.#sql.exec('DELETE FROM kept WHERE expires_at_ms <= ?', nowMs)
  }

  /** When the next kept call expires, in milliseconds since 1970. */
  nextKeptMs(): number | undefined {
    return this.#sql.exec<{ next: number | null }>('SELECT min(expires_at_ms) AS next FROM kept').one().next ?? undefined
  }

  /** Whether requests of this name were seen asking their client. */
  isAsker(name: string): boolean {
    return this.#knownAskers().has(name)
  }

  markAsker(name: string): void {
    const known = this.#knownAskers()
    // Names beyond the cap: their asks are refused while other calls run on the child.
    if (known.has(name) || known.size >= MAX_ASKERS) return
    known.add(name)
    this.#sql.exec('INSERT OR REPLACE INTO asker VALUES (?)', name)
  }

  /** Drops the requests for roots of a group's children, but of one channel. */
  dropWaitingRootsOf(group: string, exceptCh: string | undefined): void {
    for (const [ch, rawIds] of this.#knownWaitingRoots())
      if (groupOf(ch) === group && ch !== exceptCh) for (const rawId of rawIds) this.dropWaitingRoots(ch, rawId)
  }

  listen(key: string): Listen | undefined {
    return this.#knownListens().get(key)
  }

  listens(group: string): Listen[] {
    return [...this.#knownListens().values()].filter((listen) => listen.group === group)
  }

  allListens(): Listen[] {
    return [...this.#knownListens().values()]
  }

  putListen(key: string, group: string, filter: SubscriptionFilter): void {
    this.#knownListens().set(key, { key, group, filter })
    this.#sql.exec('INSERT OR REPLACE INTO listen VALUES (?, ?, ?)', key, group, JSON.stringify(filter))
  }

  dropListen(key: string): void {
    this.#knownListens().delete(key)
    this.#sql.exec('DELETE FROM listen WHERE key = ?', key)
  }

  #knownAskers(): Set<string> {
    this.#askers ??= new Set(
      this.#sql
        .exec<{ name: string }>('SELECT name FROM asker')
        .toArray()
        .map(({ name }) => name),
    )
    return this.#askers
  }

  #knownWaitingRoots(): Map<string, readonly string[]> {
    if (this.#waitingRoots !== undefined) return this.#waitingRoots
    const waiting = new Map<string, readonly string[]>()
    for (const { ch, raw_id: rawId } of this.#sql.exec<{ ch: string; raw_id: string }>('SELECT ch, raw_id FROM waiting_roots').toArray())
      waiting.set(ch, [...(waiting.get(ch) ?? []), rawId])
    this.#waitingRoots = waiting
    return waiting
  }

  #knownListens(): Map<string, Listen> {
    if (this.#listens !== undefined) return this.#listens
    const rows = this.#sql.exec<{ key: string; grp: string; filter: string }>('SELECT key, grp, filter FROM listen').toArray()
    this.#listens = new Map(
      rows.map(({ key, grp, filter }) => [key, { key, group: grp, filter: JSON.parse(filter) as SubscriptionFilter }]),
    )
    return this.#listens
  }
}
