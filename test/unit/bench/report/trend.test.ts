import { expect, test } from 'vitest'
import { trendOf } from '../../../../bench/report/trend.ts'

const line = (perMinute: number, noise: readonly number[]): { atMs: number; value: number }[] =>
  noise.map((more, at) => ({ atMs: 1_800_000_000_000 + at * 2000, value: 1000 + (perMinute * at) / 30 + more }))

test('trendOf() finds the slope of a straight line, without error', () => {
  const { perMinute, errorPerMinute } = trendOf(line(60, [0, 0, 0, 0, 0]))
  expect(perMinute).toBeCloseTo(60, 3)
  expect(errorPerMinute).toBeCloseTo(0, 3)
})

test('trendOf() says of noise that goes nowhere that its slope is within the error', () => {
  const { perMinute, errorPerMinute } = trendOf(line(0, [5, -5, 5, -5, 5, -5, 5, -5, 5]))
  expect(Math.abs(perMinute)).toBeLessThan(2 * errorPerMinute)
})

test.each([[[]], [[1, 2]]])('trendOf() knows no trend of %j', (values) => {
  expect(trendOf(line(0, values)).perMinute).toBeNaN()
})
