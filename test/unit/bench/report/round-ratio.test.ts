import { expect, test } from 'vitest'
import { inTurn, roundRatio } from '../../../../bench/report/round-ratio.ts'

const rounds = (...values: number[]): { callsPerS: number }[] => values.map((callsPerS) => ({ callsPerS }))

test('roundRatio() compares each round with the one beside it, so that a slow machine counts for both', () => {
  expect(roundRatio(rounds(100, 10, 200), rounds(110, 11, 220), 'callsPerS')).toEqual({
    median: expect.closeTo(1.1),
    least: expect.closeTo(1.1),
    most: expect.closeTo(1.1),
  })
})

test('roundRatio() tells the median and how far the rounds lie apart', () => {
  expect(roundRatio(rounds(100, 100, 100), rounds(90, 100, 150), 'callsPerS')).toEqual({ median: 1, least: 0.9, most: 1.5 })
})

test('roundRatio() of a figure that nobody has is no number', () => {
  expect(roundRatio(rounds(1), rounds(1), 'p50Ms').median).toBeNaN()
})

test('inTurn() changes who comes first with each round', () => {
  expect([0, 1, 2].flatMap((round) => inTurn('A', 'B', round)).join(' ')).toBe('A B B A A B')
})
