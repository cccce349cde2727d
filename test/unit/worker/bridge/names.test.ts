import { expect, test } from 'vitest'
import { isModernRevision, objectIn, passesLogLevel } from '../../../../worker/bridge/names.ts'

test('passesLogLevel() lets through what is as severe as was asked for, and nothing to who did not ask', () => {
  expect(passesLogLevel('debug', 'debug')).toBe(true)
  expect(passesLogLevel('info', 'warning')).toBe(false)
  expect(passesLogLevel('emergency', 'warning')).toBe(true)
  expect(passesLogLevel('emergency', undefined)).toBe(false)
})

test.each([
  ['2026-07-28', true],
  ['2027-01-01', true],
  ['2025-11-25', false],
  ['zzz', false],
  ['2026-07-28 ', false],
])('isModernRevision() of %j is %s', (text, expected) => {
  expect(isModernRevision(text)).toBe(expected)
})

test('objectIn() never takes an object from a prototype', () => {
  expect(objectIn({}, '__proto__')).toBeUndefined()
  expect(objectIn({ a: {} }, 'a')).toEqual({})
  expect(objectIn({ a: [] }, 'a')).toBeUndefined()
})
