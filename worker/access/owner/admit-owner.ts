/** Lets an owner in by the bearer token of a request; anybody else is noted, and answered. */
import { err, type Result } from '../../../protocol/result.ts'
import { type Env, settingsOf } from '../../env.ts'
import { problemResponse, triesResponse } from '../../problem.ts'
import { BEARER_CHALLENGE } from '../authenticate.ts'
import { clientAddress } from '../client-address.ts'
import type { ClaimedRelay } from '../secrets/keys.ts'
import { noteRefusal } from '../refused-credentials.ts'
import { authenticateOwner, type Owner } from './owner.ts'

/** `code`: of the problem, where the door is not for owners alone. */
export async function admitOwner(
  request: Request,
  relay: ClaimedRelay,
  env: Env,
  code: 'OWNER_KEY_NEEDED' | 'UNAUTHORIZED' = 'OWNER_KEY_NEEDED',
): Promise<Result<Owner, Response>> {
  const owner = await authenticateOwner(request, relay, env)
  if (owner.ok) return owner
  noteRefusal('owner', clientAddress(request, settingsOf(env)))
  const { detail, waitMs } = owner.error
  return err(waitMs === undefined ? problemResponse(code, detail, { 'www-authenticate': BEARER_CHALLENGE }) : triesResponse(waitMs))
}
