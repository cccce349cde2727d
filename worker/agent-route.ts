/** `/agent/<share>`, with `?server=<name>` for a server of several: checks all that an agent's upgrade needs, then hands it to its Share (docs/protocol.md, Connecting). */
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
import { keeperOf, type Lane, laneAt, serverLane } from './lanes.ts'
import { isServerName } from '../protocol/server-names.ts'
import type { LinkHolder } from './access/authenticate.ts'
import { admitServer, forgetServer, knowsServer } from './carry/known-servers.ts'
import { BUSY_LIMIT_RETRY_MS } from './trust-limits.ts'
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
  const server = c.req.query('server')
  if (server !== undefined) return connectServer(c, { share, server, agent: agent.value })
  const lane = laneAt(share, Number(c.req.query('lane') ?? 0))
  return lane === undefined ? problemResponse('LANE_UNKNOWN') : handOver(new ShareClient(c.env, lane, agent.value), lane)
}

interface ServerOpening {
  readonly share: string
  readonly server: string
  readonly agent: LinkHolder
}

/** The link of an agent to the object of one server. The registry is asked when the server is new here, and when it was removed since. */
async function connectServer(c: Context<RouteEnv>, opening: ServerOpening): Promise<Response> {
  const { share, server, agent } = opening
  if (!isServerName(server)) return problemResponse('SERVER_NAME_INVALID')
  const lane = serverLane(share, server)
  if (knowsServer(share, server)) {
    const response = await handOver(new ShareClient(c.env, lane, agent), lane)
    if (response.status !== 404) return response
    forgetServer(share, server)
  }
  const refused = await addServer(c, opening)
  return refused ?? handOver(new ShareClient(c.env, lane, agent), lane)
}

/** Why an agent may not serve a server that is new; undefined once its share has it. Whoever is not let in adds none. */
async function addServer(c: Context<RouteEnv>, { share, server, agent }: ServerOpening): Promise<Response | undefined> {
  try {
    await new ShareClient(c.env, keeperOf(share), agent).admit()
  } catch (error) {
    if (!(error instanceof PassRefused)) throw error
    // Agents stay connected to a paused share, and connect to it.
    if (error.failure.code !== 'SHARE_PAUSED') return refusedAgent(error.failure)
  }
  switch (await admitServer(c.env, share, server)) {
    case 'no_share':
      return problemResponse('SHARE_NOT_FOUND')
    case 'full':
      return problemResponse('SERVER_LIMIT_REACHED')
    case 'ending':
      return problemResponse('SERVER_ENDING', undefined, { 'retry-after': String(BUSY_LIMIT_RETRY_MS / 1000) })
    case undefined:
      return undefined
  }
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
