import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unescaped, unescapedMarks } from '../../../../../agent/server/masking/unescaped.ts'
import { spelled } from '../../../protocol/json-arbitrary.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

test('unescaped() reads any spelling of a string as the string', () => {
  const value = fc.string({ unit: 'grapheme', maxLength: 30 })
  fc.assert(
    fc.property(
      value.chain((plain) => spelled(plain).map((spelling) => [plain, Buffer.from(spelling)] as const)),
      ([plain, line]) => {
        expect(text(unescaped(line, Math.max(0, line.indexOf('\\'))))).toBe(`"${plain}"`)
      },
    ),
  )
})

test.each(['\\', 'a\\x', '\\u12', '\\u00zz', '\\ud834', '\\ud834\\u0041', '\\udd1e'])(
  'unescaped() leaves what is no escape: %s',
  (line) => {
    expect(text(unescaped(Buffer.from(line), 0))).toBe(line.replace('\\u0041', 'A'))
  },
)

test('unescapedMarks() finds the places of what was read', () => {
  const line = Buffer.from('a\\n\\u00e9\\ud834\\udd1eb')
  expect(text(unescaped(line, 1))).toBe('a\né𝄞b')
  expect(unescapedMarks(line, [0, 1, 2, 4, 8, 9])).toEqual([0, 1, 3, 9, 21, 22])
})
