/** Counts what each link does, and notes each call, in memory. It is written every USAGE_FLUSH_MS at most, by alarm: nothing waits for that, and no timer is held for it. */
import { ANONYMOUS } from '../../../protocol/handshake.ts'
import type { AuditPage, LinkUse, RefusedCalls } from '../../contract/call-records.ts'
import { CountedRefusals } from '../../contract/trust/counted-refusals.ts'
import { linkOf } from '../../contract/trust/principals.ts'
import {
  MAX_AUDIT_EVENTS,
  MAX_CAPTURED_CALLS,
  MAX_CAPTURED_CALLS_OF_ONE,
  MAX_REFUSED_EVENTS,
  MAX_REFUSED_KINDS_OF_ONE,
  MAX_STRANGERS_CAPTURED_CALLS,
  MAX_STRANGERS_EVENTS,
  MAX_STRANGERS_REFUSED_EVENTS,
  USAGE_FLUSH_MS,
} from '../../usage-limits.ts'
import { AuditRows, type NewAuditEvent } from '../rows/audit-rows.ts'
import { CapturedRows } from '../rows/captured-rows.ts'
import { type RingBounds, withoutSurplus } from '../rows/equal-share.ts'
import type { LinkUses } from '../rows/link-uses.ts'
import { bare, type EndedCall, statusOf } from './running-calls.ts'

interface Parts extends ReturnType<typeof auditRows> {
  readonly uses: LinkUses
  /** What is shown of a call. */
  readonly shown: (call: EndedCall) => NewAuditEvent
  /** Whether the object has rows: one that was only asked about writes nothing. */
  readonly isKept: () => boolean
  /** Has `flush` called by then. */
  readonly flushBy: (timeMs: number) => void
}

/** `root`: the owner's link that the counted one comes from. */
type Count = { calls: number; lastUsedAtMs: number; readonly root: string }

const EVENTS: RingBounds = { most: MAX_AUDIT_EVENTS, mostOfStrangers: MAX_STRANGERS_EVENTS }
const REFUSED_EVENTS: RingBounds = { most: MAX_REFUSED_EVENTS, mostOfStrangers: MAX_STRANGERS_REFUSED_EVENTS }
const CAPTURED_CALLS: RingBounds = { most: MAX_CAPTURED_CALLS, mostOfStrangers: MAX_STRANGERS_CAPTURED_CALLS }

/** What is kept of calls: of those that were made, of those that were refused, and what they carried. */
export function auditRows(sql: SqlStorage) {
  return {
    audit: new AuditRows(sql, 'audit', EVENTS),
    refused: new AuditRows(sql, 'audit_refused', REFUSED_EVENTS),
    captured: new CapturedRows(sql, CAPTURED_CALLS),
  }
}

export class CallLedger {
  readonly #parts: Parts
  /** What is not written yet. */
  readonly #counts = new Map<string, Count>()
  #ended: EndedCall[] = []
  readonly #refused = new CountedRefusals({ most: MAX_REFUSED_EVENTS, mostOfOne: MAX_REFUSED_KINDS_OF_ONE })
  #lastCallMs: number | undefined
  /** How many of those that are not written yet carry something, by whose they are. */
  readonly #capturedCounts = new Map<string, number>()
  /** It is to be written soon. */
  #isDue = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#counts.clear()
    this.#lastCallMs = undefined
    this.#ended = []
    this.#refused.clear()
    this.#parts.refused.forget()
    this.#isDue = false
    this.#parts.uses.forget()
    this.#parts.audit.forget()
    this.#parts.captured.forget()
    this.#capturedCounts.clear()
  }

  /** The owner wants to know no more what calls carried: what is kept of that goes. */
  dropCaptured(): void {
    this.flush()
    this.#parts.captured.drop()
  }

  /** Whoever has come with these links, the last of which was narrowed from those before it, uses them. `calls`: requests that are counted. */
  used(links: readonly string[], calls: number, nowMs: number): void {
    if (!this.#parts.isKept()) return
    if (calls > 0) this.#lastCallMs = nowMs
    const [root = ''] = links
    for (const link of links) {
      const count = this.#counts.get(link)
      if (count === undefined) this.#counts.set(link, { calls, lastUsedAtMs: nowMs, root })
      else {
        count.calls += calls
        count.lastUsedAtMs = nowMs
      }
    }
    this.#flushSoon(nowMs)
  }

  /** A call has ended. */
  record(call: EndedCall): void {
    if (!this.#parts.isKept()) return
    this.#ended.push(this.#mayCarry(call) ? call : bare(call))
    // So many are looked through together: each alone would pay for all.
    if (this.#ended.length > 2 * MAX_AUDIT_EVENTS) this.#dropSurplus()
    this.#flushSoon(Date.now())
  }

  /** More are not kept in rows either. */
  #dropSurplus(): void {
    if (this.#ended.length > MAX_AUDIT_EVENTS) this.#ended = withoutSurplus(this.#ended, ({ whose }) => whose, EVENTS)
  }

  /** Whether what a call carried is kept until it is written: nobody takes the room of all. */
  #mayCarry({ whose, arguments: args, result }: EndedCall): boolean {
    if (args === undefined && result === undefined) return false
    const counts = this.#capturedCounts
    const count = counts.get(whose) ?? 0
    const most = whose === ANONYMOUS ? MAX_STRANGERS_CAPTURED_CALLS : MAX_CAPTURED_CALLS_OF_ONE
    const all = Array.from(counts.values()).reduce((sum, one) => sum + one, 0)
    if (count >= most || all >= MAX_CAPTURED_CALLS + MAX_STRANGERS_CAPTURED_CALLS) return false
    counts.set(whose, count + 1)
    return true
  }

  /** Calls were refused before anything was done for them. */
  refused(calls: readonly RefusedCalls[]): void {
    if (!this.#parts.isKept()) return
    for (const call of calls) this.#refused.add(call)
    this.#flushSoon(Date.now())
  }

  /** When a request that is counted was let in last, in milliseconds since 1970; undefined when that was before the object slept. */
  get lastCallMs(): number | undefined {
    return this.#lastCallMs
  }

  #flushSoon(nowMs: number): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#parts.flushBy(nowMs + USAGE_FLUSH_MS)
  }

  /** Writes what is not written yet. */
  flush(): void {
    this.#isDue = false
    if (this.#counts.size > 0) this.#parts.uses.add(Array.from(this.#counts, ([id, count]) => ({ id, ...count })))
    this.#counts.clear()
    this.#dropSurplus()
    if (this.#ended.length > 0) this.#write(this.#ended)
    this.#ended = []
    const refused = this.#refused.take()
    if (refused.length > 0) this.#parts.refused.add(refused.map((call) => this.#parts.shown(refusedCall(call))))
  }

  #write(ended: readonly EndedCall[]): void {
    const first = this.#parts.audit.add(ended.map((call) => this.#parts.shown(bare(call))))
    const captured = ended.flatMap(({ whose, arguments: args, result }, at) => {
      if (args === undefined && result === undefined) return []
      return [
        { whose, item: { n: first + at, ...(args === undefined ? {} : { arguments: args }), ...(result === undefined ? {} : { result }) } },
      ]
    })
    if (captured.length > 0) this.#parts.captured.add(captured)
    this.#capturedCounts.clear()
  }

  /** The calls behind one number, and the refusals behind another. They are written first, so that no number is given twice, whatever happens then. */
  events(after: number, afterRefused: number): AuditPage {
    this.flush()
    const events = this.#parts.audit.page(after)
    const captured = this.#parts.captured.between(events[0]?.n ?? 0, events.at(-1)?.n ?? -1)
    return { events: events.map((event) => ({ ...event, ...captured.get(event.n) })), refused: this.#parts.refused.page(afterRefused) }
  }

  /** What each link has done. Nothing is written for the question. */
  uses(): LinkUse[] {
    const uses = new Map(this.#parts.uses.all().map((use) => [use.id, use]))
    for (const [id, { calls, lastUsedAtMs }] of this.#counts) uses.set(id, { id, calls: calls + (uses.get(id)?.calls ?? 0), lastUsedAtMs })
    return [...uses.values()]
  }
}

function refusedCall({ principal, outcome, ...call }: RefusedCalls): EndedCall {
  const link = principal === '' ? call.whose : linkOf(principal)
  return { ...call, principal, link, outcome, status: statusOf(outcome), ms: null, bytes: 0 }
}
