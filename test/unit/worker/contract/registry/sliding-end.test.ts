import fc from 'fast-check'
import { expect, test } from 'vitest'
import { slidEnd, slidingStep } from '../../../../../worker/contract/registry/sliding-end.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

test.each([
  ['a hundredth of a long life', 100 * DAY_MS, DAY_MS],
  ['a minute of a short one', HOUR_MS, MINUTE_MS],
  ['a quarter of one for which a minute is much', 2 * MINUTE_MS, MINUTE_MS / 2],
])('slidingStep() is %s', (_what, lifeMs, stepMs) => {
  expect(slidingStep(lifeMs)).toBe(stepMs)
})

test('slidEnd() leaves an end where it is until a use asks for a step more', () => {
  expect(slidEnd(HOUR_MS, HOUR_MS, MINUTE_MS - 1)).toBeUndefined()
  expect(slidEnd(HOUR_MS, HOUR_MS, MINUTE_MS)).toBe(HOUR_MS + MINUTE_MS)
})

test('an end that is moved at uses is never later than a life behind the last, nor earlier by a step, and moves once a step', () => {
  const lives = fc.integer({ min: 1000, max: 366 * DAY_MS })
  fc.assert(
    fc.property(lives, fc.array(fc.double({ min: 0, max: 0.5, noNaN: true }), { maxLength: 50 }), (lifeMs, gaps) => {
      let [endMs, nowMs, movedAtMs] = [lifeMs, 0, 0]
      for (const gap of gaps) {
        nowMs += Math.floor(gap * lifeMs)
        const movedMs = slidEnd(endMs, lifeMs, nowMs)
        if (movedMs !== undefined) {
          expect(nowMs - movedAtMs).toBeGreaterThanOrEqual(slidingStep(lifeMs))
          ;[endMs, movedAtMs] = [movedMs, nowMs]
        }
        expect(endMs).toBeLessThanOrEqual(nowMs + lifeMs)
        expect(endMs).toBeGreaterThan(nowMs + lifeMs - slidingStep(lifeMs))
      }
    }),
  )
})
