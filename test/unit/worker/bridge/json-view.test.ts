import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { editObject, findPath, textAt, valueStart } from '../../../../worker/bridge/json-view.ts'
import { bytesOf, editedBy } from './bytes.ts'
import { walkObject } from '../../../../protocol/members/object-members.ts'

const space = fc.constantFrom('', ' ', '\n', '\t ')
const key = fc.constantFrom('a', 'b', 'resultType', 'ttlMs', '\\u0061', 'ключ', 'x'.repeat(300))
const value = fc.constantFrom('9007199254740993', '1.0', '1e2', '"a,}\\""', '{"a":[1,{"b":2}]}', '[]', 'null', '"й"')
/** An object's text with white space anywhere, and keys that may stand twice. */
const objectText = fc
  .array(fc.tuple(space, key, space, value, space), { maxLength: 6 })
  .map((members) => `{${members.map(([one, name, two, text, three]) => `${one}"${name}"${two}:${two}${text}${three}`).join(',')}}`)

/** Members as JSON.parse sees them, without losing digits: name and text. */
function membersOf(text: string): [string, string][] {
  const bytes = bytesOf(text)
  const members: [string, string][] = []
  walkObject(bytes, 0, (name, span) => members.push([name, textAt(bytes, span)]))
  return members
}

describe('editObject()', () => {
  test('drops and sets members, and leaves every other member as it was written', () => {
    fc.assert(
      fc.property(objectText, fc.subarray(['a', 'b', 'resultType']), fc.subarray(['ttlMs', 'b', 'new']), (text, dropped, added) => {
        const set = Object.fromEntries(added.map((name) => [name, '"set"']))
        const result = editedBy(text, (bytes) => editObject(bytes, 0, { drop: (name) => dropped.includes(name), set }))
        expect(() => JSON.parse(result)).not.toThrow()
        const kept = membersOf(text).filter(([name]) => !dropped.includes(name) && !added.includes(name))
        expect(membersOf(result)).toEqual([...added.map((name) => [name, '"set"']), ...kept])
      }),
      { numRuns: 1000 },
    )
  })

  test('without drop and set changes nothing', () => {
    fc.assert(
      fc.property(objectText, (text) => {
        expect(editedBy(text, (bytes) => editObject(bytes, 0, {}))).toBe(text)
      }),
    )
  })

  test('of an object that is cut off anywhere gives edits that hold for the whole', () => {
    const whole = '{"a":12,"b":2,"c":[1,2],"a":3,"d":"rest of it"}'
    for (let cut = 1; cut < whole.length; cut++) {
      const head = editedBy(whole.slice(0, cut), (bytes) => editObject(bytes, 0, { drop: (name) => name === 'a', set: { n: '0' } }))
      const joined: unknown = JSON.parse(head + whole.slice(cut))
      expect(joined, `cut at ${cut}`).toMatchObject({ n: 0, b: 2, c: [1, 2], d: 'rest of it' })
      expect(head.includes('"a":12'), `cut at ${cut}`).toBe(cut >= 7 && cut < 12)
    }
  })
})

test('findPath() finds nested values, takes the last of two, and reads escaped keys', () => {
  const bytes = bytesOf('{"a":{"b":1},"\\u0061":{"b":2}}')
  const span = findPath(bytes, 0, 'a', 'b')
  expect(span === undefined ? undefined : textAt(bytes, span)).toBe('2')
  expect(findPath(bytes, 0, 'a', 'c')).toBeUndefined()
  expect(findPath(bytesOf('[]'), 0, 'a')).toBeUndefined()
})

test('valueStart() finds a value that the bytes end in', () => {
  expect(valueStart(bytesOf('{"id":1,"result":{"content":["…'), 0, 'result')).toBe(17)
  expect(valueStart(bytesOf('{"id":1}'), 0, 'result')).toBeUndefined()
})
