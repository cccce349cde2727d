/** Rows of calls that wait for the owner, and of what the owner has decided. Made with the first such call, and written with each step of one: a person thinks in between. */
import type { LaneKey } from '../../contract/lane-key.ts'
import type { ApprovalAsk } from '../../contract/trust/approvals.ts'

/**
 * `pending`: the owner has yet to decide. `allowed`: once. `used`: by the call of `usedBy`, which may come again. `round`: the answer
 * to that call has asked for more, so that another call goes on with it.
 */
export type ApprovalState = 'pending' | 'allowed' | 'used' | 'denied' | 'always'

export interface ApprovalRow extends ApprovalAsk {
  readonly id: string
  readonly state: ApprovalState
  readonly atMs: number
  /** When it ends by itself, in milliseconds since 1970; 0 for never. */
  readonly endsAtMs: number
  readonly usedBy?: string
  readonly round?: string
  /** Lanes that must hear what is decided. */
  readonly lanes: readonly LaneKey[]
}

type Columns = {
  id: string
  state: string
  chain: string
  principal: string
  server: string
  tool: string
  tool_digest: string
  arguments: string
  arguments_digest: string
  policy: string
  other_params: string | null
  client: string | null
  session: string | null
  at_ms: number
  ends_at_ms: number
  used_by: string | null
  round: string | null
  lanes: string
}

/** What makes two calls the same to the owner. */
type Identity = Pick<ApprovalAsk, 'principal' | 'server' | 'tool' | 'toolDigest' | 'argumentsDigest'>

const encoder = new TextEncoder()

export class ApprovalRows {
  readonly #sql: SqlStorage
  #isMade: boolean | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#isMade = undefined
  }

  /** All rows about such a call, the oldest first, without its arguments. */
  same({ principal, server, tool, toolDigest, argumentsDigest }: Identity): ApprovalRow[] {
    return this.#select(
      'WHERE principal = ? AND arguments_digest = ? AND server = ? AND tool = ? AND tool_digest = ?',
      [principal, argumentsDigest, server, tool, toolDigest],
      "''",
    )
  }

  get(id: string): ApprovalRow | undefined {
    return this.#select('WHERE id = ?', [id])[0]
  }

  usedBy(key: string): ApprovalRow | undefined {
    return this.#select('WHERE used_by = ?', [key], "''")[0]
  }

  /** How many calls of a link wait, with all that was narrowed from it; and how many bytes all that wait have together. */
  pending(root: string): { readonly ofLink: number; readonly bytes: number } {
    if (!this.#exists()) return { ofLink: 0, bytes: 0 }
    const { n, bytes } = this.#sql
      .exec<{ n: number; bytes: number | null }>(
        "SELECT count(*) FILTER (WHERE root = ?) AS n, sum(bytes) AS bytes FROM approvals WHERE state = 'pending'",
        root,
      )
      .one()
    return { ofLink: n, bytes: bytes ?? 0 }
  }

  count(state: ApprovalState): number {
    if (!this.#exists()) return 0
    return this.#sql.exec<{ n: number }>('SELECT count(*) AS n FROM approvals WHERE state = ?', state).one().n
  }

  /** Those that wait behind a place in their order, the oldest first; read one by one, since each may be long. */
  *waiting(atMs: number, id: string): Generator<ApprovalRow> {
    if (!this.#exists()) return
    const rows = this.#sql.exec<Columns>(
      "SELECT * FROM approvals WHERE state = 'pending' AND (at_ms, id) > (?, ?) ORDER BY at_ms, id",
      atMs,
      id,
    )
    for (const row of rows) yield rowOf(row)
  }

  /** Those of some states, the oldest first, without their arguments. */
  inState(...states: readonly ApprovalState[]): ApprovalRow[] {
    return this.#select(`WHERE state IN (${states.map(() => '?').join()})`, states, "''")
  }

  /** Those that are decided and still hold, the oldest first, with what is kept of their arguments. */
  decided(): ApprovalRow[] {
    return this.#select("WHERE state IN ('allowed', 'denied', 'always')", [])
  }

  add(row: ApprovalRow): void {
    this.#make()
    const { id, state, chain, principal, server, tool, toolDigest, arguments: args, argumentsDigest, policy, client, session } = row
    const { otherParams = '' } = row
    const bytes = encoder.encode(args + otherParams).length
    const call = [principal, server, tool, toolDigest, args, bytes, argumentsDigest, policy]
    const rest = [
      client ?? null,
      session ?? null,
      row.atMs,
      row.endsAtMs,
      row.usedBy ?? null,
      row.round ?? null,
      JSON.stringify(row.lanes),
      row.otherParams ?? null,
    ]
    const values = [id, state, chain[0] ?? '', JSON.stringify(chain), ...call, ...rest]
    this.#sql.exec(`INSERT INTO approvals VALUES (${values.map(() => '?').join()})`, ...values)
  }

  /** Changes what becomes of a call; whose it is stays. */
  change({ id, state, endsAtMs, usedBy, round, lanes }: ApprovalRow): void {
    const values = [state, endsAtMs, usedBy ?? null, round ?? null, JSON.stringify(lanes), id]
    this.#sql.exec('UPDATE approvals SET state = ?, ends_at_ms = ?, used_by = ?, round = ?, lanes = ? WHERE id = ?', ...values)
  }

  /** Keeps the first characters of its arguments and other params only. */
  shorten(id: string, chars: number): void {
    const set = 'arguments = substr(arguments, 1, ?), other_params = substr(other_params, 1, ?)'
    this.#sql.exec(`UPDATE approvals SET ${set} WHERE id = ?`, chars, chars, id)
  }

  delete(id: string): void {
    if (this.#exists()) this.#sql.exec('DELETE FROM approvals WHERE id = ?', id)
  }

  /** Those that have ended by then, as they were. */
  takeEnded(nowMs: number): ApprovalRow[] {
    const ended = this.#select('WHERE ends_at_ms > 0 AND ends_at_ms <= ?', [nowMs], "''")
    if (ended.length > 0) this.#sql.exec('DELETE FROM approvals WHERE ends_at_ms > 0 AND ends_at_ms <= ?', nowMs)
    return ended
  }

  /** When the next one ends, in milliseconds since 1970. */
  nextEndMs(): number | undefined {
    if (!this.#exists()) return undefined
    return (
      this.#sql.exec<{ next: number | null }>('SELECT min(ends_at_ms) AS next FROM approvals WHERE ends_at_ms > 0').one().next ?? undefined
    )
  }

  /** `args`: what is read in the place of the arguments, which may be long; other params are then not read either. */
  #select(where: string, values: readonly string[] | readonly number[], args = 'arguments'): ApprovalRow[] {
    if (!this.#exists()) return []
    const columns =
      'id, state, chain, principal, server, tool, tool_digest, arguments_digest, policy, client, session, at_ms, ends_at_ms, used_by, round, lanes'
    return this.#sql
      .exec<Columns>(
        `SELECT ${columns}, ${args} AS arguments, ${args === 'arguments' ? 'other_params' : 'NULL'} AS other_params FROM approvals ${where} ORDER BY at_ms, id`,
        ...values,
      )
      .toArray()
      .map(rowOf)
  }

  #exists(): boolean {
    this.#isMade ??= this.#find()
    return this.#isMade
  }

  #find(): boolean {
    const columns = this.#sql.exec<{ name: string }>("SELECT name FROM pragma_table_info('approvals')").toArray()
    if (columns.length > 0 && !columns.some(({ name }) => name === 'other_params'))
      this.#sql.exec('ALTER TABLE approvals ADD COLUMN other_params TEXT')
    return columns.length > 0
  }

  #make(): void {
    if (this.#exists()) return
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS approvals (id TEXT PRIMARY KEY, state TEXT NOT NULL, root TEXT NOT NULL, chain TEXT NOT NULL, principal TEXT NOT NULL, server TEXT NOT NULL, tool TEXT NOT NULL, tool_digest TEXT NOT NULL, arguments TEXT NOT NULL, bytes INTEGER NOT NULL, arguments_digest TEXT NOT NULL, policy TEXT NOT NULL, client TEXT, session TEXT, at_ms INTEGER NOT NULL, ends_at_ms INTEGER NOT NULL, used_by TEXT, round TEXT, lanes TEXT NOT NULL, other_params TEXT);
      CREATE INDEX IF NOT EXISTS approvals_by_call ON approvals (principal, arguments_digest);
      CREATE INDEX IF NOT EXISTS approvals_by_key ON approvals (used_by) WHERE used_by IS NOT NULL;
      CREATE INDEX IF NOT EXISTS approvals_by_state ON approvals (state);
      CREATE INDEX IF NOT EXISTS approvals_by_end ON approvals (ends_at_ms);
    `)
    this.#isMade = true
  }
}

function rowOf(row: Columns): ApprovalRow {
  const { id, state, chain, principal, server, tool, policy } = row
  return {
    id,
    state: state as ApprovalState,
    chain: JSON.parse(chain) as string[],
    principal,
    server,
    tool,
    toolDigest: row.tool_digest,
    arguments: row.arguments,
    argumentsDigest: row.arguments_digest,
    policy,
    ...(row.other_params === null ? {} : { otherParams: row.other_params }),
    ...(row.client === null ? {} : { client: row.client }),
    ...(row.session === null ? {} : { session: row.session }),
    atMs: row.at_ms,
    endsAtMs: row.ends_at_ms,
    ...(row.used_by === null ? {} : { usedBy: row.used_by }),
    ...(row.round === null ? {} : { round: row.round }),
    lanes: JSON.parse(row.lanes) as LaneKey[],
  }
}
