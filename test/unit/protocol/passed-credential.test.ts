import { expect, test } from 'vitest'
import { MAX_PASSED_CREDENTIAL_CHARS } from '../../../protocol/limits.ts'
import { isPassedCredential, isTooLongToPass, passedCredential } from '../../../protocol/passed-credential.ts'

test.each(['abc', 'a.b-c_~+/==', 'eyJ.x.y'])('passedCredential(%s) is the value of a field', (token) => {
  expect(passedCredential(token)).toBe(`Bearer ${token}`)
  expect(isPassedCredential(`Bearer ${token}`)).toBe(true)
})

test.each(['', 'a b', 'a\tb', 'ä', 'a\n'])('passedCredential(%j) is none', (token) => {
  expect(passedCredential(token)).toBeUndefined()
  expect(isPassedCredential(`Bearer ${token}`)).toBe(false)
})

test('a credential is bounded', () => {
  const most = 'x'.repeat(MAX_PASSED_CREDENTIAL_CHARS - 'Bearer '.length)
  expect([isTooLongToPass(most), isPassedCredential(`Bearer ${most}`)]).toEqual([false, true])
  expect([isTooLongToPass(`${most}x`), isPassedCredential(`Bearer ${most}x`)]).toEqual([true, false])
  expect(isPassedCredential('Basic abc')).toBe(false)
})
