/** Row of the only session that the shared child has served, while it is only one: what the child logs may go to that session. */

/** Stands for several sessions. */
const SEVERAL = ''

export class SoleSession {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  create(): void {
    this.#sql.exec('CREATE TABLE IF NOT EXISTS sole (one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL, session TEXT)')
  }

  /** The shared child has opened. If it is of a new generation, it serves the sessions that exist now. */
  opened(generation: number): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO sole
       SELECT 1, ?1, (SELECT CASE count(*) WHEN 0 THEN NULL WHEN 1 THEN max(id) ELSE ?2 END FROM (SELECT id FROM session LIMIT 2))
       WHERE NOT EXISTS (SELECT 1 FROM sole WHERE generation = ?1)`,
      generation,
      SEVERAL,
    )
  }

  /** A session has begun. Written at most twice in the life of a child. */
  began(session: string): void {
    this.#sql.exec(
      'UPDATE sole SET session = CASE WHEN session IS NULL THEN ?1 ELSE ?2 END WHERE session IS NULL OR session NOT IN (?1, ?2)',
      session,
      SEVERAL,
    )
  }

  /** The only session that the child has ever served, ended ones included; undefined when it has served several or none. */
  get session(): string | undefined {
    const [row] = this.#sql.exec<{ session: string | null }>('SELECT session FROM sole').toArray()
    return row === undefined || row.session === null || row.session === SEVERAL ? undefined : row.session
  }
}
