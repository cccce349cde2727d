/** What a client is told whose pass a Share does not let in. A link in a URL is never answered with a challenge, which would send clients into signing in. */
import { type Executed, type Failure, isServerRefusal } from '../../protocol/errors.ts'
import type { PassRefusal } from '../contract/trust/trust-rpc.ts'
import { PAUSED_RETRY_MS } from '../trust-limits.ts'
import { type LinkHolder, MISSING_BEARER, TOKEN_EXPIRED } from './authenticate.ts'

/** `executed`: of a call that was under way when it was cut off; such a call is not to be repeated unseen, so no time is named for that. */
export function passFailure(
  code: PassRefusal,
  { isInUrl, isAnonymous, challenge }: Pick<LinkHolder, 'isInUrl' | 'isAnonymous' | 'challenge'>,
  executed: Executed | undefined,
): Failure {
  const cut = executed === undefined ? {} : { executed }
  const told = challenge === undefined ? cut : { ...cut, challenge }
  switch (code) {
    case 'SHARE_EXPIRED':
      return { code, ...cut }
    case 'SHARE_PAUSED':
      return { code, ...(executed === undefined ? { retryAfterMs: PAUSED_RETRY_MS } : cut) }
    case 'LINK_REVOKED':
      return isInUrl ? { code, ...cut } : { code: 'UNAUTHORIZED', detail: isAnonymous === true ? MISSING_BEARER : TOKEN_REVOKED, ...told }
    case 'LINK_EXPIRED':
      return isInUrl ? { code, ...cut } : { code: 'UNAUTHORIZED', detail: TOKEN_EXPIRED, ...told }
  }
}

const TOKEN_REVOKED = 'This token was revoked.'

const NAMES_METADATA = 'resource_metadata='
/** Quotes stand in no member's value. */
const IS_NAMED = /[ ,]resource_metadata="/

const NEEDS_KEY = 'This server signs its clients in by itself: come with a link that has a key in its URL.'

/**
 * What its client is told whom the server itself wants to sign in: where that begins is the metadata that the relay gives in the server's place
 * (RFC 9728 §5.1). `metadataUrl`: undefined of a client whose `Authorization` is the relay's.
 */
export function signInFailureAt(failure: Failure, metadataUrl: (() => string) | undefined): Failure {
  const { code, executed, challenge } = failure
  if (!isServerRefusal(code) || challenge === undefined || IS_NAMED.test(challenge)) return failure
  // Its client would throw its credential away, or sign in at the relay again and again.
  if (metadataUrl === undefined) return { code: 'SERVER_FORBIDDEN', ...(executed === undefined ? {} : { executed }), detail: NEEDS_KEY }
  return { ...failure, challenge: `${challenge}${challenge.includes('=') ? ',' : ''} ${NAMES_METADATA}"${metadataUrl()}"` }
}

/** A policy's refusal as it is told: whoever has shown no credential is told where to get one, of what there is and what there is not alike. */
export function policyFailure(refusal: Failure, { isAnonymous, challenge }: Pick<LinkHolder, 'isAnonymous' | 'challenge'>): Failure {
  const isOfPolicy = refusal.code === 'NOT_OFFERED' || refusal.code === 'METHOD_UNKNOWN'
  if (isAnonymous !== true || challenge === undefined || !isOfPolicy) return refusal
  return { code: 'UNAUTHORIZED', executed: 'no', detail: 'This is not open to everybody: sign in.', challenge }
}
