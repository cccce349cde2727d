/** `/agent/<share>`, with `?server=<name>` for a server of several: checks all that an agent's upgrade needs, then hands it to its Share (docs/protocol.md, Connecting). */
import type { Context } from 'hono'
import type { Failure } from '../protocol/errors.ts'
import { LINK_SUBPROTOCOL } from '../protocol/handshake.ts'
import { authenticateAgent, BEARER_CHALLENGE } from './access/authenticate.ts'
import { problemResponse, triesResponse } from './problem.ts'
import { slowed } from './access/wrong-tries.ts'
import type { RouteEnv } from './access/owner/claim-gate.ts'
import { clientAddress } from './access/client-address.ts'
import { type Env, settingsOf } from './env.ts'
import { noteRefusal } from './access/refused-credentials.ts'
import { keeperOf, type Lane, laneAt, serverLane } from './lanes.ts'
import { isServerName } from '../protocol/server-names.ts'
import type { Holder } from './carry/holder-grant.ts'
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
  const place = { share, agent: agent.value, ...placeIn(c) }
  return connectAt(c.env, place, (lane) => handOver(new ShareClient(c.env, lane, agent.value), lane))
}

/** What the query of an agent's URL says. */
export function placeIn(c: Context<RouteEnv>): Pick<AgentPlace, 'lane' | 'server'> {
  return { lane: c.req.query('lane'), server: c.req.query('server') }
}

/** Where an agent wants to be that has shown its token: a lane of its share, or one of its servers that have names. */
export interface AgentPlace {
  readonly share: string
  readonly agent: Holder
  readonly lane: string | undefined
  readonly server: string | undefined
}

/** Connects an agent. Of a server the registry is asked when it is new here, and once more when its object says that it was removed since. */
export async function connectAt(env: Env, place: AgentPlace, connect: (lane: Lane) => Promise<Response>): Promise<Response> {
  const { share, server } = place
  if (server === undefined) {
    const numbered = laneAt(share, Number(place.lane ?? 0))
    return numbered === undefined ? problemResponse('LANE_UNKNOWN') : connect(numbered)
  }
  if (!isServerName(server)) return problemResponse('SERVER_NAME_INVALID')
  const lane = serverLane(share, server)
  if (knowsServer(share, server)) {
    const response = await connect(lane)
    if (response.status !== 404) return response
    forgetServer(share, server)
  }
  return (await addServer(env, place, server)) ?? connect(lane)
}

/** Why an agent may not serve a server that is new; undefined once its share has it. Whoever is not let in adds none. */
async function addServer(env: Env, { share, agent }: AgentPlace, server: string): Promise<Response | undefined> {
  try {
    await new ShareClient(env, keeperOf(share), agent).admit()
  } catch (error) {
    if (!(error instanceof PassRefused)) throw error
    // Agents stay connected to a paused share, and connect to it.
    if (error.failure.code !== 'SHARE_PAUSED') return refusedAgent(error.failure)
  }
  switch (await admitServer(env, share, server)) {
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
