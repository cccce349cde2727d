/** Mints and verifies access tokens of people who have signed in: JWTs (RFC 9068) for one resource, with a key of their own. Touches no object. */
import { errors } from 'jose'
import { encode } from 'jose/base64url'
import { decodeJwt } from 'jose/jwt/decode'
import { SignJWT } from 'jose/jwt/sign'
import { jwtVerify } from 'jose/jwt/verify'
import { err, ok, type Result } from '../../protocol/result.ts'
import { MAX_CREDENTIAL_CHARS, ONE_SPELLING } from './tokens.ts'

/** What a valid access token says. */
export interface AccessFacts {
  /** URL of the endpoint that it is for, exactly as the client has typed it. */
  readonly resource: string
  readonly share: string
  /** Id of the person's link. */
  readonly link: string
  /** Digest of the id of the client that it was given to: such an id may be long. */
  readonly client: string
  /** The grant that it comes from. */
  readonly grant: string
  readonly scope: string
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number
}

export type AccessFault = 'wrong' | 'expired' | 'wrong_resource'

const ALGORITHM = 'HS256'
const TYPE = 'at+jwt'
const SECOND_MS = 1000
/** By its header such a token is told from one of an owner's links. */
const START = `${encode(JSON.stringify({ alg: ALGORITHM, typ: TYPE }))}.`

/** Whether a bearer claims to be an access token: what it is worth `verifyAccessToken` says. */
export function isAccessToken(bearer: string): boolean {
  return bearer.startsWith(START)
}

export async function mintAccessToken(key: CryptoKey, issuer: string, facts: AccessFacts, nowMs: number): Promise<string> {
  const { resource, share, link, client, grant, scope, expiresAtMs } = facts
  return new SignJWT({ share, client, grant, scope })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
    .setIssuer(issuer)
    .setAudience(resource)
    .setSubject(link)
    .setJti(crypto.randomUUID())
    .setIssuedAt(Math.floor(nowMs / SECOND_MS))
    .setExpirationTime(Math.ceil(expiresAtMs / SECOND_MS))
    .sign(key)
}

/** Checks signature, end, resource and share. Whether the person may still come in the Share's gate says. */
export async function verifyAccessToken(
  key: CryptoKey,
  token: string,
  expected: Pick<AccessFacts, 'resource' | 'share'>,
  nowMs: number,
): Promise<Result<AccessFacts, AccessFault>> {
  if (token.length > MAX_CREDENTIAL_CHARS || !ONE_SPELLING.test(token)) return err('wrong')
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [ALGORITHM],
      typ: TYPE,
      currentDate: new Date(nowMs),
      requiredClaims: ['aud', 'sub', 'share', 'exp', 'client', 'grant', 'scope'],
    })
    const { aud, sub, share, exp, client, grant, scope } = payload
    if (aud !== expected.resource || share !== expected.share) return err('wrong_resource')
    if (sub === undefined || exp === undefined || !isText(client) || !isText(grant) || !isText(scope)) return err('wrong')
    return ok({ ...expected, link: sub, client, grant, scope, expiresAtMs: exp * SECOND_MS })
  } catch (error) {
    if (error instanceof errors.JWTExpired) return err('expired')
    if (error instanceof errors.JOSEError) return err('wrong')
    throw error
  }
}

/** The resource that an access token says it is for, which proves nothing yet; undefined for what is no token. */
export function resourceNamedBy(token: string): string | undefined {
  if (token.length > MAX_CREDENTIAL_CHARS || !ONE_SPELLING.test(token)) return undefined
  try {
    const { aud } = decodeJwt(token)
    return typeof aud === 'string' ? aud : undefined
  } catch {
    return undefined
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
