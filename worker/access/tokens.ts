/** Mints and verifies the tokens of agents and clients: JWTs (RFC 7519, HS256) bound to one kind and one share. */
import { errors } from 'jose'
import { decodeJwt } from 'jose/jwt/decode'
import { SignJWT } from 'jose/jwt/sign'
import { jwtVerify } from 'jose/jwt/verify'
import { err, ok, type Result } from '../../protocol/result.ts'

export type TokenKind = 'agent' | 'client'

/** What a valid token says. */
export interface TokenFacts {
  readonly kind: TokenKind
  readonly share: string
  /** Subject of the token: who the bearer is. */
  readonly principal: string
  /** Name of this one token, for revocation. */
  readonly tokenId: string
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number
}

/** Why a token was refused. Only a token this relay signed is ever told more than `wrong`. */
export type TokenFault = 'wrong' | 'expired' | 'wrong_kind' | 'wrong_share'

const ALGORITHM = 'HS256'
/** Our own tokens have about 350 characters; nothing longer is worth a hash. */
export const MAX_CREDENTIAL_CHARS = 2048
/**
 * A JWT (RFC 7515 §7.1) with a signature of 32 bytes, whose last character has no spare bits set. Decoders overlook those, white
 * space and padding, and only the parts before are signed as text: else one token would have many spellings.
 */
export const ONE_SPELLING = /^[\w-]+\.[\w-]+\.[\w-]{42}[AEIMQUYcgkosw048]$/
const SECOND_MS = 1000

/** A new token. `issuer` is the relay's origin, by which an agent finds the relay. Lives in whole seconds, rounded up. */
export async function mintToken(key: CryptoKey, issuer: string, facts: TokenFacts, nowMs: number): Promise<string> {
  return new SignJWT({ share: facts.share })
    .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
    .setIssuer(issuer)
    .setAudience(audienceOf(facts.kind))
    .setSubject(facts.principal)
    .setJti(facts.tokenId)
    .setIssuedAt(Math.floor(nowMs / SECOND_MS))
    .setExpirationTime(Math.ceil(facts.expiresAtMs / SECOND_MS))
    .sign(key)
}

/** Checks signature, expiry, kind and share, in this order. Touches no object. */
export async function verifyToken(
  key: CryptoKey,
  token: string,
  expected: { readonly kind: TokenKind; readonly share: string },
  nowMs: number,
): Promise<Result<TokenFacts, TokenFault>> {
  if (token.length > MAX_CREDENTIAL_CHARS || !ONE_SPELLING.test(token)) return err('wrong')
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [ALGORITHM],
      currentDate: new Date(nowMs),
      requiredClaims: ['aud', 'sub', 'share', 'jti', 'exp'],
    })
    const { aud, sub, share, jti, exp } = payload
    if (aud !== audienceOf(expected.kind)) return err('wrong_kind')
    if (share !== expected.share) return err('wrong_share')
    if (sub === undefined || jti === undefined || exp === undefined) return err('wrong')
    return ok({ ...expected, principal: sub, tokenId: jti, expiresAtMs: exp * SECOND_MS })
  } catch (error) {
    if (error instanceof errors.JWTExpired) return err('expired')
    if (error instanceof errors.JOSEError) return err('wrong')
    throw error
  }
}

/** The share that a token says it is for, which proves nothing yet; undefined for what is no token. */
export function shareNamedBy(token: string): string | undefined {
  if (token.length > MAX_CREDENTIAL_CHARS || !ONE_SPELLING.test(token)) return undefined
  try {
    const { share } = decodeJwt<{ share?: unknown }>(token)
    return typeof share === 'string' ? share : undefined
  } catch {
    return undefined
  }
}

function audienceOf(kind: TokenKind): string {
  return `mcp-edge/${kind}`
}
