/** Keeps what is used of limits, in memory, and has it kept elsewhere now and then. A call is charged to all of its limits or to none. */
import { RATE_MEMBERS, type RateLimits, type RateMember } from '../../../protocol/policy/rate-limits.ts'
import { type Charge, type Exhausted, isAddressCharge, type MeterOrder, SHARE_CHARGE } from '../../contract/trust/metering.ts'
import { BUSY_LIMIT_RETRY_MS, MAX_METERED_CALL_MS, MAX_PAID_CALLS } from '../../trust-limits.ts'
import { Newest } from '../../newest.ts'
import { type Bucket, drain, fill, waitFor } from './bucket.ts'
import { type Used, UsedTable } from './used-table.ts'

/** What is used of all limits that are kept here. */
export type KeptUse = Pick<UsedTable, 'get' | 'entries'>

/** Where it is noted what is used, so that it outlives the memory. */
export interface MeterNotes {
  /** What was noted last. */
  load(): Iterable<readonly [string, Used]>
  /** More was used of some limit. `used`: of all of them, to be read whenever it is noted. */
  changed(used: KeptUse): void
  /** A limit is used up. */
  exhausted(): void
  /** There is nothing to note any more. */
  forget(): void
}

export class Meters {
  readonly #notes: MeterNotes
  #used: UsedTable | undefined
  /** Keys of calls that were charged. */
  readonly #paid = new Newest<true>(MAX_PAID_CALLS)
  /** Calls under way, by key: to whom they are charged, and since when. */
  readonly #running = new Map<string, { readonly names: readonly string[]; readonly sinceMs: number }>()
  readonly #runningOf = new Map<string, number>()

  constructor(notes: MeterNotes) {
    this.#notes = notes
  }

  /** Forgets everything in memory. */
  forget(): void {
    this.#used = undefined
    this.#notes.forget()
    this.#running.clear()
    this.#runningOf.clear()
  }

  order(order: MeterOrder, nowMs: number): Exhausted | undefined {
    if (order.op === 'settle') return this.#settle(order, nowMs)
    if (order.op === 'look') return this.#room(order.charges, 0, nowMs)
    const { key, charges } = order
    if (order.op === 'begin') return this.begin(key, charges, nowMs)
    const { bytes } = order
    if (this.#paid.get(key) !== undefined) return this.begin(key, charges, nowMs)
    const exhausted = this.#room(charges, bytes, nowMs)
    if (exhausted !== undefined) {
      this.#notes.exhausted()
      return exhausted
    }
    this.#add(charges, { calls: 1, bytes }, nowMs)
    return this.begin(key, charges, nowMs)
  }

  /** A call that has been paid for is under way. */
  begin(key: string, charges: readonly Charge[], nowMs: number): undefined {
    if (this.#running.has(key)) return
    this.#paid.set(key, true)
    const names = charges.filter(({ limits }) => limits.concurrent !== undefined).map(({ name }) => name)
    if (names.length === 0) return
    this.#running.set(key, { names, sinceMs: nowMs })
    for (const name of names) this.#runningOf.set(name, (this.#runningOf.get(name) ?? 0) + 1)
  }

  #settle({ key, charges, bytes, ms }: Extract<MeterOrder, { readonly op: 'settle' }>, nowMs: number): undefined {
    this.#end(key)
    if (bytes > 0 || ms > 0) this.#add(charges, { bytes, seconds: ms }, nowMs)
  }

  #end(key: string): void {
    const running = this.#running.get(key)
    this.#running.delete(key)
    for (const name of running?.names ?? []) {
      const left = (this.#runningOf.get(name) ?? 1) - 1
      if (left > 0) this.#runningOf.set(name, left)
      else this.#runningOf.delete(name)
    }
  }

  /** Why a call may not be made; undefined when every limit has room for it. */
  #room(charges: readonly Charge[], bytes: number, nowMs: number): Exhausted | undefined {
    let exhausted: Exhausted | undefined
    for (const { name, limits } of charges) {
      const { concurrent } = limits
      if (concurrent !== undefined && this.#isBusy(name, concurrent, nowMs))
        exhausted = later(exhausted, name, 'concurrent', BUSY_LIMIT_RETRY_MS)
      for (const member of RATE_MEMBERS) {
        const rate = limits[member]
        if (rate === undefined) continue
        const bucket = drain(rate, this.#table.get(name)?.[member], nowMs)
        const waitMs = waitFor(rate, bucket, member === 'bytes' ? Math.max(1, bytes) : 1, nowMs)
        if (waitMs > 0) exhausted = later(exhausted, name, member, waitMs)
      }
    }
    return exhausted
  }

  /** Calls whose end was never told, as when their lane was reset, do not count for ever. */
  #isBusy(name: string, most: number, nowMs: number): boolean {
    if ((this.#runningOf.get(name) ?? 0) < most) return false
    for (const [key, { sinceMs }] of this.#running) if (nowMs - sinceMs > MAX_METERED_CALL_MS) this.#end(key)
    return (this.#runningOf.get(name) ?? 0) >= most
  }

  #add(charges: readonly Charge[], costs: { readonly [Member in RateMember]?: number }, nowMs: number): void {
    for (const { name, limits } of charges) {
      const before = this.#table.get(name)
      const after: { -readonly [Member in RateMember]?: Bucket } = { ...before }
      for (const member of RATE_MEMBERS) {
        const rate = limits[member]
        const cost = costs[member] ?? 0
        if (rate !== undefined && cost > 0) after[member] = fill(rate, drain(rate, before?.[member], nowMs), cost)
      }
      const place = this.#table.placeOf(name, (used) => isDrained(limits, used, nowMs))
      this.#table.set(place, after)
    }
    this.#notes.changed(this.#table)
  }

  get #table(): UsedTable {
    if (this.#used === undefined) {
      this.#used = new UsedTable()
      for (const [noted, used] of this.#notes.load()) this.#used.set(noted, used)
    }
    return this.#used
  }
}

/** Whether nothing is used any more that these limits bound. */
function isDrained(limits: RateLimits, used: Used, nowMs: number): boolean {
  return RATE_MEMBERS.every((member) => {
    const rate = limits[member]
    return rate === undefined || drain(rate, used[member], nowMs).level === 0
  })
}

/** The limit for which a caller waits longest. */
function later(before: Exhausted | undefined, name: string, member: RateMember | 'concurrent', retryAfterMs: number): Exhausted {
  if (before !== undefined && before.retryAfterMs >= retryAfterMs) return before
  const whose = name === SHARE_CHARGE ? 'share' : isAddressCharge(name) ? 'address' : 'link'
  return { kind: 'limited', retryAfterMs, detail: `${member} of the ${whose}` }
}
