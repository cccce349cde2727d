import { expect, test } from 'vitest'
import { markQuery, readMark } from '../../../../worker/contract/streams.ts'

test.each(['own', 'shared', 'modern'] as const)('readMark() reads what markQuery() has made of a mark of the child `%s`', (child) => {
  const mark = { child, generation: 3, n: 42 }
  expect(readMark(new URLSearchParams({ ...markQuery(mark) }))).toEqual(mark)
})

test('readMark() finds none in the query of a stream that begins', () => {
  expect(readMark(new URLSearchParams({ ...markQuery(undefined) }))).toBeUndefined()
})

test('readMark() reads of which set of names a child is', () => {
  const mark = { child: 'own', generation: 3, n: 42, route: '1a2b' } as const
  expect(readMark(new URLSearchParams({ ...markQuery(mark) }))).toEqual(mark)
})
