/** Ids that are the same to a JSON reader have one canonical form. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalId } from '../../../../protocol/json/json-id.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { idText, numberText, stringText } from '../json-arbitrary.ts'

const withoutMinusZero = (value: unknown): unknown => (value === 0 ? 0 : value)

describe('canonicalId()', () => {
  /** A number as sign, digits and power of ten, by long arithmetic: an oracle that shares nothing with the code. */
  const exactly = (raw: string): string => {
    const [, sign = '', whole = '', fraction = '', power = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(raw) ?? []
    const shift = 1100n + BigInt(power) - BigInt(fraction.length)
    const scaled = BigInt(whole + fraction) * 10n ** shift
    return scaled === 0n ? '0' : `${sign}${scaled}`
  }

  test('is one for all spellings of a string, and only for those', () => {
    fc.assert(
      fc.property(stringText, stringText, (a, b) => {
        expect(canonicalId(a)).toBe(canonicalId(JSON.stringify(JSON.parse(a))))
        expect(canonicalId(a) === canonicalId(b)).toBe(JSON.parse(a) === JSON.parse(b))
      }),
    )
  })

  test('is one for all spellings of a number, and only for those', () => {
    fc.assert(
      fc.property(numberText, numberText, (a, b) => {
        expect(canonicalId(a) === canonicalId(b)).toBe(exactly(a) === exactly(b))
      }),
      { numRuns: 1000 },
    )
  })

  test('is one for a number and for what a peer that parses it writes again', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(canonicalId(value.toExponential())).toBe(canonicalId(JSON.stringify(value)))
      }),
    )
  })

  test('is one for a number with zeros and powers of ten moved about', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(20), (value, zeros) => {
        const plain = canonicalId(String(value))
        expect(canonicalId(`${value}.${'0'.repeat(zeros + 1)}`)).toBe(plain)
        expect(canonicalId(`${value}${value === 0n ? '' : '0'.repeat(zeros)}E-${value === 0n ? 0 : zeros}`)).toBe(plain)
      }),
    )
  })

  test('is the plain digits of every safe integer, as an agent writes the ids that it assigns', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, 10, 1000, 2 ** 31, 9007199254740991)), (value) => {
        expect(canonicalId(JSON.stringify(value))).toBe(String(value))
      }),
    )
  })

  test('tells a number from the string of it', () => {
    verifies('promise.1.ids-distinct')
    fc.assert(
      fc.property(idText, (raw) => {
        expect(canonicalId(JSON.stringify(raw))).not.toBe(canonicalId(raw))
      }),
    )
  })

  test('is JSON of the same value, and its own canonical form', () => {
    fc.assert(
      fc.property(idText, (raw) => {
        const canonical = canonicalId(raw)
        expect(withoutMinusZero(JSON.parse(canonical))).toEqual(withoutMinusZero(JSON.parse(raw)))
        expect(canonicalId(canonical)).toBe(canonical)
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['1', '1.0'],
    ['1', '1e0'],
    ['100', '1e2'],
    ['100', '1E+2'],
    ['1', '100e-2'],
    ['0', '-0'],
    ['0', '0.000e7'],
    ['1.5', '1.50'],
    ['0.1', '1e-1'],
    ['1e20', '100000000000000000000'],
    ['"1"', '"\\u0031"'],
    ['"/"', '"\\/"'],
    ['"é"', '"\\u00e9"'],
    ['"😀"', '"\\ud83d\\uDE00"'],
  ])('holds %s and %s for one id', (a, b) => {
    expect(canonicalId(a)).toBe(canonicalId(b))
  })

  test.each([
    ['1', '"1"'],
    ['0', 'null'],
    ['9007199254740992', '9007199254740993'],
    ['1', '1.00000000000000000001'],
    ['1e400', '1e401'],
    ['"a"', '"A"'],
    ['"é"', '"e\\u0301"'],
    ['-1', '1'],
  ])('holds %s and %s for two', (a, b) => {
    expect(canonicalId(a)).not.toBe(canonicalId(b))
  })

  test('keeps text that is no id, and never throws', () => {
    const garbage = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((text) => `"${text}`),
      fc.constant('1e99999999999999999999'),
    )
    fc.assert(
      fc.property(garbage, (raw) => {
        expect(() => canonicalId(raw)).not.toThrow()
      }),
    )
    for (const raw of ['"\\q"', '"', '', '-', '0x10', ' 1 ', 'Infinity', 'null', '01']) expect(canonicalId(raw)).toBe(raw)
  })
})
