import { expect, test } from 'vitest'
import { isModernRevision, objectIn, passesLogLevel } from '../../../../worker/bridge/names.ts'
import { problem, PROBLEMS, problemResponse } from '../../../../worker/bridge/modern-errors.ts'

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

test('problemResponse() has code, text, data and the id as it was sent', () => {
  const response = problemResponse('1.0', problem('REVISION_UNSUPPORTED', { supported: ['2026-07-28'], requested: 'x' }))
  const { rpc, message } = PROBLEMS.REVISION_UNSUPPORTED
  const data = { code: 'REVISION_UNSUPPORTED', supported: ['2026-07-28'], requested: 'x' }
  expect(response).toBe(`{"jsonrpc":"2.0","id":1.0,"error":${JSON.stringify({ code: rpc, message, data })}}`)
})
