/** How much of one rate is used: GCRA, that is a bucket that drains evenly; of a day, what was used since it began in UTC. Pure, and exact: whole numbers only. */
import type { Rate, RateUnit } from '../../../protocol/policy/rate-limits.ts'

/** `level`: what is used, in calls, bytes or milliseconds, times the milliseconds of the unit of time; of a day as it is. */
export interface Bucket {
  readonly per: RateUnit
  /** Until when it has drained, in milliseconds since 1970. */
  readonly atMs: number
  readonly level: number
}

const DAY_MS = 86_400_000
const PERIOD_MS: Readonly<Record<RateUnit, number>> = { second: 1000, minute: 60_000, hour: 3_600_000, day: DAY_MS }

/** The bucket as it is now; a full allowance where there was none, or one of another unit of time. */
export function drain({ count, per }: Rate, bucket: Bucket | undefined, nowMs: number): Bucket {
  if (bucket?.per !== per) return { per, atMs: nowMs, level: 0 }
  const { atMs, level } = bucket
  // A clock that goes back brings no time twice. One that was ahead by more than all of the allowance takes is not waited for.
  if (nowMs < atMs) return atMs - nowMs > PERIOD_MS[per] ? { per, atMs: nowMs, level: 0 } : bucket
  if (per === 'day') return { per, atMs: nowMs, level: dayOf(nowMs) > dayOf(atMs) ? 0 : level }
  return { per, atMs: nowMs, level: Math.max(0, level - (nowMs - atMs) * count) }
}

/** How long until `cost` fits in a drained bucket, in milliseconds: 0 when it fits now. What never fits may ask again when the bucket is empty. */
export function waitFor({ count, per }: Rate, { level }: Bucket, cost: number, nowMs: number): number {
  const over = level + (cost - count) * weightOf(per)
  if (over <= 0) return 0
  if (per === 'day') return DAY_MS - (nowMs % DAY_MS)
  return Math.max(1, Math.ceil(Math.min(over, level) / count))
}

/** A drained bucket with more in it. What is known only afterwards may go beyond the rate, at most to its double. */
export function fill({ count, per }: Rate, bucket: Bucket, cost: number): Bucket {
  return { ...bucket, level: Math.min(2 * count * weightOf(per), bucket.level + cost * weightOf(per)) }
}

/** Whether it has drained by then whatever its rate. */
export function isEmptyBy({ per, atMs }: Bucket, nowMs: number): boolean {
  return per === 'day' ? dayOf(nowMs) > dayOf(atMs) : nowMs - atMs > 2 * PERIOD_MS[per]
}

function weightOf(per: RateUnit): number {
  return per === 'day' ? 1 : PERIOD_MS[per]
}

function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS)
}
