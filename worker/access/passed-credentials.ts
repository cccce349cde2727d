/**
 * What a client with a key in its URL shows for the server itself: told from all that this relay has made, which goes to no server. Nothing
 * here says whether the server wants it.
 */
import { decode } from 'jose/base64url'
import { encodeBase32 } from '../../protocol/encoding/base32.ts'
import { isTooLongToPass, passedCredential } from '../../protocol/passed-credential.ts'
import { Newest } from '../newest.ts'
import { readAccessCode } from './access-code.ts'
import { authenticateKey, bearerOf, type LinkHolder, OWNER_KEY_PREFIX } from './authenticate.ts'
import type { ClaimedRelay, RelayKeys } from './secrets/keys.ts'
import { equalBytes, hashSecret, mac } from './secrets/secret.ts'

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

/**
 * What such relays make, wherever it stands in a token: else a quote or comma around one would take it to a server. Keys of URLs and secret
 * host names; both kinds of credential once they are narrowed, which do not hold what they were made of; claim codes; what is sealed
 * (`sealText`, `sealGrant`); owners' keys.
 */
const SHAPES: readonly RegExp[] = [
  /(?<!\w)[a-z2-7]{52}(?!\w)/i,
  /(?<!\w)[a-z2-7]{56}(?!\w)/i,
  /(?<![\w-])(?:[a-z2-7]{26}|eyJ[\w-]*\.eyJ[\w-]*)(?:~[\w-]+)+~[\w-]{43}(?!\w)/,
  /(?<!\w)[a-z2-7]{26}-[\w-]{22}(?![\w-])/,
  /(?<!\w)[a-z2-7]{4}(?:-[a-z2-7]{4}){5}(?![\w-])/i,
  /(?<!eyJ[\w-]*\.)(?<![\w-])eyJ[\w-]*\.[\w-]{22}(?![\w.-])/,
  /(?<![\w:-])[\w-]+:[\w-]+:[\w-]+\.[\w-]{22}(?![\w.-])/,
  new RegExp(OWNER_KEY_PREFIX),
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
  // One that is too long goes nowhere, whatever it is, and is not worth the search.
  if (authorization === undefined || (!isTooLongToPass(token) && (await isOfRelay(relay, share, token)))) return undefined
  const holder = await authenticateKey(relay, share, key)
  if (holder === undefined) return undefined
  const found = { holder, token, authorization, digest: await digestOf(keys, share, token) }
  mine.set(name, found)
  return found
}

/** Whether a token has in it what this relay has made, for whatever it was, or what looks so, or is the key that its deployer has chosen. */
async function isOfRelay({ keys, deployerHash }: ClaimedRelay, share: string, token: string): Promise<boolean> {
  if (SHAPES.some((shape) => shape.test(token)) || token.split(/[^\w-]+/).some(claimsRelay)) return true
  if (deployerHash !== undefined && equalBytes(await hashSecret(token), deployerHash)) return true
  return (await readAccessCode(keys.signIn, share, token)) !== undefined
}

/** Whether a part of a token has the claims of one for agents, clients or people of such a relay, whichever has signed it. */
function claimsRelay(part: string): boolean {
  try {
    const claims: unknown = part.startsWith('eyJ') ? JSON.parse(new TextDecoder().decode(decode(part))) : undefined
    if (typeof claims !== 'object' || claims === null) return false
    const { aud, share, grant } = claims as { readonly [name: string]: unknown }
    const isForRelay = [aud].flat().some((one) => typeof one === 'string' && one.startsWith('mcp-edge/'))
    return isForRelay || (typeof share === 'string' && typeof grant === 'string')
  } catch {
    return false
  }
}

async function digestOf(keys: RelayKeys, share: string, token: string): Promise<string> {
  return encodeBase32(await mac(keys.passedCredential, new TextEncoder().encode(`${share}\n${token}`), DIGEST_BYTES))
}
