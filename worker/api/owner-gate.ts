/** Lets owners into the API, and gives the routes behind it who asks. */
import type { MiddlewareHandler } from 'hono'
import { admitOwner } from '../access/owner/admit-owner.ts'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import type { Owner } from '../access/owner/owner.ts'
import { problemResponse } from '../problem.ts'

/** What a route of the API is given: `c.var.owner` asks. */
export interface OwnerEnv {
  Bindings: RouteEnv['Bindings']
  Variables: RouteEnv['Variables'] & { readonly owner: Owner }
}

export const requireOwner: MiddlewareHandler<OwnerEnv> = async (c, next) => {
  const owner = await admitOwner(c.req.raw, c.var.relay, c.env)
  if (!owner.ok) return owner.error
  c.set('owner', owner.value)
  return next()
}

/** Behind `requireOwner`. */
export const requireDeployer: MiddlewareHandler<OwnerEnv> = async (c, next) =>
  c.var.owner.isDeployer ? next() : problemResponse('INSUFFICIENT_PERMISSIONS', 'Only the deployer makes, lists and removes owners.')
