import { expect, test } from 'vitest'
import { membersText, objectText } from '../../../../worker/bridge/object-text.ts'

test('objectText() writes keys as JSON and values as they stand, in order and without those that are undefined', () => {
  expect(objectText({ b: '1.0', 'a"': '{ "x":1e2 }', none: undefined })).toBe('{"b":1.0,"a\\"":{ "x":1e2 }}')
  expect(
    objectText(
      new Map([
        ['2', 'null'],
        ['1', '[]'],
      ]),
    ),
  ).toBe('{"2":null,"1":[]}')
})

test('membersText() of no members is empty', () => {
  expect([membersText({}), membersText({ none: undefined }), objectText({})]).toEqual(['', '', '{}'])
})
