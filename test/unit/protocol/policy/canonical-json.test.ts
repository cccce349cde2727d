import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson, canonicalObject, canonicalValue, textDigest } from '../../../../protocol/policy/canonical-json.ts'

const encoder = new TextEncoder()

function canonical(json: string): string | undefined {
  const bytes = encoder.encode(json)
  return canonicalJson(bytes, [0, bytes.length])
}

/** A value written in one of many ways: keys in any order, characters escaped or not, spaces. */
function written(value: unknown, choose: () => boolean): string {
  const space = choose() ? ' \n' : ''
  if (typeof value === 'string') return escaped(value, choose)
  if (Array.isArray(value)) return `[${space}${value.map((element) => written(element, choose)).join(`${space},`)}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([key, member]) => `${escaped(key, choose)}${space}:${written(member, choose)}`)
  return `{${(choose() ? members.toReversed() : members).join(`,${space}`)}${space}}`
}

function escaped(text: string, choose: () => boolean): string {
  const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at))
  if (choose()) return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`
  return JSON.stringify(text)
}

describe('canonicalJson', () => {
  it('is one text for one value, however it is written', () => {
    const value = fc.jsonValue({ stringUnit: 'binary' })
    fc.assert(
      fc.property(value, fc.infiniteStream(fc.boolean()), (json, choices) => {
        const choose = (): boolean => choices.next().value
        expect(canonical(written(json, choose))).toBe(canonical(JSON.stringify(json)))
      }),
    )
  })

  it('is JSON of the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (json) => {
        expect(JSON.parse(canonical(JSON.stringify(json)) ?? '')).toEqual(JSON.parse(JSON.stringify(json)))
      }),
    )
  })

  it('sorts keys by their UTF-16 code units, as RFC 8785 §3.2.3 does', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6']
    const sorted = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33']
    const json = canonical(`{${keys.map((key) => `${JSON.stringify(key)}:0`).join(',')}}`)
    expect(Object.keys(JSON.parse(json ?? '')).toSorted()).toEqual(sorted.toSorted())
    expect(json).toBe(`{${sorted.map((key) => `${JSON.stringify(key)}:0`).join(',')}}`)
  })

  it.each([
    ['9007199254740993', '9007199254740992'],
    ['1.0', '1'],
    ['1e2', '100'],
    ['-0', '0'],
    ['"1"', '1'],
    ['[1,2]', '[2,1]'],
    ['{}', '[]'],
    ['{"a":null}', '{}'],
    ['"\u00e9"', '"e\u0301"'],
  ])('keeps %s and %s apart', (left, right) => {
    expect(canonical(left)).not.toBe(canonical(right))
  })

  it.each([
    ['a key that stands twice', '{"a":1,"a":1}'],
    ['one that is escaped the second time', '{"a":1,"\\u0061":2}'],
    ['one that stands twice deep inside', '[{"b":[{"a":1,"a":2}]}]'],
    ['half of a surrogate pair', '"\\ud83d"'],
    ['half of one in a key', '{"\\ude00":1}'],
    ['very deep nesting', `${'['.repeat(200)}${']'.repeat(200)}`],
    ['very many members', `{${Array.from({ length: 2000 }, (_, n) => `"k${n}":0`).join(',')}}`],
  ])('has none for %s', (_, json) => {
    expect(canonical(json)).toBeUndefined()
  })
})

describe('textDigest', () => {
  it('is SHA-256 in base64url', async () => {
    expect(await textDigest('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0')
  })
})

describe('canonicalObject', () => {
  const bytes = encoder.encode('{"b":{"y":1.0,"x":2},"gone":1,"a":"\\u0061"}')

  it('is the text of the members that are kept, with others', () => {
    const chosen = { isKept: (key: string) => key !== 'gone', others: [['aa', '[]']] as const }
    expect(canonicalObject(bytes, [0, bytes.length], chosen)).toBe('{"a":"a","aa":[],"b":{"x":2,"y":1.0}}')
  })
})

describe('canonicalValue', () => {
  it('is the canonical text of what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        expect(canonicalValue(value)).toBe(canonical(JSON.stringify(value)))
      }),
    )
  })
})
