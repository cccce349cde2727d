/**
 * What a client with a key in its URL shows for the server itself: told from all that this relay has made, which goes to no server. Nothing
 * here says whether the server wants it.
 */
import { decodeJwt } from 'jose/jwt/decode'
import { encodeBase32 } from '../../protocol/encoding/base32.ts'
import { passedCredential } from '../../protocol/passed-credential.ts'
import { Newest } from '../newest.ts'
import { isAccessToken } from './access-token.ts'
import { authenticateKey, bearerOf, type LinkHolder, OWNER_KEY_PREFIX } from './authenticate.ts'
import type { ClaimedRelay, RelayKeys } from './secrets/keys.ts'
import { mac } from './secrets/secret.ts'
import { isTokenOf } from './tokens.ts'

/** A client with a link, and what it shows for the server. */
export interface PassedCredential {
  readonly holder: LinkHolder
  readonly token: string
  /** Value of the field that the server gets. */
  readonly authorization: string
  /** Tells it from others, and is of no use to who knows it. */
  readonly digest: string
}

/** Bytes of such a digest: two clients of one link are never taken for one. */
const DIGEST_BYTES = 10

/** What else this relay makes: keys of URLs and secret host names; claim codes; access codes of people; what it has sealed (`payload.seal`); what would be an owner's. */
const SHAPES: readonly RegExp[] = [
  /^[a-z2-7]{52}$/,
  /^[a-z2-7]{56}$/,
  /^[a-z2-7]{26}-[\w-]{22}$/,
  /^[a-z2-7]{4}(?:-[a-z2-7]{4}){5}$/i,
  /^eyJ[\w-]*\.[\w-]{22}$/,
  new RegExp(`^${OWNER_KEY_PREFIX}`),
]

/** By share, key and token, for each set of keys: what is shown with each request is verified once. */
const known = new WeakMap<RelayKeys, Newest<PassedCredential>>()
const MAX_KNOWN = 256

/** What a request shows for the server; undefined where it has no key, no bearer token, or one that may be of this relay. A key that is over lets nobody in. */
export async function passedCredentialOf(
  request: Request,
  relay: ClaimedRelay,
  share: string,
  key: string | undefined,
  nowMs = Date.now(),
): Promise<PassedCredential | undefined> {
  const token = key === undefined ? undefined : bearerOf(request)
  if (key === undefined || token === undefined || token === '') return undefined
  const { keys } = relay
  const mine = known.get(keys) ?? new Newest<PassedCredential>(MAX_KNOWN)
  known.set(keys, mine)
  const name = `${share} ${key} ${token}`
  const before = mine.get(name)
  if (before !== undefined && before.holder.expiresAtMs > nowMs) return before
  const authorization = passedCredential(token)
  if (authorization === undefined || (await isOfRelay(keys, token, nowMs))) return undefined
  const holder = await authenticateKey(relay, share, key)
  if (holder === undefined) return undefined
  const found = { holder, token, authorization, digest: await digestOf(keys, share, token) }
  mine.set(name, found)
  return found
}

/** Whether a token was made by this relay, for whatever it was, or looks as if it had been. Of one that a holder has narrowed what it was made of counts. */
async function isOfRelay(keys: RelayKeys, token: string, nowMs: number): Promise<boolean> {
  const [root = ''] = token.split('~')
  return SHAPES.some((shape) => shape.test(root)) || isAccessToken(root) || namesRelay(root) || (await isTokenOf(keys.jwt, root, nowMs))
}

/** Whether it says that it is for agents or clients of such a relay, whichever has signed it. */
function namesRelay(token: string): boolean {
  try {
    const { aud } = decodeJwt(token)
    return [aud].flat().some((one) => typeof one === 'string' && one.startsWith('mcp-edge/'))
  } catch {
    return false
  }
}

async function digestOf(keys: RelayKeys, share: string, token: string): Promise<string> {
  return encodeBase32(await mac(keys.passedCredential, new TextEncoder().encode(`${share}\n${token}`), DIGEST_BYTES))
}
