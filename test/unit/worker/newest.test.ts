import { expect, test } from 'vitest'
import { Newest } from '../../../worker/newest.ts'
import { verifies } from '../../requirements/verifies.ts'

test('Newest keeps so many values: of too many the one that was set longest ago goes', () => {
  verifies('promise.10.memory')
  const newest = new Newest<number>(2)
  newest.set('a', 1)
  newest.set('b', 2)
  newest.set('a', 3)
  newest.set('c', 4)
  expect(['a', 'b', 'c'].map((name) => newest.get(name))).toEqual([3, undefined, 4])
  expect(newest.size).toBe(2)
  expect([...newest.entries()]).toEqual([
    ['a', 3],
    ['c', 4],
  ])
})

test('Newest lets a part of very many go at a time, and keeps the newest', () => {
  verifies('promise.10.memory')
  const newest = new Newest<number>(8192)
  for (let n = 0; n < 20_000; n++) {
    newest.set(String(n), n)
    expect(newest.size).toBeLessThanOrEqual(8192)
  }
  const kept = [...newest.entries()].map(([, n]) => n)
  expect(kept).toEqual(Array.from({ length: kept.length }, (_, at) => 20_000 - kept.length + at))
  expect(kept.length).toBeGreaterThan(8192 - 8192 / 16 - 1)
})

test('Newest forgets what is deleted', () => {
  const newest = new Newest<number>(2)
  newest.set('a', 1)
  newest.delete('a')
  expect([newest.get('a'), newest.size]).toEqual([undefined, 0])
})

test('Newest keeps no more than there is room for together: the oldest goes, and what needs more than all of it is not kept', () => {
  verifies('promise.10.memory')
  const newest = new Newest<number>(10, { most: 10, sizeOf: (size) => size })
  const kept = (): string[] => [...newest.entries()].map(([name]) => name)
  newest.set('a', 4)
  newest.set('b', 4)
  newest.set('c', 4)
  expect(kept()).toEqual(['b', 'c'])
  newest.set('b', 6)
  expect(kept()).toEqual(['c', 'b'])
  newest.set('c', 11)
  expect(kept()).toEqual(['b'])
  newest.delete('b')
  newest.set('d', 10)
  expect(kept()).toEqual(['d'])
  newest.clear()
  newest.set('e', 10)
  expect(kept()).toEqual(['e'])
})
