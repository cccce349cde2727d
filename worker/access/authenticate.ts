/** Turns the credentials of a request into a principal or a refusal, before any share is touched. */
import { err, ok, type Result } from '../../protocol/result.ts'
import { FOREIGN_TOKEN } from '../contract/trust/pass.ts'
import { derivedPrincipal } from '../contract/trust/principals.ts'
import type { Pass } from '../contract/trust/trust-rpc.ts'
import type { Settings } from '../env.ts'
import { type AccessFault, isAccessToken, verifyAccessToken } from './access-token.ts'
import type { ClaimedRelay, RelayKeys } from './secrets/keys.ts'
import { isNarrowed } from '../../protocol/narrowing/chain.ts'
import { type Narrowing, readNarrowedKey, readNarrowedToken } from './narrowed-links.ts'
import { readPathKey } from './path-key.ts'
import { readShareId } from './share-id.ts'
import { type ProtectedResource, protectedResource, resourceChallenge } from './share-site.ts'
import { type TokenFault, type TokenKind, verifyToken } from './tokens.ts'
import { VerifiedCredentials } from './verified.ts'

/** Who is asking, once that is proved. */
export interface Principal {
  readonly kind: 'client' | 'agent'
  /** Subject of the credential, never its bytes. */
  readonly id: string
  /** End of the credential's life in milliseconds since 1970. */
  readonly expiresAtMs: number
}

/** Whoever comes with a link: a client or an agent. */
export interface LinkHolder extends Principal {
  /** Ids of the links that the credential comes from, the owner's own first (`Pass.chain`). */
  readonly chain: Pass['chain']
  /** Of a narrowed credential: what its holders have called it, the ends (`Pass.ends`) and the policies that they have put into it, as JSON texts. */
  readonly names?: readonly string[]
  readonly ends?: readonly number[]
  readonly policies?: readonly string[]
  /** The credential stands in the URL: what goes wrong with it is told by a status, and never by a challenge. */
  readonly isInUrl: boolean
  /** It has shown none, and may come in without. Its principals are those of its sessions (`anonymousPrincipal`). */
  readonly isAnonymous?: true
  /** What the holder's client must be told when the link is over; `BEARER_CHALLENGE` where there is nothing more to say. */
  readonly challenge?: string
}

/** Why a request gets nothing. `code` is one of `ERRORS`, and `detail` is safe to show. */
export interface Refusal {
  readonly code: 'UNAUTHORIZED' | 'SHARE_NOT_FOUND' | 'LINK_NOT_FOUND' | 'LINK_EXPIRED' | 'TOO_MANY_TRIES'
  readonly detail?: string
  /** What a 401 says to the client (`Failure.challenge`). */
  readonly challenge?: string
  readonly retryAfterMs?: number
  /** What was shown is no credential of this relay's for this share: it may be a guess. */
  readonly isWrong?: true
  /** Nothing was shown, at a share of this relay's. */
  readonly isBare?: true
}

/** What a 401 must carry (RFC 9110 §11.6.1). */
export const BEARER_CHALLENGE = 'Bearer'

/** Of owner keys and owner tokens that the relay has made. */
export const OWNER_KEY_PREFIX = 'mcpe_owner_'

/** Clients by the keys of the relay that verified them: other keys know nobody. */
const knownClients = new WeakMap<RelayKeys, VerifiedCredentials<LinkHolder>>()

/**
 * The client that sent a request to a share's MCP URL. A bearer token decides when there is one; without it the key
 * of the path does. Checks the share id too. A credential that was verified before is known until it expires.
 */
export async function authenticateClient(
  request: Request,
  { keys }: ClaimedRelay,
  settings: Settings,
  share: string,
  key?: string,
): Promise<Result<LinkHolder, Refusal>> {
  const bearer = bearerOf(request)
  const known = knownClients.get(keys) ?? new VerifiedCredentials()
  knownClients.set(keys, known)
  // An access token is for one URL. Where a key is in the URL nobody signs in.
  const isSignedIn = bearer !== undefined && isAccessToken(bearer)
  const resource = isSignedIn && key === undefined ? protectedResource(request, settings, share) : undefined
  // Neither a share id nor a path key holds a space, so no two credentials read the same.
  const place = isSignedIn ? `${share} ${resource?.url}` : share
  const credential = bearer === undefined ? `${place} key ${key}` : `${place} bearer ${bearer}`
  const principal = known.recall(credential, Date.now())
  if (principal !== undefined) return ok(principal)
  const verified = isSignedIn ? await verifySignedIn(keys, share, bearer, resource) : await verifyClient(keys, share, bearer, key)
  if (verified.ok) known.keep(credential, verified.value)
  // Whoever has shown nothing is told where to sign in.
  else if (bearer === undefined && verified.error.code === 'UNAUTHORIZED')
    return err({ ...verified.error, ...challengeOf(protectedResource(request, settings, share), {}) })
  return verified
}

/** The holder of a key, whatever else its client has shown; undefined where the key alone lets nobody in. */
export async function authenticateKey({ keys }: ClaimedRelay, share: string, key: string): Promise<LinkHolder | undefined> {
  const verified = await verifyClient(keys, share, undefined, key)
  return verified.ok ? verified.value : undefined
}

async function verifyClient(
  keys: RelayKeys,
  share: string,
  bearer: string | undefined,
  key: string | undefined,
): Promise<Result<LinkHolder, Refusal>> {
  if ((await readShareId(keys.shareId, share)) === undefined) return err({ code: 'SHARE_NOT_FOUND', isWrong: true })
  if (bearer !== undefined) return isNarrowed(bearer) ? checkNarrowedToken(keys, bearer, share) : checkToken(keys, bearer, 'client', share)
  if (key === undefined) return err({ ...unauthorized(MISSING_BEARER), isBare: true })
  return isNarrowed(key) ? checkNarrowedKey(keys, share, key) : checkKey(keys, share, key)
}

async function checkKey(keys: RelayKeys, share: string, key: string): Promise<Result<LinkHolder, Refusal>> {
  const found = await readPathKey(keys.pathKey, share, key, Date.now())
  if (!found.ok) return err(found.error === 'expired' ? { code: 'LINK_EXPIRED' } : WRONG_KEY)
  const { id, principal, expiresAtMs } = found.value
  return ok({ kind: 'client', id: principal, expiresAtMs, chain: [id], isInUrl: true })
}

/** A client whose person has signed in. */
async function verifySignedIn(
  keys: RelayKeys,
  share: string,
  token: string,
  resource: ProtectedResource | undefined,
): Promise<Result<LinkHolder, Refusal>> {
  if ((await readShareId(keys.shareId, share)) === undefined) return err({ code: 'SHARE_NOT_FOUND', isWrong: true })
  if (resource === undefined) return err(unauthorized(NO_SIGN_IN, true))
  const challenge = challengeOf(resource, { error: 'invalid_token' })
  const read = await verifyAccessToken(keys.accessToken, token, { resource: resource.url, share }, Date.now())
  if (!read.ok) return err({ ...unauthorized(sayWhyNotIn(read.error), read.error !== 'expired'), ...challenge })
  const { link, expiresAtMs } = read.value
  return ok({ kind: 'client', id: `person:${link}`, expiresAtMs, chain: [link], isInUrl: false, ...challenge })
}

function challengeOf(resource: ProtectedResource | undefined, members: Readonly<Record<string, string>>): Pick<Refusal, 'challenge'> {
  return resource === undefined ? {} : { challenge: resourceChallenge(resource, members) }
}

function sayWhyNotIn(fault: AccessFault): string {
  switch (fault) {
    case 'wrong':
      return 'This access token was not made by this relay. Sign in again.'
    case 'expired':
      return 'This access token has expired. Refresh it, or sign in again.'
    case 'wrong_resource':
      return 'This access token is for another URL. Sign in at this one.'
  }
}

const NO_SIGN_IN = 'Nobody signs in at this URL, so no access token is taken here.'

/** The agent that asks for its WebSocket. Checks the share id too. */
export async function authenticateAgent(request: Request, relay: ClaimedRelay, share: string): Promise<Result<LinkHolder, Refusal>> {
  return authenticateAgentKey(bearerOf(request), relay, share)
}

/** The same by a token that stands in the URL, of an agent of another make that can send no header. */
export async function authenticateAgentKey(
  token: string | undefined,
  { keys }: ClaimedRelay,
  share: string,
): Promise<Result<LinkHolder, Refusal>> {
  if ((await readShareId(keys.shareId, share)) === undefined) return err({ code: 'SHARE_NOT_FOUND', isWrong: true })
  return token === undefined ? err(unauthorized(MISSING_BEARER)) : checkToken(keys, token, 'agent', share)
}

/** The token of an `Authorization: Bearer` header (RFC 6750 §2.1), or `undefined` when there is no such header. */
export function bearerOf(request: Request): string | undefined {
  const match = /^bearer(?: +(.*))?$/i.exec((request.headers.get('authorization') ?? '').trim())
  return match === null ? undefined : (match[1] ?? '')
}

/** What the bearer of a token is told that is over. */
export const TOKEN_EXPIRED = 'This token has expired.'

export const MISSING_BEARER = 'There is no Authorization: Bearer header.'

async function checkToken(keys: RelayKeys, token: string, kind: TokenKind, share: string): Promise<Result<LinkHolder, Refusal>> {
  if (token.startsWith(OWNER_KEY_PREFIX)) return err(unauthorized(`This is an owner key, and here only ${kind} tokens are taken.`, true))
  const read = await verifyToken(keys.jwt, token, { kind, share }, Date.now())
  if (!read.ok) return err(unauthorized(sayWhy(read.error, kind), read.error !== 'expired'))
  const { principal, tokenId, expiresAtMs } = read.value
  return ok({ kind, id: principal, expiresAtMs, chain: [tokenId], isInUrl: false })
}

async function checkNarrowedToken(keys: RelayKeys, token: string, share: string): Promise<Result<LinkHolder, Refusal>> {
  const narrowing = await readNarrowedToken(keys, token)
  if (narrowing === undefined) return err(unauthorized(sayWhy('wrong', 'client'), true))
  const root = await checkToken(keys, narrowing.root, 'client', share)
  return root.ok ? narrowed(root.value, narrowing, unauthorized(TOKEN_EXPIRED)) : root
}

async function checkNarrowedKey(keys: RelayKeys, share: string, key: string): Promise<Result<LinkHolder, Refusal>> {
  const narrowing = await readNarrowedKey(keys, share, key)
  if (narrowing === undefined) return err(WRONG_KEY)
  const root = await checkKey(keys, share, narrowing.root)
  return root.ok ? narrowed(root.value, narrowing, { code: 'LINK_EXPIRED' }) : root
}

/** The holder of a narrowed link: somebody else than the holder of the one that it was made of. */
async function narrowed(root: LinkHolder, { caveats, ids }: Narrowing, over: Refusal): Promise<Result<LinkHolder, Refusal>> {
  const [rootId] = root.chain
  const derived = await ids(rootId)
  const expiresAtMs = Math.min(root.expiresAtMs, ...caveats.map((caveat) => caveat.expiresAtMs ?? Infinity))
  if (expiresAtMs <= Date.now()) return err(over)
  return ok({
    ...root,
    id: derivedPrincipal(derived.at(-1) ?? rootId),
    expiresAtMs,
    chain: [rootId, ...derived],
    names: caveats.map(({ name = '' }) => name),
    ends: caveats.map((caveat) => caveat.expiresAtMs ?? 0),
    policies: caveats.flatMap(({ policyText }) => policyText ?? []),
  })
}

function sayWhy(fault: TokenFault, kind: TokenKind): string {
  switch (fault) {
    case 'wrong':
      return FOREIGN_TOKEN
    case 'expired':
      return TOKEN_EXPIRED
    case 'wrong_kind':
      return `This is a token of another kind, and here only ${kind} tokens are taken.`
    case 'wrong_share':
      return 'This token is for another share.'
  }
}

const WRONG_KEY: Refusal = { code: 'LINK_NOT_FOUND', isWrong: true }

function unauthorized(detail: string, isWrong = false): Refusal {
  return { code: 'UNAUTHORIZED', detail, ...(isWrong ? { isWrong } : {}) }
}
