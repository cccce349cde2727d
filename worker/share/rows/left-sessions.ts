/** Rows of sessions whose clients left before they were told how initialize ended, or whose stream of HTTP+SSE broke, and until when they may come back. Few, and for seconds. */

interface LeftSession {
  readonly principal: string
  readonly endsAtMs: number
}

export class LeftSessions {
  readonly #sql: SqlStorage
  /** By session, once read from the rows. */
  #known: Map<string, LeftSession> | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  create(): void {
    this.#sql.exec(
      'CREATE TABLE IF NOT EXISTS left_session (session TEXT PRIMARY KEY, principal TEXT NOT NULL, ends_at_ms INTEGER NOT NULL) WITHOUT ROWID',
    )
  }

  /** Forgets everything in memory. */
  forget(): void {
    this.#known = undefined
  }

  has(session: string): boolean {
    return this.#all().has(session)
  }

  /** Sessions that a principal has left so. */
  of(principal: string): string[] {
    return [...this.#all()].flatMap(([session, left]) => (left.principal === principal ? [session] : []))
  }

  /** Sessions whose time is over. */
  endingBy(nowMs: number): string[] {
    return [...this.#all()].flatMap(([session, left]) => (left.endsAtMs <= nowMs ? [session] : []))
  }

  /** When the next one's time is over, in milliseconds since 1970. */
  nextMs(): number | undefined {
    const times = [...this.#all().values()].map(({ endsAtMs }) => endsAtMs)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  put(session: string, principal: string, endsAtMs: number): void {
    this.#all().set(session, { principal, endsAtMs })
    this.#sql.exec('INSERT OR REPLACE INTO left_session VALUES (?, ?, ?)', session, principal, endsAtMs)
  }

  drop(session: string): void {
    if (this.#all().delete(session)) this.#sql.exec('DELETE FROM left_session WHERE session = ?', session)
  }

  #all(): Map<string, LeftSession> {
    if (this.#known !== undefined) return this.#known
    const rows = this.#sql
      .exec<{ session: string; principal: string; endsAtMs: number }>('SELECT session, principal, ends_at_ms AS endsAtMs FROM left_session')
      .toArray()
    this.#known = new Map(rows.map(({ session, principal, endsAtMs }) => [session, { principal, endsAtMs }]))
    return this.#known
  }
}
