import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Rate } from '../../../../../protocol/policy/rate-limits.ts'
import { type Bucket, drain, fill, isEmptyBy, waitFor } from '../../../../../worker/share/trust/bucket.ts'

const PERIOD_MS = { second: 1000, minute: 60_000, hour: 3_600_000 } as const
const DAY_MS = 86_400_000
const NOW_MS = 1_796_000_000_000

/** A caller that takes what it can get. */
class Taker {
  bucket: Bucket | undefined
  readonly rate: Rate

  constructor(rate: Rate) {
    this.rate = rate
  }

  take(nowMs: number, cost = 1): boolean {
    const bucket = drain(this.rate, this.bucket, nowMs)
    const isLet = waitFor(this.rate, bucket, cost, nowMs) === 0
    if (isLet) this.bucket = fill(this.rate, bucket, cost)
    return isLet
  }
}

const evenRate = fc.record({ count: fc.integer({ min: 1, max: 1000 }), per: fc.constantFrom('second', 'minute', 'hour') })
const anyRate = fc.record({ count: fc.integer({ min: 1, max: 1e9 }), per: fc.constantFrom('second', 'minute', 'hour', 'day') })

describe('a rate', () => {
  test('lets through exactly its count at once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.constantFrom('second', 'minute', 'hour', 'day'), (count, per) => {
        const taker = new Taker({ count, per })
        const taken = Array.from({ length: count + 50 }, () => taker.take(NOW_MS)).filter(Boolean)
        expect(taken.length).toBe(count)
      }),
    )
  })

  test('lets through, in any span of time, at most its count and what that span brings', () => {
    fc.assert(
      fc.property(evenRate, fc.array(fc.integer({ min: 0, max: 10_000 }), { maxLength: 300 }), ({ count, per }, steps) => {
        const taker = new Taker({ count, per })
        const taken: number[] = []
        let nowMs = NOW_MS
        for (const step of steps) if (taker.take((nowMs += step))) taken.push(nowMs)
        for (let from = 0; from < taken.length; from++)
          for (let to = from; to < taken.length; to++) {
            const spanMs = (taken[to] ?? 0) - (taken[from] ?? 0)
            expect(to - from + 1).toBeLessThanOrEqual(count + Math.floor((spanMs * count) / PERIOD_MS[per]))
          }
      }),
      { numRuns: 50 },
    )
  })

  test('says exactly when there is room: then it is let through, and a millisecond before it is not', () => {
    fc.assert(
      fc.property(anyRate, fc.integer({ min: 0, max: 3 * DAY_MS }), (rate, offsetMs) => {
        const nowMs = NOW_MS + offsetMs
        const taker = new Taker(rate)
        expect(taker.take(nowMs, rate.count)).toBe(true)
        const waitMs = waitFor(rate, drain(rate, taker.bucket, nowMs), 1, nowMs)
        expect(waitMs).toBeGreaterThan(0)
        const early = new Taker(rate)
        early.bucket = taker.bucket
        expect(early.take(nowMs + waitMs - 1)).toBe(false)
        expect(taker.take(nowMs + waitMs)).toBe(true)
      }),
    )
  })

  test('gives nothing for a clock that goes back and forth', () => {
    fc.assert(
      fc.property(evenRate, fc.array(fc.integer({ min: -900, max: 900 }), { maxLength: 200 }), ({ count, per }, steps) => {
        const taker = new Taker({ count, per })
        const firstMs = NOW_MS + (steps[0] ?? 0)
        let [nowMs, latestMs, taken] = [NOW_MS, firstMs, 0]
        for (const step of steps) {
          // Within a second: who was further ahead is not waited for.
          nowMs = Math.max(latestMs - 900, nowMs + step)
          latestMs = Math.max(latestMs, nowMs)
          if (taker.take(nowMs)) taken++
        }
        expect(taken).toBeLessThanOrEqual(count + Math.floor(((latestMs - firstMs) * count) / PERIOD_MS[per]))
      }),
    )
  })

  test('of a clock that was far ahead does not wait for that', () => {
    const taker = new Taker({ count: 1, per: 'minute' })
    expect(taker.take(NOW_MS + 1e9)).toBe(true)
    expect(taker.take(NOW_MS + 1e9 - 60_000)).toBe(false)
    expect(taker.take(NOW_MS)).toBe(true)
    expect(taker.take(NOW_MS)).toBe(false)
  })

  test('of a day lasts until the day ends in UTC, and then begins anew', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: DAY_MS / 3 }), { maxLength: 100 }), (steps) => {
        const taker = new Taker({ count: 5, per: 'day' })
        const tried = new Map<number, number>()
        const taken = new Map<number, number>()
        let nowMs = NOW_MS
        for (const step of steps) {
          const day = Math.floor((nowMs += step) / DAY_MS)
          tried.set(day, (tried.get(day) ?? 0) + 1)
          if (taker.take(nowMs)) taken.set(day, (taken.get(day) ?? 0) + 1)
        }
        for (const [day, count] of tried) expect(taken.get(day)).toBe(Math.min(5, count))
      }),
    )
  })

  test('that was gone beyond stays exact, and is paid for in time', () => {
    const rate = { count: 1000, per: 'second' } as const
    const over = fill(rate, drain(rate, undefined, NOW_MS), 1_500)
    expect(waitFor(rate, over, 1, NOW_MS)).toBe(501)
    expect(fill(rate, over, 1e12).level).toBe(2 * 1000 * 1000)
  })

  test('of which more is asked than it ever has says when it is empty', () => {
    const rate = { count: 10, per: 'second' } as const
    const bucket = fill(rate, drain(rate, undefined, NOW_MS), 5)
    expect(waitFor(rate, bucket, 11, NOW_MS)).toBe(500)
    expect(waitFor(rate, drain(rate, undefined, NOW_MS), 11, NOW_MS)).toBe(1)
  })

  test('keeps what is used when its count changes, and begins anew with another unit of time', () => {
    const bucket = fill({ count: 3, per: 'hour' }, drain({ count: 3, per: 'hour' }, undefined, NOW_MS), 3)
    expect(waitFor({ count: 4, per: 'hour' }, bucket, 1, NOW_MS)).toBe(0)
    expect(waitFor({ count: 3, per: 'hour' }, bucket, 1, NOW_MS)).toBeGreaterThan(0)
    expect(drain({ count: 3, per: 'day' }, bucket, NOW_MS).level).toBe(0)
  })
})

test('isEmptyBy() says only of what has drained at any rate that it is empty', () => {
  fc.assert(
    fc.property(anyRate, fc.integer({ min: 0, max: 4 * DAY_MS }), (rate, laterMs) => {
      const full = fill(rate, drain(rate, undefined, NOW_MS), 3 * rate.count)
      if (isEmptyBy(full, NOW_MS + laterMs)) expect(drain(rate, full, NOW_MS + laterMs).level).toBe(0)
    }),
  )
})
