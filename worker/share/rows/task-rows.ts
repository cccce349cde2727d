/** Rows of tasks that servers have begun: whose each is, and which process has it. One is written when a task is made, none when it is asked for. */
import { MAX_TASKS, MAX_TASKS_OF_PRINCIPAL } from '../../limits.ts'
import type { KnownTask, TaskPlace } from '../../contract/tasks.ts'

/** A task as it is noted. */
export interface NewTask extends KnownTask {
  readonly principal: string
  /** The group whose child has it, where that child is this lane's; else empty. */
  readonly group: string
  /** Until when the server keeps it, and until when it is known here, in milliseconds since 1970. */
  readonly endsAtMs: number
  readonly expiresAtMs: number
}

type Columns = { task: string; place: string; tool: string | null }

export class TaskRows {
  readonly #sql: SqlStorage
  /** How many there are, once they were counted: an object that has none is asked for nothing. */
  #count: number | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  create(): void {
    this.#sql.exec(
      'CREATE TABLE IF NOT EXISTS task (principal TEXT NOT NULL, task TEXT NOT NULL, place TEXT NOT NULL, tool TEXT, grp TEXT NOT NULL, ends_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, PRIMARY KEY (principal, task, place)) WITHOUT ROWID',
    )
  }

  /** Forgets everything in memory. */
  forget(): void {
    this.#count = undefined
  }

  /** Notes a task. `all`: the principals that count as one with its own. Who has too many loses its own oldest, and of a share that is full, who has most. */
  put({ principal, task, place, tool, group, endsAtMs, expiresAtMs }: NewTask, all: readonly string[], nowMs: number): void {
    if (this.#counted() >= Math.min(MAX_TASKS, MAX_TASKS_OF_PRINCIPAL)) this.#makeRoom(all, nowMs)
    this.#sql.exec(
      'INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?, ?, ?, ?)',
      principal,
      task,
      place,
      tool ?? null,
      group,
      endsAtMs,
      expiresAtMs,
    )
    this.#count = undefined
  }

  /** A principal's tasks of this id, or all of its, newest first. */
  of(principal: string, task: string | undefined, nowMs: number): KnownTask[] {
    if (this.#counted() === 0) return []
    return this.#sql
      .exec<Columns>(
        'SELECT task, place, tool FROM task WHERE principal = ?1 AND (?2 IS NULL OR task = ?2) AND expires_at_ms > ?3 ORDER BY expires_at_ms DESC',
        principal,
        task ?? null,
        nowMs,
      )
      .toArray()
      .map(({ tool, ...row }) => ({ ...row, ...(tool === null ? {} : { tool }) }))
  }

  /** Whose the tasks of this id are in the child of a group. */
  inGroup(group: string, task: string, nowMs: number): { readonly principal: string; readonly place: TaskPlace }[] {
    if (this.#counted() === 0) return []
    return this.#sql
      .exec<{ principal: string; place: string }>(
        'SELECT principal, place FROM task WHERE grp = ? AND task = ? AND expires_at_ms > ?',
        group,
        task,
        nowMs,
      )
      .toArray()
  }

  /** Until when a server keeps any of the tasks that were begun at a place, in milliseconds since 1970; undefined when that is over. */
  endOfPlace(place: TaskPlace, nowMs: number): number | undefined {
    if (this.#counted() === 0) return undefined
    const last = this.#sql.exec<{ at: number | null }>('SELECT max(ends_at_ms) AS at FROM task WHERE place = ?', place).one().at
    return last !== null && last > nowMs ? last : undefined
  }

  /** Whether the child of a group has begun tasks that are still known. */
  hasAny(group: string, nowMs: number): boolean {
    if (this.#counted() === 0) return false
    return this.#sql.exec('SELECT task FROM task WHERE grp = ? AND expires_at_ms > ? LIMIT 1', group, nowMs).toArray().length > 0
  }

  /** All principals that have any. */
  principals(): string[] {
    return this.#sql
      .exec<{ principal: string }>('SELECT DISTINCT principal FROM task')
      .toArray()
      .map((row) => row.principal)
  }

  drop(principal: string, task: string, place: TaskPlace): void {
    this.#sql.exec('DELETE FROM task WHERE principal = ? AND task = ? AND place = ?', principal, task, place)
    this.#count = undefined
  }

  #counted(): number {
    this.#count ??= this.#sql.exec<{ count: number }>('SELECT count(*) AS count FROM task').one().count
    return this.#count
  }

  #makeRoom(all: readonly string[], nowMs: number): void {
    this.#sql.exec('DELETE FROM task WHERE expires_at_ms <= ?', nowMs)
    this.#count = undefined
    this.#dropOldest(all, MAX_TASKS_OF_PRINCIPAL - 1)
    if (this.#counted() < MAX_TASKS) return
    const [most] = this.#sql
      .exec<{ principal: string }>('SELECT principal FROM task GROUP BY principal ORDER BY count(*) DESC LIMIT 1')
      .toArray()
    if (most !== undefined) this.#dropOldest([most.principal], MAX_TASKS_OF_PRINCIPAL / 2)
  }

  /** Forgets all but the newest of what these principals have. */
  #dropOldest(principals: readonly string[], most: number): void {
    const theirs = 'SELECT principal, task, place FROM task WHERE principal IN (SELECT value FROM json_each(?1))'
    this.#sql.exec(
      `DELETE FROM task WHERE (principal, task, place) IN (${theirs} ORDER BY expires_at_ms DESC LIMIT -1 OFFSET ?2)`,
      JSON.stringify(principals),
      most,
    )
    this.#count = undefined
  }
}
