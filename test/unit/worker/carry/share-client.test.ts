import { expect, test } from 'vitest'
import { isRetryable } from '../../../../worker/carry/share-client.ts'

test.each([
  ['Durable Object reset because its code was updated.'],
  ['This script has been upgraded. Please send a new request to connect to the new version.'],
  ['Network connection lost.'],
  ['The Durable Object is no longer active.'],
])('isRetryable() knows an object that was reset by the text alone: %s', (text) => {
  expect(isRetryable(new Error(text))).toBe(true)
  expect(isRetryable(Object.assign(new Error(text), { overloaded: true }))).toBe(false)
})

test('isRetryable() knows the flags of the platform, and takes nothing else for a reset', () => {
  expect(isRetryable(Object.assign(new Error('x'), { retryable: true }))).toBe(true)
  expect(isRetryable(Object.assign(new Error('x'), { durableObjectReset: true }))).toBe(true)
  for (const error of [new Error('x'), undefined, null, 'Network connection lost.', { message: 5 }]) expect(isRetryable(error)).toBe(false)
})
