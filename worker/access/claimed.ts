/** The gate that keeps everything shut until the relay has an owner and usable variables. */
import type { MiddlewareHandler } from 'hono'
import { problemResponse } from '../problem.ts'
import { type Env, settingsOf } from '../env.ts'
import { claimedRelay } from './keys.ts'

/** Answers 503 `RELAY_UNCLAIMED` while nobody owns the relay, to all but `/healthz` and a claim; 500 when a variable cannot be used. */
export const requireClaimed: MiddlewareHandler<{ Bindings: Env }> = async (c, next) => {
  const { method, path } = c.req
  if (path === '/healthz') return next()
  const [fault] = settingsOf(c.env).faults
  if (fault !== undefined) return problemResponse('RELAY_MISCONFIGURED', fault)
  if (method === 'POST' && path === '/api/claim') return next()
  return (await claimedRelay(c.env)) === undefined ? problemResponse('RELAY_UNCLAIMED') : next()
}
