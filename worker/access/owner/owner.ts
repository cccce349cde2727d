/** Who orders through the owner's API. What the registry knows is asked of it for each request, so that a removed owner is refused by the next. */
import { err, ok, type Result } from '../../../protocol/result.ts'
import { DEPLOYER } from '../../contract/registry/registry-rpc.ts'
import { type Env, settingsOf } from '../../env.ts'
import { Newest } from '../../newest.ts'
import { MAX_KNOWN_OWNER_TOKENS } from '../../trust-limits.ts'
import { bearerOf, MISSING_BEARER, OWNER_KEY_PREFIX } from '../authenticate.ts'
import { clientAddress } from '../client-address.ts'
import type { ClaimedRelay, RelayKeys } from '../secrets/keys.ts'
import { hasSeal, sealOf } from '../secrets/sealed-text.ts'
import { equalBytes, hashSecret, randomText, toHex } from '../secrets/secret.ts'
import { countTry, takeBackTry } from '../wrong-tries.ts'

/** An owner, once that is proved. */
export interface Owner {
  readonly id: string
  /** May make and remove other owners. */
  readonly isDeployer: boolean
}

/** Why nobody is an owner. */
export interface OwnerFault {
  readonly detail: string
  /** So many wrong ones have come that this long is to be waited, in milliseconds. */
  readonly waitMs?: number
}

const OWNER_TOKEN_BYTES = 32
/** What the relay makes: the prefix, 32 bytes in base64url, and a seal. Those that were made before there were seals have none. */
const OWNER_TOKEN = new RegExp(`^(${OWNER_KEY_PREFIX}[\\w-]{43})([\\w-]{22})?$`)
const MAX_BEARER_CHARS = 4096
const SEAL = { purpose: 'owner', share: '' } as const

/** Hashes of right tokens without a seal, by the keys of the relay that has asked. */
const knownTokens = new WeakMap<RelayKeys, Newest<true>>()

/** A new token of an owner's, the deployer's among them. */
export async function newOwnerToken({ owner }: Pick<RelayKeys, 'owner'>): Promise<string> {
  const token = `${OWNER_KEY_PREFIX}${randomText(OWNER_TOKEN_BYTES)}`
  return `${token}${await sealOf(owner, SEAL, token)}`
}

/** The owner who asks, or why nobody is. A guess is known for one without asking the registry. */
export async function authenticateOwner(request: Request, relay: ClaimedRelay, env: Env): Promise<Result<Owner, OwnerFault>> {
  const { keys, deployerHash } = relay
  const bearer = bearerOf(request)
  if (bearer === undefined) return err({ detail: MISSING_BEARER })
  const trying = { address: clientAddress(request, settingsOf(env)), share: 'owners' }
  if (bearer.length > MAX_BEARER_CHARS) return err(wrong(countTry(trying)))
  const hash = await hashSecret(bearer)
  if (deployerHash !== undefined && equalBytes(hash, deployerHash)) return ok({ id: DEPLOYER, isDeployer: true })
  const [, token, seal] = OWNER_TOKEN.exec(bearer) ?? []
  // Nothing else was ever made by the registry, so a guess costs it nothing.
  if (token === undefined) return err(wrong(countTry(trying)))
  const known = knownTokens.get(keys) ?? new Newest(MAX_KNOWN_OWNER_TOKENS)
  knownTokens.set(keys, known)
  const isProved = seal === undefined ? known.get(toHex(hash)) === true : await hasSeal(keys.owner, SEAL, token, seal)
  // The seal may be of another SIGNING_KEY, and the token right: few such are asked about.
  const waitMs = isProved ? undefined : countTry(trying)
  if (waitMs !== undefined) return err(wrong(waitMs))
  // OWNER_KEY takes the place of a key that was claimed.
  const verdict = await env.REGISTRY.getByName('registry').findOwner(hash, deployerHash === undefined)
  if (verdict.kind === 'unknown') return err(wrong(undefined))
  if (!isProved) takeBackTry(trying)
  if (verdict.kind === 'expired') return err({ detail: 'This owner token has expired.' })
  known.set(toHex(hash), true)
  return ok({ id: verdict.id, isDeployer: verdict.id === DEPLOYER })
}

function wrong(waitMs: number | undefined): OwnerFault {
  return { detail: UNKNOWN, ...(waitMs === undefined ? {} : { waitMs }) }
}

const UNKNOWN = 'This is no owner key or owner token of this relay.'
