/** The upgrades of agents of other makes: each is let in, or refused, by HTTP, since such an agent takes a close for a reason to dial at once. */
import type { Context } from 'hono'
import {
  authenticateAgent,
  authenticateAgentKey,
  authenticateClient,
  bearerOf,
  type LinkHolder,
  type Refusal,
} from '../access/authenticate.ts'
import type { RouteEnv } from '../access/claim-gate.ts'
import { clientAddress } from '../access/client-address.ts'
import { noteRefusal } from '../access/refused-credentials.ts'
import { shareNamedBy } from '../access/tokens.ts'
import { slowed } from '../access/wrong-tries.ts'
import { handOver, refusedAgent } from '../agent-route.ts'
import { ShareClient } from '../carry/share-client.ts'
import type { ForeignMake } from '../contract/foreign-makes.ts'
import { settingsOf } from '../env.ts'
import { laneAt, laneCount } from '../lanes.ts'
import { problemResponse } from '../problem.ts'
import type { Result } from '../../protocol/result.ts'

type AgentContext = Context<RouteEnv>

/** `/reverse-proxy/ws`, at the relay's root and under a share: an agent of ContextForge, with its token as bearer. The token names the share. */
export async function connectReverseProxy(c: AgentContext): Promise<Response> {
  const share = c.req.param('share') ?? shareNamedBy(bearerOf(c.req.raw) ?? '') ?? ''
  return connect(c, share, await authenticateAgent(c.req.raw, c.var.relay, share), 'context-forge')
}

/** `/mr-pilot/<share>/<agent token>`: a slave of mr-pilot, which sends no header. What is in the path is looked at first, its code once it is in. */
export async function connectMrPilot(c: AgentContext): Promise<Response> {
  const share = c.req.param('share') ?? ''
  return connect(c, share, await authenticateAgentKey(c.req.param('key'), c.var.relay, share), 'mr-pilot')
}

async function connect(c: AgentContext, share: string, agent: Result<LinkHolder, Refusal>, make: ForeignMake): Promise<Response> {
  if (!agent.ok) return refuse(c, share, agent.error)
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') return problemResponse('UPGRADE_NEEDED', undefined, { upgrade: 'websocket' })
  const lane = laneAt(share, 0)
  if (lane === undefined || laneCount(share) > 1) return problemResponse('LANES_NOT_SERVED')
  return handOver(new ShareClient(c.env, lane, agent.value), lane, make)
}

async function refuse(c: AgentContext, share: string, refusal: Refusal): Promise<Response> {
  const address = clientAddress(c.req.raw, settingsOf(c.env))
  noteRefusal('agent', address)
  if (refusal.code === 'SHARE_NOT_FOUND' && bearerOf(c.req.raw) === undefined && c.req.param('share') === undefined)
    return refusedAgent({ code: 'UNAUTHORIZED' })
  // A token of this share's that is no agent's is right, and may not do this.
  const client = refusal.code === 'UNAUTHORIZED' ? await authenticateClient(c.req.raw, c.var.relay, settingsOf(c.env), share) : undefined
  if (client?.ok === true) return problemResponse('INSUFFICIENT_PERMISSIONS', 'This is a token of a client, and agents come in here.')
  return refusedAgent(slowed(refusal, { address, share }))
}
