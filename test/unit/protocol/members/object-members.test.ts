import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cutMembers, isNullAt, walkObject } from '../../../../protocol/members/object-members.ts'
import { splice } from '../../../../protocol/splice.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

test('walkObject() ends quietly on what is no object, and names the value that is cut off', () => {
  for (const text of ['', '[1]', '{', '{"a"', '{"a":1', '{a:1}', '{"a":1,}', '{"a" 1}'])
    expect(() => walkObject(bytesOf(text), 0, () => undefined), text).not.toThrow()
  expect(walkObject(bytesOf('{"a":1,"b":[1,'), 0, () => undefined)).toEqual({ cut: { key: 'b', start: 7, from: 11 } })
  expect(walkObject(bytesOf('{"a":1}'), 0, () => undefined)).toEqual({ close: 6 })
})

test('walkObject() reads escaped and long keys as JSON.parse does', () => {
  const keys = [String.raw`\u0069d`, 'ключ', 'x'.repeat(300), String.raw`a\"b`]
  const read: string[] = []
  walkObject(bytesOf(`{${keys.map((key) => `"${key}":1`).join(',')}}`), 0, (key) => read.push(key))
  expect(read).toEqual(keys.map((key): unknown => JSON.parse(`"${key}"`)))
})

test.each([
  ['null', true],
  ['nul', false],
  ['0000', false],
  ['"nul"', false],
])('isNullAt() of %s is %s', (text, isNull) => {
  expect(isNullAt(bytesOf(text), [0, text.length])).toBe(isNull)
})

/** What is left by the cuts, and the members that stay. */
function cut(text: string, dropped: readonly string[]): { readonly left: string; readonly kept: readonly string[] } {
  const bytes = bytesOf(text)
  const { cuts, kept } = cutMembers(bytes, 0, (key) => dropped.includes(key))
  const left = splice(
    bytes,
    cuts.map((span) => ({ span, bytes: new Uint8Array(0) })),
  )
  return { left: Buffer.from(left).toString(), kept: kept.map((span) => Buffer.from(bytes.subarray(...span)).toString()) }
}

describe('cutMembers()', () => {
  test.each([
    ['{ "a":1, "b":2 , "c":3 }', ['a'], '{ "b":2 , "c":3 }', ['"b":2', '"c":3']],
    ['{ "a":1, "b":2 , "c":3 }', ['b'], '{ "a":1, "c":3 }', ['"a":1', '"c":3']],
    ['{"a":1,"b":2,"c":3}', ['b', 'c'], '{"a":1}', ['"a":1']],
    ['{"a":1,"b":2}', ['a', 'b'], '{}', []],
    ['{"a":1,"\\u0061":2,"b":{"a":1}}', ['a'], '{"b":{"a":1}}', ['"b":{"a":1}']],
    ['{}', ['a'], '{}', []],
    ['{"a":1,"b":2,"c":[1,', ['a', 'b'], '{"c":[1,', []],
  ])('of %s without %j', (text, dropped, left, kept) => {
    expect(cut(text, dropped)).toEqual({ left, kept })
  })

  test('leaves what JSON.parse makes of the others', () => {
    const objects = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.jsonValue())
    fc.assert(
      fc.property(objects, fc.subarray(['a', 'b', 'c', 'd', 'e']), (object, dropped) => {
        const { left, kept } = cut(JSON.stringify(object), dropped)
        const others = Object.fromEntries(Object.entries(object).filter(([key]) => !dropped.includes(key)))
        expect(JSON.parse(left)).toEqual(JSON.parse(JSON.stringify(others)))
        expect(JSON.parse(`{${kept.join(',')}}`)).toEqual(JSON.parse(left))
      }),
    )
  })
})
