/** How a fresh relay gets its owner, and the gate that keeps everything shut until it has one. */
import { Hono, type MiddlewareHandler } from 'hono'
import { claimedRelay } from '../access/keys.ts'
import { type Env, settingsOf } from '../env.ts'
import { readMembers, textMember } from './body.ts'
import { problem } from './problem.ts'

const MAX_CODE_CHARS = 128

/** What an unclaimed or misconfigured relay still answers. */
function isAlwaysOpen(method: string, path: string): boolean {
  return path === '/healthz' || (method === 'POST' && path === '/api/claim')
}

/** Answers 503 `RELAY_UNCLAIMED` while nobody owns the relay, and 500 when its variables cannot be used. */
export const requireClaimed: MiddlewareHandler<{ Bindings: Env }> = async (c, next) => {
  if (c.req.path === '/healthz') return next()
  const [fault] = settingsOf(c.env).faults
  if (fault !== undefined) return problem('RELAY_MISCONFIGURED', fault)
  if (isAlwaysOpen(c.req.method, c.req.path)) return next()
  return (await claimedRelay(c.env)) === undefined ? problem('RELAY_UNCLAIMED') : next()
}

/** `POST /claim`: logs a one-time code, or takes it and hands out the owner key. */
export const claim = new Hono<{ Bindings: Env }>().post('/', async (c) => {
  if (settingsOf(c.env).ownerKey !== undefined) return problem('RELAY_CLAIMED')
  const members = await readMembers(c.req.raw, ['code'])
  if (!members.ok) return problem(members.error.code, members.error.detail)
  const code = textMember(members.value, 'code', MAX_CODE_CHARS)
  if (!code.ok) return problem('BODY_INVALID', code.error)
  const claimed = await c.env.REGISTRY.getByName('registry').claim(code.value)
  switch (claimed.outcome) {
    case 'code':
      // The log is the proof: only who deployed the relay can read it.
      // oxlint-disable-next-line no-console -- a line for a person to read, who may have nothing else to filter with
      console.log(`claim code: ${claimed.code}`)
      return c.json({ status: 'code_logged' }, 202, { 'cache-control': 'no-store' })
    case 'owner':
      return c.json({ owner_token: claimed.ownerKey }, 201, { 'cache-control': 'no-store' })
    case 'wrong_code':
      return problem('CLAIM_CODE_WRONG')
    case 'claimed':
      return problem('RELAY_CLAIMED')
  }
})
