import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rawAskName, readAskName } from '../../../../worker/contract/ask-name.ts'

const key = fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: 32, maxLength: 32 }).map((digits) => digits.join(''))

test('readAskName() gives what rawAskName() was given, and the id is JSON', () => {
  fc.assert(
    fc.property(fc.record({ key, index: fc.integer({ min: 0, max: 31 }) }), (name) => {
      const raw = rawAskName(name)
      expect(typeof JSON.parse(raw)).toBe('string')
      expect(readAskName(raw)).toEqual(name)
    }),
  )
})

test.each([undefined, '7', '"mcp-edge"', '"mcp-edge.00.1"', `"mcp-edge.${'0'.repeat(32)}.x"`, `"xmcp-edge.${'0'.repeat(32)}.1"`])(
  'readAskName() knows nothing of %s',
  (raw) => {
    expect(readAskName(raw)).toBeUndefined()
  },
)
