import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Backoff } from '../../../../agent/link/backoff.ts'
import { verifies } from '../../../requirements/verifies.ts'

test('Backoff doubles from half to the whole of minMs, up to maxMs', () => {
  const least = new Backoff({ minMs: 1000, maxMs: 60_000, random: () => 0 })
  expect(Array.from({ length: 8 }, () => least.nextMs())).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  const most = new Backoff({ minMs: 1000, maxMs: 60_000, random: () => 0.9999999 })
  expect(Array.from({ length: 8 }, () => most.nextMs())).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
})

test('Backoff never leaves its bounds, however often it fails, and reset() starts it over', () => {
  verifies('promise.10.retries')
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60_000 }),
      fc.nat(2000),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (minMs, failures, luck) => {
        const backoff = new Backoff({ minMs, maxMs: 60_000, random: () => luck })
        const first = backoff.nextMs()
        for (let at = 0; at < failures; at++) {
          const ms = backoff.nextMs()
          expect(ms).toBeGreaterThanOrEqual(Math.floor(minMs / 2))
          expect(ms).toBeLessThanOrEqual(60_000)
        }
        expect(backoff.failures).toBe(failures + 1)
        backoff.reset()
        expect(backoff.failures).toBe(0)
        expect(backoff.nextMs()).toBe(first)
      },
    ),
    { numRuns: 50 },
  )
})
