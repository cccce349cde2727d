/** Refuses every request until the relay has an owner and usable variables; gives the routes behind it the relay's keys. */
import type { MiddlewareHandler } from 'hono'
import { problemResponse } from '../../problem.ts'
import { type Env, settingsOf } from '../../env.ts'
import { type ClaimedRelay, claimedRelay } from '../secrets/keys.ts'

/** What a route behind the gate is given: `c.var.relay` is set for all but `/healthz` and a claim. */
export interface RouteEnv {
  Bindings: Env
  Variables: { readonly relay: ClaimedRelay }
}

/** Answers 503 `RELAY_UNCLAIMED` while nobody owns the relay, to all but `/healthz` and a claim; 500 when a variable cannot be used. */
export const requireClaimed: MiddlewareHandler<RouteEnv> = async (c, next) => {
  const { method, path } = c.req
  if (path === '/healthz') return next()
  const [fault] = settingsOf(c.env).faults
  if (fault !== undefined) return problemResponse('RELAY_MISCONFIGURED', fault)
  if (method === 'POST' && path === '/api/claim') return next()
  const relay = await claimedRelay(c.env)
  if (relay === undefined) return problemResponse('RELAY_UNCLAIMED')
  c.set('relay', relay)
  return next()
}
