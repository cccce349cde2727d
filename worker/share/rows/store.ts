/** The share's rows: what must survive sleep and restarts. They are made with the share, and forgotten with it. */
import { BridgeRows } from './bridge-rows.ts'
import { ChannelRows } from './channel-rows.ts'
import { HandshakeRows } from './handshake-rows.ts'
import { KeptRequests } from './kept-requests.ts'
import { LeftSessions } from './left-sessions.ts'
import { LinkRows } from './link-rows.ts'
import { SessionRows } from './session-rows.ts'
import { SoleSession } from './sole-session.ts'
import { TaskRows } from './task-rows.ts'
import { UntoldTasks } from './untold-tasks.ts'
import type { ShareSettings } from '../../contract/share-admin.ts'

export class Store {
  readonly sessions: SessionRows
  readonly requests: KeptRequests
  readonly channels: ChannelRows
  readonly left: LeftSessions
  readonly links: LinkRows
  readonly handshakes: HandshakeRows
  readonly bridge: BridgeRows
  readonly tasks: TaskRows
  readonly untoldTasks: UntoldTasks
  readonly sole: SoleSession
  readonly #sql: SqlStorage
  #settings: ShareSettings | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
    this.sole = new SoleSession(sql)
    this.sessions = new SessionRows(sql, this.sole)
    this.requests = new KeptRequests(sql)
    this.channels = new ChannelRows(sql, this.sole)
    this.left = new LeftSessions(sql)
    this.links = new LinkRows(sql)
    this.handshakes = new HandshakeRows(sql)
    this.bridge = new BridgeRows(sql)
    this.tasks = new TaskRows(sql)
    this.untoldTasks = new UntoldTasks(sql)
    const [made] = sql.exec<{ made: number }>("SELECT count(*) AS made FROM sqlite_master WHERE name = 'share'").toArray()
    // An object that was only asked about writes nothing: its storage stays empty.
    if (made?.made !== 1) return
    this.#settings = this.#readSettings()
    // It may have been made before there were tables and indexes that there are now.
    if (this.#settings !== undefined) this.#createRows()
  }

  /** The share, or undefined when it was never made or has been revoked. */
  get settings(): ShareSettings | undefined {
    return this.#settings
  }

  create(settings: ShareSettings): void {
    this.#sql.exec('CREATE TABLE IF NOT EXISTS share (one INTEGER PRIMARY KEY CHECK (one = 1), settings TEXT NOT NULL)')
    this.#createRows()
    this.#sql.exec('INSERT OR REPLACE INTO share VALUES (1, ?)', JSON.stringify(settings))
    this.#settings = settings
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#settings = undefined
    const known = [this.sessions, this.requests, this.left, this.channels, this.bridge, this.tasks, this.untoldTasks, this.links]
    for (const rows of known) rows.forget()
  }

  /** Forgets a session, what was kept for it, and its own children. */
  endSession(id: string): void {
    this.requests.drop(id, this.sessions.get(id)?.principal)
    this.sessions.drop(id)
    this.channels.drop(id)
    this.channels.besides(id).forEach((group) => this.channels.drop(group))
    this.left.drop(id)
    this.untoldTasks.drop(id)
  }

  /** Rows written by this incarnation of the object, schema included (SQLite's total_changes()). */
  totalChanges(): number {
    return this.#sql.exec<{ changes: number }>('SELECT total_changes() AS changes').one().changes
  }

  #createRows(): void {
    for (const rows of [this.sessions, this.left, this.requests, this.channels, this.links, this.handshakes]) rows.create()
    for (const rows of [this.bridge, this.tasks, this.untoldTasks, this.sole]) rows.create()
  }

  #readSettings(): ShareSettings | undefined {
    const [row] = this.#sql.exec<{ settings: string }>('SELECT settings FROM share').toArray()
    return row === undefined ? undefined : (JSON.parse(row.settings) as ShareSettings)
  }
}
