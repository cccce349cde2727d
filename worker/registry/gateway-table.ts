/** Servers that are registered by name, and sessions that are made for them, of each owner apart. Synchronous. What is over counts as gone, and its row goes with the next that is written. */
import type { GatewayKey, GatewaySession, GatewayStats, RegisteredServer } from '../contract/registry/gateway-rpc.ts'
import { GATEWAY_STALE_MS, MAX_GATEWAY_SERVERS, MAX_GATEWAY_SESSIONS } from '../foreign-limits.ts'

type ServerRow = {
  readonly name: string
  readonly share: string
  readonly backend: string
  readonly metadata: string
  readonly registeredAtMs: number
}
type SessionRow = {
  readonly user: string
  readonly name: string
  readonly type: string
  readonly share: string
  readonly backend: string
  readonly link: string
  readonly createdAtMs: number
  readonly endsAtMs: number
}

const SERVER_COLUMNS = 'name, share, backend, metadata, registered_at_ms AS registeredAtMs'
const SESSION_COLUMNS = 'user, name, type, share, backend, link, created_at_ms AS createdAtMs, ends_at_ms AS endsAtMs'

export class GatewayTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS gateway_server (owner TEXT NOT NULL, name TEXT NOT NULL, share TEXT NOT NULL, backend TEXT NOT NULL, metadata TEXT NOT NULL, registered_at_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, PRIMARY KEY (owner, name)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS gateway_session (owner TEXT NOT NULL, user TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, share TEXT NOT NULL, backend TEXT NOT NULL, link TEXT NOT NULL, created_at_ms INTEGER NOT NULL, ends_at_ms INTEGER NOT NULL, PRIMARY KEY (owner, user, name, type)) WITHOUT ROWID;
    `)
  }

  /** A server that was heard of lately. */
  server(owner: string, name: string, nowMs: number): RegisteredServer | undefined {
    const query = `SELECT ${SERVER_COLUMNS} FROM gateway_server WHERE owner = ? AND name = ? AND seen_ms > ?`
    return this.#sql.exec<ServerRow>(query, owner, name, nowMs - GATEWAY_STALE_MS).toArray()[0]
  }

  /** Takes down a server, or that it is there still; false when its owner has as many as there may be. */
  register(owner: string, server: RegisteredServer, nowMs: number): boolean {
    this.#sql.exec('DELETE FROM gateway_server WHERE owner = ? AND seen_ms <= ?', owner, nowMs - GATEWAY_STALE_MS)
    const { name, share, backend, metadata, registeredAtMs } = server
    if (this.server(owner, name, nowMs) === undefined && this.#count('gateway_server', owner) >= MAX_GATEWAY_SERVERS) return false
    const row = [owner, name, share, backend, metadata, registeredAtMs, nowMs]
    this.#sql.exec('INSERT OR REPLACE INTO gateway_server VALUES (?, ?, ?, ?, ?, ?, ?)', ...row)
    return true
  }

  /** The session of a key, also one that is over. */
  session(owner: string, { user, name, type }: GatewayKey): GatewaySession | undefined {
    const query = `SELECT ${SESSION_COLUMNS} FROM gateway_session WHERE owner = ? AND user = ? AND name = ? AND type = ?`
    return this.#sql.exec<SessionRow>(query, owner, user, name, type).toArray()[0]
  }

  /** Whether a session more may be kept, beside those that are not over. */
  hasRoomFor(owner: string, key: GatewayKey, nowMs: number): boolean {
    this.#sql.exec('DELETE FROM gateway_session WHERE owner = ? AND ends_at_ms <= ?', owner, nowMs)
    return this.session(owner, key) !== undefined || this.#count('gateway_session', owner) < MAX_GATEWAY_SESSIONS
  }

  /** Keeps a session, in the place of the one of its key. */
  put(owner: string, { user, name, type, share, backend, link, createdAtMs, endsAtMs }: GatewaySession): void {
    const row = [owner, user, name, type, share, backend, link, createdAtMs, endsAtMs]
    this.#sql.exec('INSERT OR REPLACE INTO gateway_session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', ...row)
  }

  /** What there is of an owner, or of one share of its. */
  stats(owner: string, share: string | undefined, nowMs: number): Omit<GatewayStats, 'sinceMs'> {
    const all = this.#sql
      .exec<SessionRow>(
        `SELECT ${SESSION_COLUMNS} FROM gateway_session WHERE owner = ?1 AND ends_at_ms > ?2 AND share = coalesce(?3, share) ORDER BY created_at_ms`,
        owner,
        nowMs,
        share ?? null,
      )
      .toArray()
    const { count: servers } = this.#sql
      .exec<{ count: number }>(
        'SELECT count(*) AS count FROM gateway_server WHERE owner = ?1 AND seen_ms > ?2 AND share = coalesce(?3, share)',
        owner,
        nowMs - GATEWAY_STALE_MS,
        share ?? null,
      )
      .one()
    const [oldest, newest] = [all[0], all.at(-1)]
    return {
      servers,
      sessions: all.length,
      sessionsByServer: countsOf(all.map(({ name }) => name)),
      sessionsByUser: countsOf(all.map(({ user }) => user)),
      ...(oldest === undefined ? {} : { oldestMs: oldest.createdAtMs }),
      ...(newest === undefined ? {} : { newestMs: newest.createdAtMs }),
    }
  }

  /** Forgets what was registered of a share that is gone. */
  forgetShare(owner: string, share: string): void {
    for (const table of ['gateway_server', 'gateway_session'])
      this.#sql.exec(`DELETE FROM ${table} WHERE owner = ? AND share = ?`, owner, share)
  }

  /** The same of an owner who was removed. */
  forgetOwner(owner: string): void {
    for (const table of ['gateway_server', 'gateway_session']) this.#sql.exec(`DELETE FROM ${table} WHERE owner = ?`, owner)
  }

  #count(table: 'gateway_server' | 'gateway_session', owner: string): number {
    return this.#sql.exec<{ count: number }>(`SELECT count(*) AS count FROM ${table} WHERE owner = ?`, owner).one().count
  }
}

function countsOf(names: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return Object.fromEntries(counts)
}
