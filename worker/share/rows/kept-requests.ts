/** Rows of requests that sessions have made once and that every new child of theirs must be sent: initialize, log level, subscriptions. */
import { verbosity } from '../../bridge/names.ts'
import { MAX_CACHED_PRINCIPALS, MAX_KEPT_BYTES_OF_SESSION, MAX_SUBSCRIPTIONS } from '../../limits.ts'
import { Newest } from '../../newest.ts'
import type { SessionCallRequest } from '../../contract/share-rpc.ts'

const decoder = new TextDecoder()

/** A request as it is kept: its bytes, where its id stands, and what it sets or asks for. */
export interface KeptRequest {
  readonly body: Uint8Array
  readonly idFrom: number
  readonly idTo: number
  readonly name: string
}

/** A request as it came, to be kept. `name`: what it sets or asks for. */
export function keptRequest({ body, id }: Pick<SessionCallRequest, 'body' | 'id'>, name: string): KeptRequest {
  return { body, idFrom: id[0], idTo: id[1], name }
}

/** Whether two say the same, whatever their ids. */
export function isSameRequest(one: KeptRequest, other: KeptRequest): boolean {
  return withoutId(one) === withoutId(other)
}

function withoutId({ body, idFrom, idTo }: KeptRequest): string {
  return `${decoder.decode(body.subarray(0, idFrom))}\n${decoder.decode(body.subarray(idTo))}`
}

/** `listen`: what the relay listens for in the session's name, at a child that knows no sessions. */
export type KeptPurpose = 'initialize' | 'level' | 'subscribe' | 'listen'

type Columns = { name: string; body: ArrayBuffer; id_from: number; id_to: number }

export class KeptRequests {
  readonly #sql: SqlStorage
  /** Bytes that are kept for each principal, as far as they were asked for. */
  #bytesOf = new Newest<number>(MAX_CACHED_PRINCIPALS)

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  create(): void {
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS handshake (session TEXT, purpose TEXT, name TEXT, body BLOB NOT NULL, id_from INTEGER NOT NULL, id_to INTEGER NOT NULL, PRIMARY KEY (session, purpose, name)) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS handshake_by_name ON handshake (purpose, name);
    `)
  }

  /** Keeps a request; one of the same purpose and name is replaced, and there is one log level and one listen. */
  keep(session: string, purpose: KeptPurpose, { name, body, idFrom, idTo }: KeptRequest): void {
    if (purpose !== 'initialize') this.forget()
    if (purpose === 'level' || purpose === 'listen')
      this.#sql.exec('DELETE FROM handshake WHERE session = ? AND purpose = ?', session, purpose)
    this.#sql.exec('INSERT OR REPLACE INTO handshake VALUES (?, ?, ?, ?, ?, ?)', session, purpose, name, body, idFrom, idTo)
  }

  /** Keeps the beginning of a new session. */
  begin(session: string, principal: string, initialize: KeptRequest): void {
    const before = this.#bytesOf.get(principal)
    if (before !== undefined) this.#bytesOf.set(principal, before + initialize.body.length)
    this.keep(session, 'initialize', initialize)
  }

  /** Keeps for a session the handshake of another; `isWhole`: log level and subscriptions too. */
  copy(from: string, to: string, isWhole: boolean): void {
    this.forget()
    for (const purpose of isWhole ? (['initialize', 'level', 'subscribe'] as const) : (['initialize'] as const))
      for (const kept of this.of(from, purpose)) this.keep(to, purpose, kept)
  }

  /** Forgets everything in memory. */
  forget(): void {
    this.#bytesOf = new Newest(MAX_CACHED_PRINCIPALS)
  }

  of(session: string, purpose: KeptPurpose): KeptRequest[] {
    return this.#sql
      .exec<Columns>('SELECT name, body, id_from, id_to FROM handshake WHERE session = ? AND purpose = ?', session, purpose)
      .toArray()
      .map(readRow)
  }

  /** What all sessions have asked for, each log level or resource once: for the child that they share. */
  all(purpose: 'level' | 'subscribe'): KeptRequest[] {
    return this.#sql
      .exec<Columns>('SELECT name, body, id_from, id_to FROM handshake WHERE purpose = ? GROUP BY name', purpose)
      .toArray()
      .map(readRow)
  }

  /** Ids of the sessions that subscribe to a resource. */
  subscribers(uri: string): string[] {
    return this.#sql
      .exec<{ session: string }>("SELECT session FROM handshake WHERE purpose = 'subscribe' AND name = ?", uri)
      .toArray()
      .map((row) => row.session)
  }

  /** Whether a session may subscribe to a resource, with a request of so many bytes: within the bounds of number and bytes. */
  hasRoomFor(session: string, uri: string, bytes: number): boolean {
    const others = this.#sql
      .exec<{ count: number; bytes: number }>(
        `SELECT count(*) FILTER (WHERE purpose = 'subscribe') AS count, total(length(body)) AS bytes FROM handshake
         WHERE session = ? AND purpose <> 'listen' AND NOT (purpose = 'subscribe' AND name = ?)`,
        session,
        uri,
      )
      .one()
    return others.count < MAX_SUBSCRIPTIONS && others.bytes + bytes <= MAX_KEPT_BYTES_OF_SESSION
  }

  /** Bytes that are kept for all sessions of a principal; read from the rows once, and again when more than their beginnings was kept. */
  bytesOf(principal: string): number {
    const known = this.#bytesOf.get(principal)
    if (known !== undefined) return known
    const { bytes } = this.#sql
      .exec<{ bytes: number }>(
        'SELECT total(length(body)) AS bytes FROM session JOIN handshake ON handshake.session = session.id WHERE principal = ?',
        principal,
      )
      .one()
    this.#bytesOf.set(principal, bytes)
    return bytes
  }

  /** What is kept for a session is another principal's from now on. */
  moved(from: string, to: string): void {
    this.#bytesOf.delete(from)
    this.#bytesOf.delete(to)
  }

  /** Keeps a log level; true when the child must hear of it. One that is shared logs at the most verbose level that any session wants. */
  setLevel(session: string, kept: KeptRequest, isShared: boolean): boolean {
    const others = isShared ? this.all('level').map(({ name }) => verbosity(name)) : []
    this.keep(session, 'level', kept)
    return others.every((other) => verbosity(kept.name) <= other)
  }

  /** Keeps a subscription; true when the child must hear of it. One that is shared is subscribed once for all. */
  subscribe(session: string, kept: KeptRequest, isShared: boolean): boolean {
    const isNews = !isShared || this.subscribers(kept.name).length === 0
    this.keep(session, 'subscribe', kept)
    return isNews
  }

  /** Drops a subscription; true when the child must hear of it. */
  unsubscribe(session: string, uri: string, isShared: boolean): boolean {
    this.dropSubscription(session, uri)
    return !isShared || this.subscribers(uri).length === 0
  }

  dropLevel(session: string): void {
    this.#sql.exec("DELETE FROM handshake WHERE session = ? AND purpose = 'level'", session)
  }

  dropSubscription(session: string, uri: string): void {
    this.#sql.exec("DELETE FROM handshake WHERE session = ? AND purpose = 'subscribe' AND name = ?", session, uri)
  }

  /** Drops all that was kept for a session. */
  drop(session: string, principal: string | undefined): void {
    const before = principal === undefined ? undefined : this.#bytesOf.get(principal)
    if (principal !== undefined && before !== undefined) {
      const { bytes } = this.#sql
        .exec<{ bytes: number }>('SELECT total(length(body)) AS bytes FROM handshake WHERE session = ?', session)
        .one()
      this.#bytesOf.set(principal, before - bytes)
    }
    this.#sql.exec('DELETE FROM handshake WHERE session = ?', session)
  }
}

function readRow({ name, body, id_from: idFrom, id_to: idTo }: Columns): KeptRequest {
  return { body: new Uint8Array(body), idFrom, idTo, name }
}
