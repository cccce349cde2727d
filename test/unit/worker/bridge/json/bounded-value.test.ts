import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { boundedValueAt, isTooManifold } from '../../../../../worker/bridge/json/bounded-value.ts'
import { MAX_PARSED_VALUES } from '../../../../../worker/limits.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { bytesOf } from '../bytes.ts'

const listOf = (unit: string, count: number): Uint8Array => bytesOf(`[${Array.from({ length: count }, () => unit).join(',')}]`)

describe('isTooManifold()', () => {
  test.each(['{}', '[]', '1', '""', '{"a":1}'])('is true of a list with more of %s than are made, and false of a tenth', (unit) => {
    verifies('promise.10.small-heap')
    const many = listOf(unit, MAX_PARSED_VALUES + 1)
    expect(isTooManifold(many, [0, many.length])).toBe(true)
    expect(boundedValueAt(many, [0, many.length])).toBeUndefined()
    const few = listOf(unit, MAX_PARSED_VALUES / 10)
    expect(isTooManifold(few, [0, few.length])).toBe(false)
    expect(boundedValueAt(few, [0, few.length])).toHaveLength(MAX_PARSED_VALUES / 10)
  })

  test('does not count what stands in strings, nor what stands outside the span', () => {
    const text = bytesOf(`["${'{},\\"['.repeat(MAX_PARSED_VALUES)}",${'[],'.repeat(MAX_PARSED_VALUES)}1]`)
    const end = text.indexOf(0x22, 2 + 6 * MAX_PARSED_VALUES) + 1
    expect(isTooManifold(text, [1, end])).toBe(false)
    expect(isTooManifold(text, [0, text.length])).toBe(true)
  })
})

test('boundedValueAt() gives what is there, and nothing for no span', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const bytes = bytesOf(JSON.stringify(value))
      expect(JSON.stringify(boundedValueAt(bytes, [0, bytes.length]))).toBe(JSON.stringify(value))
    }),
  )
  expect(boundedValueAt(bytesOf('1'), undefined)).toBeUndefined()
})
