/** Who asks at the doors that take either an owner's token or an agent's: a bearer that names a share is an agent's, or wrong. */
import type { Context } from 'hono'
import { authenticateAgent, bearerOf, OWNER_KEY_PREFIX } from '../access/authenticate.ts'
import { clientAddress } from '../access/client-address.ts'
import { admitOwner } from '../access/owner/admit-owner.ts'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { noteRefusal } from '../access/refused-credentials.ts'
import { shareNamedBy } from '../access/tokens.ts'
import { slowed } from '../access/wrong-tries.ts'
import { refusedAgent } from '../agent-route.ts'
import type { Asker } from '../contract/registry/gateway-rpc.ts'
import { settingsOf } from '../env.ts'
import { err, ok, type Result } from '../../protocol/result.ts'

/** Whether an agent's token was revoked is not known here. */
export async function whoAsks(c: Context<RouteEnv>): Promise<Result<Asker, Response>> {
  const { relay } = c.var
  const address = clientAddress(c.req.raw, settingsOf(c.env))
  const bearer = bearerOf(c.req.raw) ?? ''
  const share = shareNamedBy(bearer)
  if (share !== undefined && !bearer.startsWith(OWNER_KEY_PREFIX)) {
    const agent = await authenticateAgent(c.req.raw, relay, share)
    if (agent.ok) return ok({ kind: 'agent', share, token: agent.value.chain[0] })
    noteRefusal('agent', address)
    return err(refusedAgent(slowed(agent.error, { address, share })))
  }
  const owner = await admitOwner(c.req.raw, relay, c.env, 'UNAUTHORIZED')
  return owner.ok ? ok({ kind: 'owner', id: owner.value.id }) : owner
}
