import { expect, test } from 'vitest'
import { ERRORS } from '../../../../protocol/error-table.ts'
import { passFailure } from '../../../../worker/access/pass-failure.ts'

test.each([
  ['SHARE_EXPIRED', 410, 410],
  ['LINK_REVOKED', 410, 401],
  ['LINK_EXPIRED', 410, 401],
  ['SHARE_PAUSED', 503, 503],
] as const)('passFailure(%s) is %i for a link in a URL, %i for a token', (code, inUrl, bearer) => {
  expect([true, false].map((isInUrl) => ERRORS[passFailure(code, { isInUrl }, undefined).code].http)).toEqual([inUrl, bearer])
})

test('passFailure() says of a token which it is, and names a time only for what was not begun', () => {
  expect(passFailure('LINK_REVOKED', { isInUrl: false }, undefined).detail).toBe('This token was revoked.')
  expect(passFailure('LINK_EXPIRED', { isInUrl: false }, undefined).detail).toBe('This token has expired.')
  expect(passFailure('SHARE_PAUSED', { isInUrl: true }, undefined).retryAfterMs).toBeGreaterThan(0)
  expect(passFailure('SHARE_PAUSED', { isInUrl: true }, 'unknown')).toEqual({ code: 'SHARE_PAUSED', executed: 'unknown' })
})
