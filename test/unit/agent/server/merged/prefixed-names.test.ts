import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitName, withoutPrefix, withPrefix } from '../../../../../agent/server/merged/prefixed-names.ts'
import { isServerName } from '../../../../../protocol/server-names.ts'
import { splice } from '../../../../../protocol/splice.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const server = fc.stringMatching(/^[a-z0-9-]{1,20}$/).filter(isServerName)
const name = fc.oneof(fc.string({ unit: 'grapheme' }), fc.stringMatching(/^[ab_]{0,6}$/))

function shown(whose: string, text: string): string {
  const bytes = Buffer.from(JSON.stringify(text))
  return Buffer.from(splice(bytes, withPrefix(bytes, [0, bytes.length], whose))).toString()
}

test('withPrefix() never makes the same of names of two servers, or of two names of one', () => {
  verifies('promise.merged.lists')
  fc.assert(
    fc.property(server, name, server, name, (one, a, other, b) => {
      if (one !== other || a !== b) expect(shown(one, a)).not.toBe(shown(other, b))
      expect(splitName(JSON.parse(shown(one, a)) as string)).toEqual({ server: one, name: a })
    }),
  )
})

test('withoutPrefix() gives back each byte of a name, however the prefix is spelled', () => {
  verifies('promise.merged.bytes')
  const back = (text: string): string => {
    const bytes = Buffer.from(text)
    const split = splitName(JSON.parse(text) as string)
    if (split === undefined) throw new Error('no prefix')
    return Buffer.from(splice(bytes, [withoutPrefix(bytes, [0, bytes.length], split)])).toString()
  }
  expect(back('"a__caf\\u00e9"')).toBe('"caf\\u00e9"')
  expect(back('"\\u0061__x"')).toBe('"x"')
  expect(back('"a___x"')).toBe('"_x"')
  expect([splitName('__x'), splitName('x'), splitName('a_x')]).toEqual([undefined, undefined, undefined])
})
