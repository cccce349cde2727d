/** `POST /token`: what is wrong for certain is refused here, so that only who has a code or a token of ours gets to the object that keeps the grants. */
import { countTry, takeBackTry, type Trying } from '../access/wrong-tries.ts'
import { signInStub } from '../carry/sign-in-stub.ts'
import { MAX_TOKEN_REQUEST_BYTES } from './limits.ts'
import { oauthError } from './oauth-error.ts'
import { readCapped } from '../read-capped.ts'
import { type Proof, proveGrant, proveRevoked } from './sealed-grants.ts'
import type { SignInVisit } from './visit.ts'

/** The parameter that holds the secret, by the grant that is asked for (RFC 6749 §4.1.3, §6); without one something is revoked (RFC 7009 §2.1). */
const SECRETS = { authorization_code: 'code', refresh_token: 'refresh_token', revocation: 'token' } as const

export async function askForTokens(visit: SignInVisit, { method, headers, body }: Request): Promise<Response> {
  const text = await readCapped(body, MAX_TOKEN_REQUEST_BYTES)
  if (text === undefined) return oauthError('invalid_request', 'The request is too large.', 413)
  const form = new URLSearchParams(text)
  const grantType = form.get('grant_type') ?? 'revocation'
  if (!isKnown(grantType)) return oauthError('unsupported_grant_type', 'Codes and refresh tokens are exchanged here.', 400)
  const name = SECRETS[grantType]
  const given = form.get(name)
  if (given === null || given === '') return oauthError('invalid_request', `${name} is missing.`, 400)
  const trying: Trying = { address: visit.address, share: visit.share }
  const proof = await prove(visit, grantType, given)
  if (proof.kind === 'sealed') {
    form.set(name, proof.secret)
    return forward(visit, method, headers, form)
  }
  const waitMs = countTry(trying)
  if (waitMs !== undefined) return tooManyTries(waitMs)
  // Whoever revokes what is not ours has nothing to fear from it (RFC 7009 §2.2).
  if (proof.kind === 'wrong')
    return name === 'token' ? new Response(null, { status: 200 }) : oauthError('invalid_grant', `This ${name} was not made here.`, 400)
  const response = await forward(visit, method, headers, form)
  if (response.ok) takeBackTry(trying)
  return response
}

function isKnown(grantType: string): grantType is keyof typeof SECRETS {
  return Object.hasOwn(SECRETS, grantType)
}

function prove(visit: SignInVisit, grantType: keyof typeof SECRETS, given: string): Promise<Proof> {
  if (grantType === 'revocation') return proveRevoked(visit, visit.base, given)
  return proveGrant(visit, grantType === 'authorization_code' ? 'code' : 'refresh', given)
}

function forward({ env, share, base }: SignInVisit, method: string, headers: Headers, form: URLSearchParams): Promise<Response> {
  const passed = new Headers(headers)
  passed.delete('content-length')
  return signInStub(env, share).fetch(new Request(`${base}/token`, { method, headers: passed, body: form.toString() }))
}

function tooManyTries(waitMs: number): Response {
  const response = oauthError('temporarily_unavailable', 'Too many wrong codes and tokens have come from this address.', 429)
  response.headers.set('retry-after', String(Math.ceil(waitMs / 1000)))
  return response
}
