import { describe, expect, test } from 'vitest'
import { bearerChallenge, signInFailure } from '../../../../../agent/server/http/sign-in.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const ORIGIN = 'http://localhost:8080'

const failureFor = (statusCode: number, challenge?: string): ReturnType<typeof signInFailure> =>
  signInFailure({ statusCode, headers: challenge === undefined ? {} : { 'www-authenticate': challenge } }, ORIGIN)

describe('bearerChallenge()', () => {
  test.each([
    ['Bearer', {}],
    ['bearer scope=a', { scope: 'a' }],
    ['Bearer realm="x, Bearer y", scope="a b" , error=invalid_token', { realm: 'x, Bearer y', scope: 'a b', error: 'invalid_token' }],
    ['Basic realm="x", Bearer scope="a"', { scope: 'a' }],
    ['Bearer scope="a", Basic realm="x"', { scope: 'a' }],
    ['Bearer scope="a", scope="b"', { scope: 'a' }],
    ['Bearer error_description="it \\"broke\\""', { error_description: 'it "broke"' }],
    ['Negotiate abc==, Bearer scope = "a"', { scope: 'a' }],
  ])('reads %s', (field, members) => {
    expect(Object.fromEntries(bearerChallenge(field) ?? [])).toEqual(members)
  })

  test.each([undefined, '', 'Basic realm="Bearer"', 'Digest scope="a"', 'realm="x"'])('finds none in %s', (field) => {
    expect(bearerChallenge(field)).toBeUndefined()
  })
})

describe('signInFailure()', () => {
  test('passes on what a client signs in by, and no address of this machine', () => {
    verifies('promise.http.pass-auth')
    const challenge = 'Bearer realm="http://localhost:8080", resource_metadata="http://localhost:8080/.well-known/x", scope="a b"'
    expect(failureFor(401, challenge)).toEqual({ code: 'SERVER_SIGN_IN', executed: 'no', challenge: 'Bearer scope="a b"' })
    expect(failureFor(403, 'Bearer error="insufficient_scope", error_description="more"')).toEqual({
      code: 'SERVER_FORBIDDEN',
      executed: 'no',
      challenge: 'Bearer error="insufficient_scope", error_description="more"',
    })
  })

  test('a refusal without a challenge is told with none, but for 401, which HTTP does not know so', () => {
    expect(failureFor(401)).toEqual({ code: 'SERVER_SIGN_IN', executed: 'no', challenge: 'Bearer' })
    expect(failureFor(403, 'Basic realm="x"')).toEqual({ code: 'SERVER_FORBIDDEN', executed: 'no' })
  })

  test('leaves out what no field can hold, or is too long', () => {
    expect(failureFor(401, `Bearer scope="${'a'.repeat(1025)}", error="ä", error_description="x"`)?.challenge).toBe(
      'Bearer error_description="x"',
    )
  })

  test('leaves out words that name the origin of the server, but not from a scope, which must come as it is', () => {
    verifies('promise.http.pass-auth')
    const challenge = `Bearer error_description="see ${ORIGIN.toUpperCase()}/help", scope="${ORIGIN}/read"`
    expect(failureFor(401, challenge)?.challenge).toBe(`Bearer scope="${ORIGIN}/read"`)
  })

  test('leaves out words that a client would take for another place of the metadata', () => {
    const challenge = 'Bearer error_description="see Resource_Metadata=https://elsewhere.example/x", scope="a"'
    expect(failureFor(401, challenge)?.challenge).toBe('Bearer scope="a"')
  })

  test.each([200, 400, 404, 407, 500])('%i is no refusal of who asks', (status) => {
    expect(failureFor(status, 'Bearer')).toBeUndefined()
  })
})
