import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBase32, encodeBase32 } from '../../../../protocol/encoding/base32.ts'

// RFC 4648 §10, in lower case and without padding.
test.each([
  ['', ''],
  ['f', 'my'],
  ['fo', 'mzxq'],
  ['foo', 'mzxw6'],
  ['foob', 'mzxw6yq'],
  ['fooba', 'mzxw6ytb'],
  ['foobar', 'mzxw6ytboi'],
])('encodeBase32() spells %j as RFC 4648 does', (plain, encoded) => {
  expect(encodeBase32(new TextEncoder().encode(plain))).toBe(encoded)
})

test('decodeBase32() gives back what encodeBase32() was given', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(decodeBase32(encodeBase32(bytes))).toEqual(bytes)
    }),
  )
})

test('decodeBase32() takes a text only if encodeBase32() writes it', () => {
  const nearBase32 = fc.string({ unit: fc.constantFrom(...'abcxyz234567A=01 '), maxLength: 20 })
  fc.assert(
    fc.property(nearBase32, (text) => {
      const bytes = decodeBase32(text)
      if (bytes !== undefined) expect(encodeBase32(bytes)).toBe(text)
    }),
  )
})

test.each(['A', 'MY', 'my======', 'm', 'mz', 'mzx', 'm1', 'my ', 'mÿ'])('decodeBase32() refuses %j', (text) => {
  expect(decodeBase32(text)).toBeUndefined()
})
