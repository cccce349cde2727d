import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isJson } from '../../../../protocol/json/json-check.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { valueText } from '../json-arbitrary.ts'

const encoder = new TextEncoder()
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function isParsed(bytes: Uint8Array): boolean {
  try {
    JSON.parse(utf8.decode(bytes))
    return true
  } catch {
    return false
  }
}

describe('isJson()', () => {
  test('agrees with JSON.parse on any value', () => {
    verifies('promise.10.small-heap')
    fc.assert(
      fc.property(valueText, (text) => {
        expect(isJson(encoder.encode(text))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('agrees with JSON.parse on any value with some of its bytes changed, left out or put in', () => {
    const edit = fc.record({
      at: fc.nat(),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(...encoder.encode('{}[]",:\\u0e-+.1tfn '))),
      take: fc.nat(2),
    })
    fc.assert(
      fc.property(valueText, fc.array(edit, { minLength: 1, maxLength: 3 }), (text, edits) => {
        let bytes = [...encoder.encode(text)]
        for (const { at, byte, take } of edits) bytes = bytes.toSpliced(at % (bytes.length + 1), take, byte)
        const body = new Uint8Array(bytes)
        expect(isJson(body)).toBe(isParsed(body))
      }),
      { numRuns: 5000 },
    )
  })

  test.each([
    '',
    ' ',
    '{',
    '[',
    '[1,]',
    '{"a":1,}',
    '{"a"}',
    '{"a":}',
    '{,}',
    '[,1]',
    '{1:2}',
    '[1 2]',
    '1 2',
    '}',
    '[}',
    '{]',
    '"\t"',
    '"\\x"',
    '"\\u12g4"',
    '"a',

    '01',
    '-',
    '-01',
    '1.',
    '.5',
    '1e',
    '1e+',
    '+1',
    'nul',
    'nulll',
    'True',
    'NaN',
    "'a'",
    '\ufeff1',
    '0x1',
    '[1]]',
    '{"a":1}}',
  ])('refuses %s as JSON.parse does', (text) => {
    expect(isParsed(encoder.encode(text))).toBe(false)
    expect(isJson(encoder.encode(text))).toBe(false)
  })

  test('takes nesting of any depth, and refuses it unclosed', () => {
    const deep = `${'[{"a":'.repeat(100_000)}1${'}]'.repeat(100_000)}`
    expect(isJson(encoder.encode(deep))).toBe(true)
    expect(isJson(encoder.encode(deep.slice(0, -1)))).toBe(false)
  })

  test('finds a character that is cut by the end of a piece whole, and one that is cut by the end of the bytes torn', () => {
    const body = encoder.encode(`"${'a'.repeat(64 * 1024 - 2)}ж"`)
    expect(isJson(body)).toBe(true)
    expect(isJson(new Uint8Array([...body.subarray(0, -2), 0x22]))).toBe(false)
  })
})
