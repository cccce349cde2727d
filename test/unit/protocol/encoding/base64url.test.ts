import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBase64Url, encodeBase64Url } from '../../../../protocol/encoding/base64url.ts'

test('encodeBase64Url() is what Node writes, and decodeBase64Url() takes it back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = encodeBase64Url(bytes)
      expect(text).toBe(Buffer.from(bytes).toString('base64url'))
      expect(decodeBase64Url(text)).toEqual(new Uint8Array(bytes))
    }),
  )
})

test('decodeBase64Url() takes one text only for each byte string', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('A', 'B', 'C', '-', '_', '=', '+', '/', ' ', 'é'), maxLength: 8 }), (text) => {
      const bytes = decodeBase64Url(text)
      if (bytes !== undefined) expect(encodeBase64Url(bytes)).toBe(text)
    }),
  )
  expect(decodeBase64Url('AB')).toBeUndefined()
  expect(decodeBase64Url('AA')).toEqual(Uint8Array.of(0))
})
