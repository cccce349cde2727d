/** `/agent/<share>`: checks all that an agent's upgrade needs, then hands it to its Share (docs/protocol.md, Connecting). */
import type { Context } from 'hono'
import type { Failure } from '../protocol/errors.ts'
import { LINK_SUBPROTOCOL } from '../protocol/handshake.ts'
import { authenticateAgent, BEARER_CHALLENGE } from './access/authenticate.ts'
import { problemResponse, triesResponse } from './problem.ts'
import { slowed } from './access/wrong-tries.ts'
import type { RouteEnv } from './access/owner/claim-gate.ts'
import { clientAddress } from './access/client-address.ts'
import { settingsOf } from './env.ts'
import { noteRefusal } from './access/refused-credentials.ts'
import { type Lane, laneAt } from './lanes.ts'
import type { ForeignOpening } from './contract/foreign-makes.ts'
import { ShareClient } from './carry/share-client.ts'
import { pinOnConnect } from './mcp/pinning/pin-server.ts'
import { PassRefused } from './carry/pass-refused.ts'

export async function connectAgent(c: Context<RouteEnv>): Promise<Response> {
  const share = c.req.param('share') ?? ''
  const agent = await authenticateAgent(c.req.raw, c.var.relay, share)
  if (!agent.ok) {
    const address = clientAddress(c.req.raw, settingsOf(c.env))
    noteRefusal('agent', address)
    return refusedAgent(slowed(agent.error, { address, share }))
  }
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') return problemResponse('UPGRADE_NEEDED', undefined, { upgrade: 'websocket' })
  const offered = (c.req.header('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim())
  if (!offered.includes(LINK_SUBPROTOCOL))
    return problemResponse('LINK_VERSION_REFUSED', `This relay speaks ${LINK_SUBPROTOCOL}.`, { upgrade: 'websocket' })
  const lane = laneAt(share, Number(c.req.query('lane') ?? 0))
  return lane === undefined ? problemResponse('LANE_UNKNOWN') : handOver(new ShareClient(c.env, lane, agent.value), lane)
}

/** Hands the upgrade of an agent that has shown its token to its Share. `foreign`: of an agent of another make. */
export async function handOver(client: ShareClient, lane: Lane, foreign?: ForeignOpening): Promise<Response> {
  try {
    const response = await client.agent(foreign)
    if (response.status === 404) return problemResponse('SHARE_NOT_FOUND')
    if (lane.index === 0) pinOnConnect(client)
    return response
  } catch (error) {
    if (!(error instanceof PassRefused)) throw error
    return refusedAgent(error.failure)
  }
}

/** What an agent is told that may not come in. */
export function refusedAgent({ code, detail, retryAfterMs }: Pick<Failure, 'code' | 'detail' | 'retryAfterMs'>): Response {
  if (code === 'TOO_MANY_TRIES') return triesResponse(retryAfterMs ?? 0)
  return problemResponse(code, detail, code === 'UNAUTHORIZED' ? { 'www-authenticate': BEARER_CHALLENGE } : {})
}
