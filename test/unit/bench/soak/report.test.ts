import { expect, test } from 'vitest'
import { judgeGrowth } from '../../../../bench/soak/report.ts'
import type { Sample } from '../../../../bench/report/trend.ts'

/** A minute of samples that gain so many KiB in it, after so many KiB gained while it was warming up. */
function samples(kibPerMinute: number, warmUpKib = 0): Sample[] {
  return Array.from({ length: 60 }, (_, at) => ({ atMs: at * 1000, value: (kibPerMinute * at) / 60 + warmUpKib * Math.min(1, at / 15) }))
}

test.each([
  ['grows', samples(500), 1],
  ['is flat', samples(0), 0],
  ['grows less than the limit', samples(90), 0],
  ['only grew while it was warming up', samples(0, 50_000), 0],
  ['shrinks', samples(-500), 0],
])('judgeGrowth() of workerd that %s', (_, series, count) => {
  expect(judgeGrowth(new Map([['workerd', series]]), 1, 100).growing).toHaveLength(count)
})

test('judgeGrowth() judges no agent in its first ten minutes, and says so', () => {
  const early = judgeGrowth(new Map([['agent 0', samples(5000)]]), 3, 100)
  expect(early.growing).toEqual([])
  expect(early.lines).toEqual([expect.stringContaining('not judged')])
  expect(judgeGrowth(new Map([['agent 0', samples(5000)]]), 30, 100).growing).toHaveLength(1)
})

test('judgeGrowth() takes figures that have no trend for growth', () => {
  expect(judgeGrowth(new Map([['workerd', samples(0).slice(0, 2)]]), 1, 100).growing).toHaveLength(1)
})
