import { expect, test } from 'vitest'
import { durationMs } from '../../../../agent/config/option-values.ts'

test.each([
  ['90s', 90_000],
  ['30m', 1_800_000],
  ['1h', 3_600_000],
  ['0.1', 100],
  ['250ms', 250],
  ['0', 0],
])('durationMs(%s) is %d', (text, ms) => {
  expect(durationMs('--x', text, 0)).toBe(ms)
})

test.each(['', '1e3', '-1s', ' 1s', '1 s', '1000h', 'NaN', '٣s'])('durationMs() refuses %j', (text) => {
  expect(() => durationMs('--x', text, 0)).toThrow(expect.objectContaining({ code: 'USAGE' }))
})
