/** A request to a share's sign-in: whose, and below which URL. */
import type { Context } from 'hono'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { clientAddress } from '../access/client-address.ts'
import type { RelayKeys } from '../access/secrets/keys.ts'
import { readShareId } from '../access/share-id.ts'
import { signInBase } from '../access/share-site.ts'
import { type Env, settingsOf } from '../env.ts'

export interface SignInVisit {
  readonly share: string
  /** As `signInBase` says. */
  readonly base: string
  readonly keys: RelayKeys
  readonly env: Env
  /** As `clientAddress` says. */
  readonly address: string | undefined
}

/** Undefined where nobody signs in: no share of ours, or no place for it. */
export async function visitOf(c: Context<RouteEnv>): Promise<SignInVisit | undefined> {
  const share = c.req.param('share') ?? ''
  const { keys } = c.var.relay
  if ((await readShareId(keys.shareId, share)) === undefined) return undefined
  const settings = settingsOf(c.env)
  const base = signInBase(c.req.raw, settings, share)
  return base === undefined ? undefined : { share, base, keys, env: c.env, address: clientAddress(c.req.raw, settings) }
}
