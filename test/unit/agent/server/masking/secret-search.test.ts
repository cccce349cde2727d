import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SecretSearch } from '../../../../../agent/server/masking/secret-search.ts'
import { verifies } from '../../../../requirements/verifies.ts'

function find(text: string, ...secrets: readonly string[]): number[] {
  return new SecretSearch(secrets.map((secret) => Buffer.from(secret))).find(Buffer.from(text))
}

test('SecretSearch finds secrets at either end, side by side, and within each other', () => {
  expect(find('abcd-abcdabcd', 'abcd')).toEqual([0, 4, 5, 9, 9, 13])
  expect(find('xabcdefghx', 'abcd', 'cdefgh', 'abcdef')).toEqual([1, 9])
  expect(find('xababababax', 'ababab')).toEqual([1, 9])
  expect(find('', 'ab')).toEqual([])
})

test('SecretSearch marks the same bytes as looking for one secret after the other', () => {
  verifies('promise.9.masked')
  const word = (most: number): fc.Arbitrary<string> => fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 2, maxLength: most })
  fc.assert(
    fc.property(word(200), fc.array(word(9), { minLength: 1, maxLength: 4 }), (text, secrets) => {
      const marked = new Set<number>()
      for (const secret of secrets)
        for (let at = text.indexOf(secret); at !== -1; at = text.indexOf(secret, at + 1))
          for (let step = 0; step < secret.length; step++) marked.add(at + step)
      const found = find(text, ...secrets)
      const isFound = (at: number): boolean => found.some((from, index) => index % 2 === 0 && from <= at && at < (found[index + 1] ?? 0))
      expect([...text].flatMap((_, at) => (isFound(at) ? [at] : []))).toEqual([...marked].toSorted((a, b) => a - b))
    }),
    { numRuns: 1000 },
  )
})
