/** Who orders through the owner's API. What the registry knows is asked of it for each request, so that a removed owner is refused by the next. */
import { err, ok, type Result } from '../../protocol/result.ts'
import { DEPLOYER } from '../contract/registry-rpc.ts'
import type { Env } from '../env.ts'
import { bearerOf, MISSING_BEARER, OWNER_KEY_PREFIX } from './authenticate.ts'
import type { ClaimedRelay } from './keys.ts'
import { equalBytes, hashSecret, randomText } from './secret.ts'

/** An owner, once that is proved. */
export interface Owner {
  readonly id: string
  /** May make and remove other owners. */
  readonly isDeployer: boolean
}

const OWNER_TOKEN_BYTES = 32
/** What the relay makes: the prefix, and 32 bytes in base64url. */
const OWNER_TOKEN = new RegExp(`^${OWNER_KEY_PREFIX}[\\w-]{43}$`)
const MAX_BEARER_CHARS = 4096

/** A new token of an owner's, the deployer's among them. */
export function newOwnerToken(): string {
  return `${OWNER_KEY_PREFIX}${randomText(OWNER_TOKEN_BYTES)}`
}

/** The owner who asks, or why nobody is. */
export async function authenticateOwner(request: Request, { deployerHash }: ClaimedRelay, env: Env): Promise<Result<Owner, string>> {
  const bearer = bearerOf(request)
  if (bearer === undefined) return err(MISSING_BEARER)
  if (bearer.length > MAX_BEARER_CHARS) return err(UNKNOWN)
  const hash = await hashSecret(bearer)
  if (deployerHash !== undefined && equalBytes(hash, deployerHash)) return ok({ id: DEPLOYER, isDeployer: true })
  // Nothing else was ever made by the registry, so a guess costs it nothing.
  if (!OWNER_TOKEN.test(bearer)) return err(UNKNOWN)
  // OWNER_KEY takes the place of a key that was claimed.
  const verdict = await env.REGISTRY.getByName('registry').findOwner(hash, deployerHash === undefined)
  if (verdict.kind === 'owner') return ok({ id: verdict.id, isDeployer: verdict.id === DEPLOYER })
  return err(verdict.kind === 'expired' ? 'This owner token has expired.' : UNKNOWN)
}

const UNKNOWN = 'This is no owner key or owner token of this relay.'
