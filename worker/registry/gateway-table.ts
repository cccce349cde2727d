/** Servers that are registered by name, and sessions that are made for them, of each share of an owner apart. Synchronous. What is over, or whose link is, counts as gone, and its row goes with the next that is written. */
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

/** Whose room is meant: that of the agents of a share, one of which asks by its link, or else its owner's own. */
export interface GatewayMaker {
  readonly owner: string
  readonly agent?: { readonly share: string; readonly link: string }
}

/** What agents have made ends with their link, and a session with its own. `?1`: now. */
const HOLDS = (id: string): string =>
  `EXISTS (SELECT 1 FROM links WHERE links.share = made.share AND links.id = made.${id} AND revoked = 0 AND expires_at_ms > ?1)`
const IS_MAKER_THERE = `(agent = '' OR ${HOLDS('agent')})`
const LIVES = {
  gateway_server: `seen_ms > ?1 - ${GATEWAY_STALE_MS} AND ${IS_MAKER_THERE}`,
  gateway_session: `ends_at_ms > ?1 AND ${HOLDS('link')} AND ${IS_MAKER_THERE}`,
} as const
/** Rows of the agents of a share (`?3`), or of an owner's own (null). */
const IN_ROOM = "owner = ?2 AND iif(?3 IS NULL, agent = '', agent <> '' AND share = ?3)"

export class GatewayTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    // Those of an earlier relay did not say who has made what: servers are registered anew within half a minute, and sessions made anew.
    for (const table of ['gateway_server', 'gateway_session'])
      if (
        sql
          .exec(
            'SELECT 1 FROM pragma_table_info(?1) WHERE NOT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2)',
            table,
            'agent',
          )
          .toArray().length > 0
      )
        sql.exec(`DROP TABLE ${table}`)
    sql.exec(`
      CREATE TABLE IF NOT EXISTS gateway_server (owner TEXT NOT NULL, share TEXT NOT NULL, name TEXT NOT NULL, agent TEXT NOT NULL, backend TEXT NOT NULL, metadata TEXT NOT NULL, registered_at_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, PRIMARY KEY (owner, share, name)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS gateway_session (owner TEXT NOT NULL, share TEXT NOT NULL, agent TEXT NOT NULL, user TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, backend TEXT NOT NULL, link TEXT NOT NULL, created_at_ms INTEGER NOT NULL, ends_at_ms INTEGER NOT NULL, PRIMARY KEY (owner, share, agent, user, name, type)) WITHOUT ROWID;
    `)
  }

  /** The servers of a name that were heard of lately, of one share or of any. */
  servers(owner: string, name: string, share: string | undefined, nowMs: number): RegisteredServer[] {
    const query = `SELECT ${SERVER_COLUMNS} FROM gateway_server AS made WHERE ${LIVES.gateway_server} AND owner = ?2 AND name = ?3 AND share = coalesce(?4, share) ORDER BY share`
    return this.#sql.exec<ServerRow>(query, nowMs, owner, name, share ?? null).toArray()
  }

  /** Takes down a server, or that it is there still; false when there are as many as there may be. */
  register(maker: GatewayMaker, server: RegisteredServer, nowMs: number): boolean {
    const { owner, agent } = maker
    const { name, share, backend, metadata, registeredAtMs } = server
    const isKnown = this.servers(owner, name, share, nowMs).length > 0
    if (this.#countAfterDrop('gateway_server', maker, nowMs) >= MAX_GATEWAY_SERVERS && !isKnown) return false
    const row = [owner, share, name, agent?.link ?? '', backend, metadata, registeredAtMs, nowMs]
    this.#sql.exec('INSERT OR REPLACE INTO gateway_server VALUES (?, ?, ?, ?, ?, ?, ?, ?)', ...row)
    return true
  }

  /** The session of a key that this maker has had made, while it lasts. */
  session(
    { owner, agent }: GatewayMaker,
    { share, user, name, type }: GatewayKey & Pick<GatewaySession, 'share'>,
    nowMs: number,
  ): GatewaySession | undefined {
    const query = `SELECT ${SESSION_COLUMNS} FROM gateway_session AS made WHERE ${LIVES.gateway_session} AND owner = ?2 AND share = ?3 AND agent = ?4 AND user = ?5 AND name = ?6 AND type = ?7`
    return this.#sql.exec<SessionRow>(query, nowMs, owner, share, agent?.link ?? '', user, name, type).toArray()[0]
  }

  /** Whether a session more may be kept, beside those that are not over. */
  hasRoom(maker: GatewayMaker, nowMs: number): boolean {
    return this.#countAfterDrop('gateway_session', maker, nowMs) < MAX_GATEWAY_SESSIONS
  }

  /** Keeps a session, in the place of the one of its key. */
  put({ owner, agent }: GatewayMaker, { user, name, type, share, backend, link, createdAtMs, endsAtMs }: GatewaySession): void {
    const row = [owner, share, agent?.link ?? '', user, name, type, backend, link, createdAtMs, endsAtMs]
    this.#sql.exec('INSERT OR REPLACE INTO gateway_session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', ...row)
  }

  /** What there is of an owner, or of one share of its. */
  stats(owner: string, share: string | undefined, nowMs: number): Omit<GatewayStats, 'sinceMs'> {
    const of = (columns: string, table: keyof typeof LIVES): string =>
      `SELECT ${columns} FROM ${table} AS made WHERE ${LIVES[table]} AND owner = ?2 AND share = coalesce(?3, share)`
    const wanted = [nowMs, owner, share ?? null]
    const all = this.#sql.exec<SessionRow>(`${of(SESSION_COLUMNS, 'gateway_session')} ORDER BY created_at_ms`, ...wanted).toArray()
    const { count: servers } = this.#sql.exec<{ count: number }>(of('count(*) AS count', 'gateway_server'), ...wanted).one()
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

  /** Rows of a room once those are dropped that are over. */
  #countAfterDrop(table: keyof typeof LIVES, { owner, agent }: GatewayMaker, nowMs: number): number {
    const room = [owner, agent?.share ?? null]
    this.#sql.exec(`DELETE FROM ${table} AS made WHERE ${IN_ROOM} AND NOT (${LIVES[table]})`, nowMs, ...room)
    return this.#sql.exec<{ count: number }>(`SELECT count(*) AS count FROM ${table} WHERE ${IN_ROOM}`, nowMs, ...room).one().count
  }
}

function countsOf(names: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return Object.fromEntries(counts)
}
