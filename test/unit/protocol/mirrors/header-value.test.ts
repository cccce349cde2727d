import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeHeaderValue, encodeHeaderValue } from '../../../../protocol/mirrors/header-value.ts'
import { verifies } from '../../../requirements/verifies.ts'

/** RFC 9110: what a field value may consist of, with nothing to be trimmed at its ends. */
const CARRIED = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/

describe('encodeHeaderValue()', () => {
  test.each([
    ['us-west1', 'us-west1'],
    ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
  ])('encodes %j as the specification prints it', (text, header) => {
    expect(encodeHeaderValue(text)).toBe(header)
    expect(decodeHeaderValue(header)).toBe(text)
  })

  test('makes a header of any text, and decodeHeaderValue() reads it back', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', '=?base64??=', '=?base64?=', '\ufeffx'),
    )
    fc.assert(
      fc.property(text, (given) => {
        const header = encodeHeaderValue(given)
        expect(header).toMatch(CARRIED)
        expect(decodeHeaderValue(` ${header}\t`)).toBe(given.toWellFormed())
      }),
      { numRuns: 300 },
    )
  })
})

test.each([
  '=?base64?SGVsbG8?=',
  '=?base64?SGVs bG8=?=',
  '=?base64?SGVsbG9=?=',
  '=?base64?/w==?=',
  '=?base64?-_8=?=',
  'caf\u00e9',
  'a\u0001b',
])('decodeHeaderValue() refuses %j', (header) => {
  verifies('modern.param.characters', 'modern.header.decoded')
  expect(decodeHeaderValue(header)).toBeUndefined()
})

test('decodeHeaderValue() takes markers in other letters as they stand', () => {
  verifies('modern.header.decoded')
  expect(decodeHeaderValue('=?BASE64?SGVsbG8=?=')).toBe('=?BASE64?SGVsbG8=?=')
})
