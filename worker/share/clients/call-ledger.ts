/** Counts what each link does, and notes each call, in memory. It is written every USAGE_FLUSH_MS at most, by alarm: nothing waits for that, and no timer is held for it. */
import type { AuditPage, LinkUse } from '../../contract/call-records.ts'
import { MAX_AUDIT_EVENTS, MAX_CAPTURED_CALLS, MAX_REFUSED_EVENTS, USAGE_FLUSH_MS } from '../../usage-limits.ts'
import type { AuditRows, NewAuditEvent } from '../rows/audit-rows.ts'
import type { CapturedRows } from '../rows/captured-rows.ts'
import type { LinkUses } from '../rows/link-uses.ts'
import { bare, type EndedCall } from './running-calls.ts'

interface Parts {
  readonly uses: LinkUses
  readonly audit: AuditRows
  readonly refused: AuditRows
  readonly captured: CapturedRows
  /** What is shown of a call. */
  readonly shown: (call: EndedCall) => NewAuditEvent
  /** Whether the object has rows: one that was only asked about writes nothing. */
  readonly isKept: () => boolean
  /** Has `flush` called by then. */
  readonly flushBy: (timeMs: number) => void
}

type Count = { calls: number; lastUsedAtMs: number }

export class CallLedger {
  readonly #parts: Parts
  /** What is not written yet. */
  readonly #counts = new Map<string, Count>()
  readonly #ended: EndedCall[] = []
  readonly #refused: EndedCall[] = []
  #lastCallMs: number | undefined
  /** How many of those that are not written yet carry something. */
  #capturedCount = 0
  /** It is to be written soon. */
  #isDue = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#counts.clear()
    this.#lastCallMs = undefined
    this.#ended.length = 0
    this.#refused.length = 0
    this.#parts.refused.forget()
    this.#isDue = false
    this.#parts.uses.forget()
    this.#parts.audit.forget()
    this.#parts.captured.forget()
    this.#capturedCount = 0
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
    for (const link of links) {
      const count = this.#counts.get(link)
      if (count === undefined) this.#counts.set(link, { calls, lastUsedAtMs: nowMs })
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
    const hasCaptured = call.arguments !== undefined || call.result !== undefined
    const isKept = hasCaptured && this.#capturedCount < MAX_CAPTURED_CALLS
    if (isKept) this.#capturedCount++
    // More are not kept in rows either.
    if (this.#ended.push(isKept ? call : bare(call)) > MAX_AUDIT_EVENTS) this.#ended.shift()
    this.#flushSoon(Date.now())
  }

  /** Workers have refused calls. */
  refused(calls: readonly EndedCall[]): void {
    if (!this.#parts.isKept()) return
    this.#refused.push(...calls)
    if (this.#refused.length > MAX_REFUSED_EVENTS) this.#refused.splice(0, this.#refused.length - MAX_REFUSED_EVENTS)
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
    if (this.#ended.length > 0) this.#write(this.#ended.splice(0))
    if (this.#refused.length > 0) this.#parts.refused.add(this.#refused.splice(0).map(this.#parts.shown))
  }

  #write(ended: readonly EndedCall[]): void {
    const first = this.#parts.audit.add(ended.map((call) => this.#parts.shown(bare(call))))
    const captured = ended.flatMap(({ arguments: args, result }, at) =>
      args === undefined && result === undefined
        ? []
        : [{ n: first + at, ...(args === undefined ? {} : { arguments: args }), ...(result === undefined ? {} : { result }) }],
    )
    if (captured.length > 0) this.#parts.captured.add(captured)
    this.#capturedCount = 0
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
