import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { shownJson } from '../../../../protocol/policy/shown-json.ts'
import { verifies } from '../../../requirements/verifies.ts'

/** What a reader does not see, or takes for something else. */
const HIDDEN = /(?! )[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Z}\p{Default_Ignorable_Code_Point}]/u

describe('shownJson()', () => {
  test('is JSON of the same value, with nothing hidden in it, and the same when it is done twice', () => {
    verifies('promise.11.held-shown')
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        const text = shownJson(JSON.stringify(value))
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
        expect(text).not.toMatch(HIDDEN)
        expect(shownJson(text)).toBe(text)
      }),
    )
  })

  test.each([
    ['an escape of a terminal', '\u009b2J', '\\u009b2J'],
    ['a mark that turns text', '\u202egnp.exe', '\\u202egnp.exe'],
    ['a join', 'a\u200bb', 'a\\u200bb'],
    ['a space that is none', 'a\u00a0b\u3000', 'a\\u00a0b\\u3000'],
    ['a line separator', '\u2028', '\\u2028'],
    ['a tag', '\u{e0041}', '\\udb40\\udc41'],
    ['a filler', '\u3164', '\\u3164'],
    ['a variation', 'a\ufe0f', 'a\\ufe0f'],
    ['letters, spaces and pictures', 'Grüße 東京 🙂', 'Grüße 東京 🙂'],
  ])('spells out %s where it is one', (_, text, shown) => {
    expect(shownJson(`{"a":"${text}"}`)).toBe(`{"a":"${shown}"}`)
  })
})
