/** Lets owners into the API, and gives the routes behind it who asks. */
import type { MiddlewareHandler } from 'hono'
import { BEARER_CHALLENGE } from '../access/authenticate.ts'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { clientAddress } from '../access/client-address.ts'
import { authenticateOwner, type Owner } from '../access/owner/owner.ts'
import { noteRefusal } from '../access/refused-credentials.ts'
import { settingsOf } from '../env.ts'
import { problemResponse, triesResponse } from '../problem.ts'

/** What a route of the API is given: `c.var.owner` asks. */
export interface OwnerEnv {
  Bindings: RouteEnv['Bindings']
  Variables: RouteEnv['Variables'] & { readonly owner: Owner }
}

export const requireOwner: MiddlewareHandler<OwnerEnv> = async (c, next) => {
  const owner = await authenticateOwner(c.req.raw, c.var.relay, c.env)
  if (!owner.ok) {
    noteRefusal('owner', clientAddress(c.req.raw, settingsOf(c.env)))
    const { detail, waitMs } = owner.error
    return waitMs === undefined
      ? problemResponse('OWNER_KEY_NEEDED', detail, { 'www-authenticate': BEARER_CHALLENGE })
      : triesResponse(waitMs)
  }
  c.set('owner', owner.value)
  return next()
}

/** Behind `requireOwner`. */
export const requireDeployer: MiddlewareHandler<OwnerEnv> = async (c, next) =>
  c.var.owner.isDeployer ? next() : problemResponse('INSUFFICIENT_PERMISSIONS', 'Only the deployer makes, lists and removes owners.')
