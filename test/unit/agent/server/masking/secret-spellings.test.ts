import { expect, test } from 'vitest'
import { spellings } from '../../../../../agent/server/masking/secret-spellings.ts'

test.each([
  ['plain-secret', ['plain-secret']],
  [' trimmed-secret\n', [' trimmed-secret\n', ' trimmed-secret\\n', 'trimmed-secret', ' trimmed-secret']],
  ['with/"quotes"', ['with/"quotes"', 'with/\\"quotes\\"', 'with\\/\\"quotes\\"']],
])('spellings() of %j', (secret, forms) => {
  expect(spellings(secret).map(String)).toEqual(expect.arrayContaining(forms))
  expect(spellings(secret)).toHaveLength(forms.length)
})
