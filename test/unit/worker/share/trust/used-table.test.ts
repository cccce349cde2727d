import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RateLimits } from '../../../../../protocol/policy/rate-limits.ts'
import { addressCharge } from '../../../../../worker/contract/trust/metering.ts'
import { Meters } from '../../../../../worker/share/trust/meters.ts'
import type { Used } from '../../../../../worker/share/trust/used-table.ts'
import { MAX_ADDRESS_METERS, SHARED_ADDRESS_METERS } from '../../../../../worker/trust-limits.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const NOW_MS = 1_796_000_000_000
const LIMITS: RateLimits = { calls: { count: 3, per: 'minute' } }

/** Meters that note what is used nowhere but in `noted`. */
function made(noted: (readonly [string, Used])[] = []): { readonly meters: Meters; readonly kept: () => (readonly [string, Used])[] } {
  let kept = noted
  const meters = new Meters({
    load: () => noted,
    changed: (used) => (kept = [...used.entries()]),
    exhausted: () => undefined,
    forget: () => undefined,
  })
  return { meters, kept: () => kept }
}

let keys = 0

/** How many of so many calls from an address get through. */
function letThrough(meters: Meters, address: string, count: number, nowMs = NOW_MS): number {
  const charges = [{ name: addressCharge(address), limits: LIMITS }]
  const results = Array.from({ length: count }, () => meters.order({ op: 'spend', key: String(keys++), charges, bytes: 0 }, nowMs))
  return results.filter((exhausted) => exhausted === undefined).length
}

test('UsedTable lets nobody begin anew because others come, however many', () => {
  verifies('promise.12.addresses')
  const { meters, kept } = made()
  expect(letThrough(meters, 'hot', 9)).toBe(3)
  for (let n = 0; n < 3 * MAX_ADDRESS_METERS; n++) letThrough(meters, `other-${n}`, 4)
  expect(letThrough(meters, 'hot', 9)).toBe(0)
  expect(kept().length).toBeLessThanOrEqual(MAX_ADDRESS_METERS + SHARED_ADDRESS_METERS)
  // Nor do those beyond the bound: they share what there is left.
  const late = Array.from({ length: 500 }, (_, n) => letThrough(meters, `late-${n}`, 9))
  expect(late.reduce((sum, passed) => sum + passed, 0)).toBe(0)
})

test('UsedTable gives a place to the next once nothing of another is used any more, and what it has shared still counts', () => {
  const { meters } = made()
  for (let n = 0; n < MAX_ADDRESS_METERS; n++) expect(letThrough(meters, `other-${n}`, 1)).toBe(1)
  expect(letThrough(meters, 'late', 9)).toBe(3)
  // The others have drained a call by then, and it one of three.
  expect(letThrough(meters, 'late', 9, NOW_MS + 20_000)).toBe(1)
  expect(letThrough(meters, 'later', 9, NOW_MS + 20_000)).toBe(3)
})

test('what is used from each address is what it has used, in any order, and is so after it was noted and read again', () => {
  verifies('promise.12.addresses')
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 5 })), { maxLength: 60 }), (calls) => {
      let { meters, kept } = made()
      const passed = new Map<number, number>()
      for (const [at, [address, count]] of calls.entries()) {
        passed.set(address, (passed.get(address) ?? 0) + letThrough(meters, String(address), count))
        if (at % 7 === 3) ({ meters, kept } = made(kept()))
      }
      const asked = new Map<number, number>()
      for (const [address, count] of calls) asked.set(address, (asked.get(address) ?? 0) + count)
      for (const [address, count] of asked) expect(passed.get(address)).toBe(Math.min(3, count))
    }),
  )
})
