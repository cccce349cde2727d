import { expect, test } from 'vitest'
import { ERRORS } from '../../../../protocol/error-table.ts'
import { passFailure, signInFailureAt } from '../../../../worker/access/pass-failure.ts'
import { verifies } from '../../../requirements/verifies.ts'

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

test('signInFailureAt() tells a client where the metadata of its server is, once, and nothing where the relay itself has refused', () => {
  const at = (): string => 'https://relay.example/.well-known/x'
  const told = signInFailureAt({ code: 'SERVER_SIGN_IN', challenge: 'Bearer scope="a"' }, at)
  expect(told.challenge).toBe('Bearer scope="a", resource_metadata="https://relay.example/.well-known/x"')
  expect(signInFailureAt(told, at)).toEqual(told)
  expect(signInFailureAt({ code: 'SERVER_FORBIDDEN', challenge: 'Bearer' }, at).challenge).toBe(
    'Bearer resource_metadata="https://relay.example/.well-known/x"',
  )
  for (const failure of [{ code: 'UNAUTHORIZED', challenge: 'Bearer' }, { code: 'SERVER_FORBIDDEN' }] as const)
    expect(signInFailureAt(failure, at)).toEqual(failure)
  const words = { code: 'SERVER_SIGN_IN', challenge: 'Bearer error_description="no resource_metadata=here"' } as const
  expect(signInFailureAt(words, at).challenge).toBe(`${words.challenge}, resource_metadata="${at()}"`)
})

test("signInFailureAt() sends nobody into signing in whose credential is the relay's, with which the server has nothing to do", () => {
  verifies('promise.http.pass-auth')
  for (const code of ['SERVER_SIGN_IN', 'SERVER_FORBIDDEN'] as const) {
    const told = signInFailureAt({ code, executed: 'no', challenge: 'Bearer scope="a"' }, undefined)
    expect(told).toEqual({ code: 'SERVER_FORBIDDEN', executed: 'no', detail: expect.stringContaining('a key in its URL') as string })
  }
})
