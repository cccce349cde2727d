/** Fetches or derives the relay's keys, once per isolate. */
import { type Env, settingsOf } from '../../env.ts'
import { deriveAesKey, deriveHmacKey, hashSecret, importHmacKey } from './secret.ts'

export interface RelayKeys {
  readonly shareId: CryptoKey
  readonly pathKey: CryptoKey
  readonly jwt: CryptoKey
  readonly requestState: CryptoKey
  /** Access tokens of people who have signed in. */
  readonly accessToken: CryptoKey
  /** All else that sign-in hands out: client ids, access codes, what a consent page is about. */
  readonly signIn: CryptoKey
  /** Seals owner tokens and claim codes. */
  readonly owner: CryptoKey
  /** Encrypts what is kept of upstreams, and the ids of their sessions. */
  readonly upstream: CryptoKey
  /** Secret host names of agents. */
  readonly agentHost: CryptoKey
  /** Sessions of agents that poll. */
  readonly pollSession: CryptoKey
  /** Digests of what clients show for servers themselves. */
  readonly passedCredential: CryptoKey
}

/** What a claimed relay keeps in mind. */
export interface ClaimedRelay {
  readonly keys: RelayKeys
  /** Hash of OWNER_KEY. Without that variable the registry knows the deployer, and is asked each time. */
  readonly deployerHash: Uint8Array | undefined
}

/** Only the positive answer is kept: an unclaimed relay may be claimed by the next request, through any isolate. */
const cache = new WeakMap<object, ClaimedRelay>()

/**
 * The keys of this relay, or `undefined` while nobody has claimed it. Costs one call of the registry in a new
 * isolate, and none when both OWNER_KEY and SIGNING_KEY are set.
 */
export async function claimedRelay(env: Env): Promise<ClaimedRelay | undefined> {
  const known = cache.get(env)
  if (known !== undefined) return known
  const settings = settingsOf(env)
  const ownSigningKey = settings.signingKey === undefined ? undefined : await hashSecret(settings.signingKey)
  const deployerHash = settings.ownerKey === undefined ? undefined : await hashSecret(settings.ownerKey)
  const kept = ownSigningKey !== undefined && deployerHash !== undefined ? undefined : await env.REGISTRY.getByName('registry').secrets()
  const signingKey = ownSigningKey ?? kept?.signingKey
  const isOwned = deployerHash !== undefined || kept?.isClaimed === true
  if (signingKey === undefined || !isOwned) return undefined
  const relay = { keys: await deriveKeys(signingKey), deployerHash }
  cache.set(env, relay)
  return relay
}

const unclaimedKeys = new WeakMap<object, RelayKeys>()

/** The keys of a relay that nobody may have claimed yet. Costs one call of the registry in a new isolate where SIGNING_KEY is not set. */
export async function relayKeys(env: Env): Promise<RelayKeys> {
  const known = cache.get(env)?.keys ?? unclaimedKeys.get(env)
  if (known !== undefined) return known
  const { signingKey } = settingsOf(env)
  const seed = signingKey === undefined ? (await env.REGISTRY.getByName('registry').secrets()).signingKey : await hashSecret(signingKey)
  const keys = await deriveKeys(seed)
  unclaimedKeys.set(env, keys)
  return keys
}

/** The keys of each purpose. A change of a label makes every id or token of that purpose invalid. */
export async function deriveKeys(signingKey: Uint8Array<ArrayBuffer>): Promise<RelayKeys> {
  const root = await importHmacKey(signingKey)
  return {
    shareId: await deriveHmacKey(root, 'share-id'),
    pathKey: await deriveHmacKey(root, 'path-key'),
    jwt: await deriveHmacKey(root, 'jwt'),
    requestState: await deriveHmacKey(root, 'request-state'),
    accessToken: await deriveHmacKey(root, 'access-token'),
    signIn: await deriveHmacKey(root, 'sign-in'),
    owner: await deriveHmacKey(root, 'owner'),
    upstream: await deriveAesKey(root, 'upstream'),
    agentHost: await deriveHmacKey(root, 'agent-host'),
    pollSession: await deriveHmacKey(root, 'poll-session'),
    passedCredential: await deriveHmacKey(root, 'passed-credential'),
  }
}
