import fc from 'fast-check'
import { expect, test } from 'vitest'
import { matchesFolded, matchesGlob } from '../../../../protocol/policy/name-glob.ts'

const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.', '_', 'é'), maxLength: 10 })

test('matchesGlob() says what a regular expression made of the pattern says', () => {
  fc.assert(
    fc.property(letters, letters, (glob, text) => {
      const pattern = new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '[^]*')}$`, 'u')
      expect(matchesGlob(glob, text)).toBe(pattern.test(text))
    }),
  )
})

test('matchesGlob() ends for a pattern of many stars and a long text that does not match', () => {
  expect(matchesGlob('*a'.repeat(200), 'b'.repeat(1000))).toBe(false)
})

test.each([
  ['write_*', 'Write_file'],
  ['write_*', 'writeFile'],
  ['write_*', 'ＷＲＩＴＥ_file'],
  ['write_file', 'write-file'],
  ['kill', '\u212Aill'],
])('matchesFolded() of %s: %s is the same to some server', (glob, text) => {
  expect(matchesGlob(glob, text)).toBe(false)
  expect(matchesFolded(glob, text)).toBe(true)
})
