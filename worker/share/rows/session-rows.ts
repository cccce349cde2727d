/** Rows of sessions. Written when a session starts or ends and when its child is started anew, never per call. */
import type { SoleSession } from './sole-session.ts'

/** A session of the handshake era, owned by a principal. */
export interface Session {
  readonly id: string
  readonly principal: string
  readonly transport: 'http' | 'sse'
  /** Its child was started anew, and no result has told its client yet. */
  readonly restarted: boolean
}

/** A session, and when it began, in milliseconds since 1970. */
export interface StartedSession extends Session {
  readonly startedAtMs: number
}

type StartedColumns = { id: string; principal: string; transport: string; restarted: number; startedAtMs: number }

/** Of principals in a JSON list. */
const AMONG = 'principal IN (SELECT value FROM json_each(?))'
const STARTED_COLUMNS = 'id, principal, transport, restarted, started_at_ms AS startedAtMs'

export class SessionRows {
  readonly #sql: SqlStorage
  readonly #sole: SoleSession
  /** Rows that were read. */
  readonly #known = new Map<string, Session>()
  /** Number of sessions, once it was asked for. */
  #count: number | undefined

  constructor(sql: SqlStorage, sole: SoleSession) {
    this.#sql = sql
    this.#sole = sole
  }

  create(): void {
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS session (id TEXT PRIMARY KEY, principal TEXT NOT NULL, transport TEXT NOT NULL, started_at_ms INTEGER NOT NULL, restarted INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS session_by_principal ON session (principal, started_at_ms);
    `)
  }

  /** Forgets everything in memory. */
  forget(): void {
    this.#known.clear()
    this.#count = undefined
  }

  get(id: string): Session | undefined {
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const [row] = this.#sql
      .exec<{ principal: string; transport: string; restarted: number }>(
        'SELECT principal, transport, restarted FROM session WHERE id = ?',
        id,
      )
      .toArray()
    if (row === undefined) return undefined
    const { principal, transport, restarted } = row
    const session: Session = { id, principal, transport: transport === 'sse' ? 'sse' : 'http', restarted: restarted === 1 }
    this.#known.set(id, session)
    return session
  }

  /** How many there are; read from the rows once, since that reads them all. */
  count(): number {
    this.#count ??= this.#sql.exec<{ count: number }>('SELECT count(*) AS count FROM session').one().count
    return this.#count
  }

  /** How many these principals have. */
  countOf(principals: readonly string[]): number {
    return this.#sql.exec<{ count: number }>(`SELECT count(*) AS count FROM session WHERE ${AMONG}`, JSON.stringify(principals)).one().count
  }

  /** Ids of these principals' sessions, oldest first. */
  idsOf(principals: readonly string[]): string[] {
    return this.#sql
      .exec<{ id: string }>(`SELECT id FROM session WHERE ${AMONG} ORDER BY started_at_ms`, JSON.stringify(principals))
      .toArray()
      .map((row) => row.id)
  }

  /** All principals that have any. */
  principals(): string[] {
    return this.#sql
      .exec<{ principal: string }>('SELECT DISTINCT principal FROM session')
      .toArray()
      .map((row) => row.principal)
  }

  /** Ids of a principal's newest sessions that are over HTTP+SSE, newest first. */
  newestOverSse(principal: string, limit: number): string[] {
    return this.#sql
      .exec<{ id: string }>(
        "SELECT id FROM session WHERE principal = ? AND transport = 'sse' ORDER BY started_at_ms DESC LIMIT ?",
        principal,
        limit,
      )
      .toArray()
      .map((row) => row.id)
  }

  /** Whether its principal has begun another since. */
  isSucceeded(id: string): boolean {
    const later = 'SELECT 1 FROM session AS later, session WHERE session.id = ? AND later.principal = session.principal'
    return this.#sql.exec(`${later} AND later.started_at_ms > session.started_at_ms LIMIT 1`, id).toArray().length > 0
  }

  /** Ids of the newest sessions that its principal has begun since, newest first. */
  successorsOf(id: string, limit: number): string[] {
    return this.#sql
      .exec<{ id: string }>(
        `SELECT later.id AS id FROM session AS later, session WHERE session.id = ? AND later.principal = session.principal
          AND later.started_at_ms > session.started_at_ms ORDER BY later.started_at_ms DESC LIMIT ?`,
        id,
        limit,
      )
      .toArray()
      .map((row) => row.id)
  }

  /** How many each principal has; this reads all of them. */
  counts(): { readonly principal: string; readonly count: number }[] {
    return this.#sql
      .exec<{ principal: string; count: number }>('SELECT principal, count(*) AS count FROM session GROUP BY principal')
      .toArray()
  }

  /** Whether there is more than one; cheaper than counting them, for what is asked per message. */
  hasSeveral(): boolean {
    return this.#sql.exec('SELECT id FROM session LIMIT 2').toArray().length > 1
  }

  /** Ids of all sessions, oldest first. */
  ids(): string[] {
    return this.#sql
      .exec<{ id: string }>('SELECT id FROM session ORDER BY started_at_ms')
      .toArray()
      .map((row) => row.id)
  }

  /** The newest sessions, newest first; this reads all of them. */
  newest(limit: number): StartedSession[] {
    return this.#sql
      .exec<StartedColumns>(`SELECT ${STARTED_COLUMNS} FROM session ORDER BY started_at_ms DESC, id LIMIT ?`, limit)
      .toArray()
      .map(startedOf)
  }

  /** The session whose id begins so. */
  beginningWith(prefix: string): StartedSession | undefined {
    // Ids have no character behind the tilde.
    const range = this.#sql.exec<StartedColumns>(`SELECT ${STARTED_COLUMNS} FROM session WHERE id >= ?1 AND id < ?1 || '~' LIMIT 2`, prefix)
    const [row, ...others] = range.toArray()
    return row === undefined || others.length > 0 ? undefined : startedOf(row)
  }

  /** For an id that no session has. */
  start(id: string, principal: string, transport: 'http' | 'sse', nowMs: number): Session {
    this.#sql.exec('INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, 0)', id, principal, transport, nowMs)
    if (this.#count !== undefined) this.#count++
    this.#sole.began(id)
    const session: Session = { id, principal, transport, restarted: false }
    this.#known.set(id, session)
    return session
  }

  /** Notes that the child of a session was started anew; without an id, the child that all sessions share. */
  markRestarted(id?: string): void {
    this.#sql.exec('UPDATE session SET restarted = 1 WHERE ?1 IS NULL OR id = ?1', id ?? null)
    if (id === undefined) this.#known.clear()
    else this.#known.delete(id)
  }

  /** It is another principal's from now on. */
  claim(id: string, principal: string): void {
    this.#sql.exec('UPDATE session SET principal = ? WHERE id = ?', principal, id)
    this.#known.delete(id)
  }

  clearRestarted(id: string): void {
    this.#sql.exec('UPDATE session SET restarted = 0 WHERE id = ?', id)
    this.#known.delete(id)
  }

  drop(id: string): void {
    this.#known.delete(id)
    const { rowsWritten } = this.#sql.exec('DELETE FROM session WHERE id = ?', id)
    if (this.#count !== undefined && rowsWritten > 0) this.#count--
  }
}

function startedOf({ transport, restarted, ...row }: StartedColumns): StartedSession {
  return { ...row, transport: transport === 'sse' ? 'sse' : 'http', restarted: restarted === 1 }
}
