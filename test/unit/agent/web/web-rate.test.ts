/** The rate of web exchanges beside calls, against a clock that the test moves. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WEB_RATE_BYTES_PER_MS } from '../../../../agent/web-limits.ts'
import { WebRate } from '../../../../agent/web/web-rate.ts'
import { WEB_CHUNK_BYTES } from '../../../../protocol/web/web-limits.ts'
import { verifies } from '../../../requirements/verifies.ts'

/** How much is sent in so many milliseconds by one who sends a frame whenever it may, and is woken up to `lateMs` late. */
function sentIn(rate: WebRate, fromMs: number, forMs: number, lateMs: (at: number) => number): number {
  let bytes = 0
  for (let nowMs = fromMs, at = 0; nowMs < fromMs + forMs; at++) {
    const waitMs = rate.waitMs(nowMs)
    if (waitMs > 0) nowMs += waitMs + lateMs(at)
    else {
      rate.sent(WEB_CHUNK_BYTES, nowMs)
      bytes += WEB_CHUNK_BYTES
    }
  }
  return bytes
}

describe('WebRate', () => {
  test('lets out as much as the rate allows, and no more, however late its timers are', () => {
    verifies('promise.14.flow')
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }), (late) => {
        const bytes = sentIn(new WebRate(), 0, 1000, (at) => late[at % late.length] ?? 0)
        expect(bytes / (WEB_RATE_BYTES_PER_MS * 1000)).toBeGreaterThan(0.9)
        expect(bytes).toBeLessThanOrEqual(WEB_RATE_BYTES_PER_MS * 1000 + 2 * WEB_CHUNK_BYTES)
      }),
    )
  })

  test('does not make up for what went faster before', () => {
    const rate = new WebRate()
    for (let at = 0; at < 10_000; at++) rate.sent(WEB_CHUNK_BYTES, 0)
    expect(rate.waitMs(0)).toBeCloseTo(WEB_CHUNK_BYTES / WEB_RATE_BYTES_PER_MS)
  })

  test('does not save up what was not sent', () => {
    const rate = new WebRate()
    rate.sent(WEB_CHUNK_BYTES, 0)
    expect(sentIn(rate, 60_000, 10, () => 0)).toBeLessThanOrEqual(10 * WEB_RATE_BYTES_PER_MS + 2 * WEB_CHUNK_BYTES)
  })
})
