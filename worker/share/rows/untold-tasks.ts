/**
 * Rows of sessions on a shared child that has told of their tasks while they had no stream: from where on the agent is to say it again. One is
 * written for each such absence, however much is told in it.
 */
import { TAIL_MS } from '../../../protocol/limits.ts'

/** What follows number `after` on a channel. */
interface UntoldFrom {
  readonly ch: string
  readonly after: number
}

export class UntoldTasks {
  readonly #sql: SqlStorage
  /** Whether there are none; undefined until it was asked for. */
  #isEmpty: boolean | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  create(): void {
    this.#sql.exec(
      'CREATE TABLE IF NOT EXISTS untold_task (session TEXT PRIMARY KEY, ch TEXT NOT NULL, after INTEGER NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID',
    )
  }

  /** Forgets everything in memory. */
  forget(): void {
    this.#isEmpty = undefined
  }

  /** Message `n` was for this session. */
  note(session: string, { ch, n }: { readonly ch: string; readonly n: number }, nowMs: number): void {
    const known = this.#find(session, nowMs)
    if (known?.ch === ch && known.after < n) return
    this.#sql.exec('INSERT OR REPLACE INTO untold_task VALUES (?, ?, ?, ?)', session, ch, n - 1, nowMs)
    this.#isEmpty = false
  }

  /** What a session has missed, once; undefined for nothing, and for what the agent keeps no more. */
  take(session: string, nowMs: number): UntoldFrom | undefined {
    const known = this.#find(session, nowMs)
    this.drop(session)
    return known
  }

  drop(session: string): void {
    if (this.#has()) this.#sql.exec('DELETE FROM untold_task WHERE session = ?', session)
    this.#isEmpty = undefined
  }

  #find(session: string, nowMs: number): UntoldFrom | undefined {
    if (!this.#has()) return undefined
    const [row] = this.#sql
      .exec<{ ch: string; after: number; at_ms: number }>('SELECT ch, after, at_ms FROM untold_task WHERE session = ?', session)
      .toArray()
    return row === undefined || nowMs - row.at_ms > TAIL_MS ? undefined : { ch: row.ch, after: row.after }
  }

  #has(): boolean {
    this.#isEmpty ??= this.#sql.exec('SELECT session FROM untold_task LIMIT 1').toArray().length === 0
    return !this.#isEmpty
  }
}
