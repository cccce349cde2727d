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
import { laneAt } from './lanes.ts'
import { ShareClient } from './carry/share-client.ts'
import { pinOnConnect } from './mcp/pinning/pin-server.ts'
import { PassRefused } from './carry/pass-refused.ts'

export async function connectAgent(c: Context<RouteEnv>): Promise<Response> {
  const share = c.req.param('share') ?? ''
  const agent = await authenticateAgent(c.req.raw, c.var.relay, share)
  if (!agent.ok) {
    const address = clientAddress(c.req.raw, settingsOf(c.env))
    noteRefusal('agent', address)
    return refused(slowed(agent.error, { address, share }))
  }
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') return problemResponse('UPGRADE_NEEDED', undefined, { upgrade: 'websocket' })
  const offered = (c.req.header('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim())
  if (!offered.includes(LINK_SUBPROTOCOL))
    return problemResponse('LINK_VERSION_REFUSED', `This relay speaks ${LINK_SUBPROTOCOL}.`, { upgrade: 'websocket' })
  const lane = laneAt(share, Number(c.req.query('lane') ?? 0))
  if (lane === undefined) return problemResponse('LANE_UNKNOWN')
  try {
    const client = new ShareClient(c.env, lane, agent.value)
    const response = await client.agent()
    if (response.status === 404) return problemResponse('SHARE_NOT_FOUND')
    if (lane.index === 0) pinOnConnect(client)
    return response
  } catch (error) {
    if (!(error instanceof PassRefused)) throw error
    return refused(error.failure)
  }
}

function refused({ code, detail, retryAfterMs }: Pick<Failure, 'code' | 'detail' | 'retryAfterMs'>): Response {
  if (code === 'TOO_MANY_TRIES') return triesResponse(retryAfterMs ?? 0)
  return problemResponse(code, detail, code === 'UNAUTHORIZED' ? { 'www-authenticate': BEARER_CHALLENGE } : {})
}
