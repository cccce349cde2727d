/** Keeps what waits for the owner and what the owner has decided, for all lanes of a share: which call may be made, and once only. */
import type { LaneKey } from '../../contract/lane-key.ts'
import type {
  ApprovalAnswer,
  ApprovalCommand,
  ApprovalDecision,
  ApprovalPlace,
  HoldOrder,
  ApprovalVerdict,
  DecidedApproval,
  PendingApproval,
} from '../../contract/trust/approvals.ts'
import {
  APPROVAL_MS,
  APPROVAL_PAGE_BYTES,
  MAX_GRANT_CHARS,
  MAX_GRANTS,
  MAX_HELD_BYTES_OF_SHARE,
  MAX_HELD_OF_LINK,
  USED_APPROVAL_MS,
} from '../../trust-limits.ts'
import { randomKey } from '../../call-key.ts'
import type { ApprovalRow, ApprovalRows, ApprovalState } from '../rows/approval-rows.ts'

interface Parts {
  readonly rows: ApprovalRows
  /** Lanes are to hear that these are decided, or over. */
  readonly tell: (lanes: readonly LaneKey[], ids: readonly string[]) => void
  /** The owner has decided. */
  readonly decided: (row: ApprovalRow, decision: ApprovalDecision) => void
  /** Has `sweep` called by then. */
  readonly alarmBy: (timeMs: number) => void
}

/** As long as the id of a link. It is no secret. */
const ID_CHARS = 24

type Ask = Extract<HoldOrder, { readonly op: 'ask' }>

const STATES: { readonly [Decision in ApprovalDecision]: ApprovalState } = { allow: 'allowed', deny: 'denied', always: 'always' }
const DECISIONS: ReadonlyMap<ApprovalState, ApprovalDecision> = new Map([
  ['allowed', 'allow'],
  ['denied', 'deny'],
  ['always', 'always'],
])

export class ApprovalKeeper {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#parts.rows.forget()
  }

  /** Whether a call may be made now. What lets it through once is used up by its key, which may come again. */
  ask(order: Ask, nowMs: number): ApprovalVerdict {
    const { rows } = this.#parts
    const { ask, key, lane } = order
    const living = (rowsOf: ApprovalRow[]): ApprovalRow[] => rowsOf.filter(({ endsAtMs }) => endsAtMs === 0 || endsAtMs > nowMs)
    const same = living(rows.same(ask))
    // What such a call brings was asked for in the middle of the one that was allowed.
    const before = order.goesOn === undefined ? [] : living(rows.same({ ...ask, argumentsDigest: order.goesOn.argumentsDigest }))
    if ([...same, ...before].some(({ usedBy, state }) => usedBy === key || state === 'always')) return { kind: 'go', isUsed: false }
    const goesOn = before.find((row) => row.state === 'used' && row.round === order.goesOn?.round)
    if (goesOn !== undefined) {
      const { round: _, ...rest } = goesOn
      rows.change({ ...rest, usedBy: key })
      return { kind: 'go', isUsed: true }
    }
    // An order of the owner's was about what the policies were then.
    const now = same.filter(({ policy }) => policy === ask.policy)
    const allowed = now.find(({ state }) => state === 'allowed')
    if (allowed !== undefined) {
      rows.change({ ...allowed, state: 'used', usedBy: key, endsAtMs: allowed.endsAtMs + USED_APPROVAL_MS })
      return { kind: 'go', isUsed: true }
    }
    const denied = now.find(({ state }) => state === 'denied')
    if (denied !== undefined) return { kind: 'denied', id: denied.id }
    const pending = now.find(({ state }) => state === 'pending')
    if (pending === undefined) return this.#hold(order, nowMs)
    if (!pending.lanes.includes(lane)) rows.change({ ...pending, lanes: [...pending.lanes, lane] })
    return { kind: 'held', id: pending.id }
  }

  /** The call that was let through has not been made: whoever makes it next needs not ask again. */
  release(key: string, round?: string): void {
    const row = this.#parts.rows.usedBy(key)
    if (row === undefined) return
    const { usedBy: _, ...rest } = row
    if (round === undefined) this.#parts.rows.change({ ...rest, state: 'allowed', endsAtMs: row.endsAtMs - USED_APPROVAL_MS })
    else this.#parts.rows.change({ ...rest, round })
  }

  /** The answer to a call has asked for more: a retry that names it goes on with that call, which it need not do under its key. */
  noteRound(key: string, round: string): void {
    const row = this.#parts.rows.usedBy(key)
    if (row?.state === 'used') this.#parts.rows.change({ ...row, round })
  }

  obey(command: ApprovalCommand, nowMs: number): ApprovalAnswer {
    this.sweep(nowMs)
    switch (command.op) {
      case 'approvals':
        return this.#list(command.after)
      case 'decide_approval':
        return this.#decide(command.id, command.decision, nowMs)
      case 'forget_approval': {
        const row = this.#parts.rows.get(command.id)
        if (row === undefined || !DECISIONS.has(row.state)) return { outcome: 'unknown' }
        this.#parts.rows.delete(row.id)
        return {}
      }
    }
  }

  /** Ends what waits for clients that are let in no more, and what they might do once or always if that is for good. */
  drop(refused: (chain: readonly string[]) => 'for now' | 'for good' | undefined): void {
    const { rows, tell } = this.#parts
    for (const { id, chain, state, lanes } of rows.inState('pending', 'allowed', 'denied', 'always')) {
      const isOver = refused(chain)
      if (isOver === undefined || (isOver === 'for now' && state !== 'pending')) continue
      rows.delete(id)
      if (state === 'pending') tell(lanes, [id])
    }
  }

  /** Forgets what has ended; returns when the next does, in milliseconds since 1970. */
  sweep(nowMs: number): number | undefined {
    const { rows, tell } = this.#parts
    for (const { id, state, lanes } of rows.takeEnded(nowMs)) if (state === 'pending') tell(lanes, [id])
    return rows.nextEndMs()
  }

  #hold({ ask, lane }: Ask, nowMs: number): ApprovalVerdict {
    const { rows, alarmBy } = this.#parts
    this.sweep(nowMs)
    const { ofLink, bytes } = rows.pending(ask.chain[0] ?? '')
    if (ofLink >= MAX_HELD_OF_LINK) return { kind: 'full', detail: `${MAX_HELD_OF_LINK} of this link` }
    // Each character has three bytes at most in UTF-8.
    if (bytes + 3 * (ask.arguments.length + (ask.otherParams ?? '').length) > MAX_HELD_BYTES_OF_SHARE)
      return { kind: 'full', detail: 'of all links together' }
    const id = randomKey().slice(0, ID_CHARS)
    const endsAtMs = nowMs + APPROVAL_MS
    rows.add({ ...ask, id, state: 'pending', atMs: nowMs, endsAtMs, lanes: [lane] })
    alarmBy(endsAtMs)
    return { kind: 'held', id }
  }

  #decide(id: string, decision: ApprovalDecision, nowMs: number): ApprovalAnswer {
    const { rows, tell, decided, alarmBy } = this.#parts
    const row = rows.get(id)
    const state = STATES[decision]
    // The same order twice, as of an owner who has not heard the answer.
    if (row?.state === state) return { decided: [shownDecision(row, decision)] }
    if (row?.state !== 'pending') return { outcome: 'unknown' }
    if (decision === 'always' && rows.count('always') >= MAX_GRANTS) return { outcome: 'full' }
    const endsAtMs = decision === 'always' ? 0 : nowMs + APPROVAL_MS
    const now = { ...row, state, endsAtMs, lanes: [] }
    rows.change(now)
    rows.shorten(id, decision === 'always' ? MAX_GRANT_CHARS : 0)
    if (endsAtMs > 0) alarmBy(endsAtMs)
    tell(row.lanes, [id])
    decided(now, decision)
    return { decided: [shownDecision(now, decision)] }
  }

  #list(after: ApprovalPlace | undefined): ApprovalAnswer {
    const { rows } = this.#parts
    const pending: PendingApproval[] = []
    let chars = 0
    let isMore = false
    for (const row of rows.waiting(after?.atMs ?? 0, after?.id ?? '')) {
      chars += row.arguments.length + (row.otherParams ?? '').length
      isMore = pending.length > 0 && chars > APPROVAL_PAGE_BYTES
      if (isMore) break
      pending.push(shownRow(row))
    }
    const decided = after === undefined ? rows.decided() : []
    return { pending, isMore, decided: decided.map((row) => shownDecision(row, DECISIONS.get(row.state) ?? 'deny')) }
  }
}

function shownRow({ id, chain, principal, server, tool, client, session, atMs, endsAtMs, ...row }: ApprovalRow): PendingApproval {
  return {
    id,
    chain,
    principal,
    server,
    tool,
    arguments: row.arguments,
    ...(row.otherParams === undefined ? {} : { otherParams: row.otherParams }),
    ...(client === undefined ? {} : { client }),
    ...(session === undefined ? {} : { session }),
    atMs,
    endsAtMs,
  }
}

function shownDecision(row: ApprovalRow, decision: ApprovalDecision): DecidedApproval {
  const { endsAtMs, ...shown } = shownRow(row)
  return { ...shown, decision, ...(endsAtMs === 0 ? {} : { endsAtMs }) }
}
