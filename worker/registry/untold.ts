/** What the lanes of a share have yet to hear: a row from before the first is told until the last has heard it, so that no crash loses it. */
import type { LaneKey } from '../contract/lane-key.ts'
import { MAX_RETELL_MS, MAX_RETOLD, RETELL_MS } from '../trust-limits.ts'

/** What a change is about: the share's own facts, a rotation, its end, one link, or the end of one server. Facts are read anew when they are told, so of several changes the last is told once. */
export type Subject = 'share' | 'rotated' | 'agents_rotated' | 'end' | `link:${string}` | `${typeof SERVER_SUBJECT}${string}`

const SERVER_SUBJECT = 'server:'
/** Before the names of servers among numbers of lanes. */
const SERVER_MARK = '/'

/** That a server is its share's no more. */
export function serverSubject(server: string): Subject {
  return `${SERVER_SUBJECT}${server}`
}

export interface Untold {
  readonly share: string
  readonly subject: Subject
  /** State of the share when it was changed. */
  readonly version: number
  /** The lanes that have yet to hear it; undefined for all. */
  readonly lanes: readonly LaneKey[] | undefined
}

type UntoldRow = { readonly share: string; readonly subject: string; readonly version: number; readonly lanes: string }

export class UntoldTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS untold (share TEXT NOT NULL, subject TEXT NOT NULL, version INTEGER NOT NULL, lanes TEXT NOT NULL, due_ms INTEGER NOT NULL, wait_ms INTEGER NOT NULL, PRIMARY KEY (share, subject)) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS untold_by_due ON untold (due_ms);
    `)
  }

  /** All lanes have yet to hear of a change, or those that are named. It is due again at `dueMs`, if that is not noted otherwise before. */
  note({ share, subject, version, lanes }: Untold, dueMs: number): void {
    this.#sql.exec('INSERT OR REPLACE INTO untold VALUES (?, ?, ?, ?, ?, ?)', share, subject, version, textOf(lanes), dueMs, RETELL_MS)
  }

  has(share: string, subject: Subject): boolean {
    return this.#sql.exec('SELECT 1 FROM untold WHERE share = ? AND subject = ?', share, subject).toArray().length > 0
  }

  /** Servers that are a share's no more, and have yet to hear of it. */
  endingServers(share: string): string[] {
    const rows = this.#sql.exec<{ subject: string }>('SELECT subject FROM untold WHERE share = ?', share)
    return rows.toArray().flatMap(({ subject }) => (subject.startsWith(SERVER_SUBJECT) ? [subject.slice(SERVER_SUBJECT.length)] : []))
  }

  /** Which lanes have yet to hear it after it was told; what has changed since stays as it is noted. */
  settle({ share, subject, version }: Untold, unreached: readonly LaneKey[], nowMs: number): void {
    if (unreached.length === 0) {
      this.#sql.exec('DELETE FROM untold WHERE share = ? AND subject = ? AND version = ?', share, subject, version)
      return
    }
    this.#sql.exec(
      'UPDATE untold SET lanes = ?1, due_ms = ?2 + wait_ms, wait_ms = min(2 * wait_ms, ?3) WHERE share = ?4 AND subject = ?5 AND version = ?6',
      textOf(unreached),
      nowMs,
      MAX_RETELL_MS,
      share,
      subject,
      version,
    )
  }

  /** What is due, the longest first, as much as can be told at a time. */
  due(nowMs: number): Untold[] {
    const rows = this.#sql.exec<UntoldRow>(
      'SELECT share, subject, version, lanes FROM untold WHERE due_ms <= ? ORDER BY due_ms LIMIT ?',
      nowMs,
      MAX_RETOLD,
    )
    return rows.toArray().map(({ subject, lanes, ...row }) => ({
      ...row,
      subject: subject as Subject,
      lanes: lanes === 'all' ? undefined : lanes.split(',').map(keyOf),
    }))
  }

  /** When the next is due; undefined when everything is told. */
  nextDueMs(): number | undefined {
    return this.#sql.exec<{ due: number | null }>('SELECT min(due_ms) AS due FROM untold').one().due ?? undefined
  }

  /** Nothing more is told of a share that is gone. */
  removeAll(share: string): void {
    this.#sql.exec('DELETE FROM untold WHERE share = ?', share)
  }
}

function textOf(lanes: readonly LaneKey[] | undefined): string {
  return lanes?.map((key) => (typeof key === 'number' ? key : `${SERVER_MARK}${key}`)).join() ?? 'all'
}

function keyOf(text: string): LaneKey {
  return text.startsWith(SERVER_MARK) ? text.slice(SERVER_MARK.length) : Number(text)
}
