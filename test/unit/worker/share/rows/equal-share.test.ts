import { expect, test } from 'vitest'
import { surplusOf, withoutSurplus } from '../../../../../worker/share/rows/equal-share.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const BOUNDS = { most: 10, mostOfStrangers: 3 }

test.each([
  ['nobody, while there is room', { a: 5, b: 5, anonymous: 3 }, {}],
  ['of whoever has most, what an equal share of the others leaves', { a: 9, b: 2 }, { a: 1 }],
  ['of all that have more than an equal share', { a: 90, b: 4, c: 1 }, { a: 85 }],
  ['of one that is alone', { a: 12 }, { a: 2 }],
  [
    'all but one of each, where not even these have room',
    Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`l${at}`, 1 + (at % 2)])),
    Object.fromEntries([1, 3, 5, 7, 9].map((at) => [`l${at}`, 1])),
  ],
  ['of strangers by their own bound, of links never for them', { a: 10, anonymous: 5_000 }, { anonymous: 4_997 }],
] as const)('surplusOf() names %s', (_, kept, surplus) => {
  verifies('promise.10.audit-rings')
  expect(Object.fromEntries(surplusOf(new Map(Object.entries(kept)), BOUNDS))).toEqual(surplus)
})

test('withoutSurplus() drops the oldest of each, and keeps the order', () => {
  const items = ['a1', 'b1', 'a2', 'b2', ...Array.from({ length: 9 }, (_, at) => `c${at}`)]
  expect(withoutSurplus(items, (item) => item.slice(0, 1), BOUNDS)).toEqual(['a1', 'b1', 'a2', 'b2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8'])
})
