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
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { clientAddress } from '../access/client-address.ts'
import { noteRefusal } from '../access/refused-credentials.ts'
import { shareNamedBy } from '../access/tokens.ts'
import { slowed } from '../access/wrong-tries.ts'
import { handOver, refusedAgent } from '../agent-route.ts'
import { ShareClient } from '../carry/share-client.ts'
import type { ForeignOpening } from '../contract/foreign-makes.ts'
import { relayOrigin, settingsOf } from '../env.ts'
import { laneAt, laneCount } from '../lanes.ts'
import { readCapped } from '../read-capped.ts'
import { problemResponse } from '../problem.ts'
import type { Result } from '../../protocol/result.ts'

type AgentContext = Context<RouteEnv>

/** `/reverse-proxy/ws`, at the relay's root and under a share: an agent of ContextForge, with its token as bearer. The token names the share. */
export async function connectReverseProxy(c: AgentContext): Promise<Response> {
  const share = c.req.param('share') ?? shareNamedBy(bearerOf(c.req.raw) ?? '') ?? ''
  return connect(c, share, await authenticateAgent(c.req.raw, c.var.relay, share), { make: 'context-forge' })
}

/** `/mr-pilot/<share>/<agent token>`: a slave of mr-pilot, which sends no header. What is in the path is looked at first, its code once it is in. */
export async function connectMrPilot(c: AgentContext): Promise<Response> {
  const share = c.req.param('share') ?? ''
  return connect(c, share, await authenticateAgentKey(c.req.param('key'), c.var.relay, share), { make: 'mr-pilot' })
}

/**
 * `/egdesk/<share>/<agent token>/…`: EGDesk's tunnel client. What stands between the token and `tunnel/connect` is the path at which its server
 * takes JSON-RPC, `/mcp` where there is nothing.
 */
export async function connectEgDesk(c: AgentContext): Promise<Response> {
  const { agent, share, path } = await tunnelOf(c, CONNECT)
  const publicUrl = `${relayOrigin(c.req.raw, settingsOf(c.env))}/s/${share}/mcp`
  return connect(c, share, agent, { make: 'egdesk', name: c.req.query('name') ?? '', path, publicUrl })
}

/** Its registration, which changes nothing: the token names the share already. */
export async function registerEgDesk(c: AgentContext): Promise<Response> {
  const { agent, share } = await tunnelOf(c, REGISTER)
  if (!agent.ok) return refuse(c, share, agent.error)
  const body = await readRegistration(c.req.raw)
  if (body === undefined)
    return Response.json({ success: false, error: 'Invalid registration', message: 'Send name and server_key.' }, { status: 400 })
  const facts = { ...body, id: share, owner_id: agent.value.id, created_at: new Date().toISOString(), is_reregistration: false }
  return Response.json({ success: true, message: 'Registered', ...facts }, { status: 201 })
}

const CONNECT = '/tunnel/connect'
const REGISTER = '/register'
/** Longest path of a server, in characters: it is kept in the socket's attachment. */
const MAX_PATH_CHARS = 200
const MAX_REGISTRATION_BYTES = 16 * 1024

async function tunnelOf(c: AgentContext, end: string) {
  const [share, key] = [c.req.param('share') ?? '', c.req.param('key') ?? '']
  const agent = await authenticateAgentKey(key, c.var.relay, share)
  const { pathname } = new URL(c.req.url)
  const path = pathname.slice(`/egdesk/${share}/${key}`.length, -end.length)
  return { agent, share, path: path === '' || path.length > MAX_PATH_CHARS ? '/mcp' : path }
}

async function readRegistration(request: Request): Promise<{ readonly name: string; readonly server_key: string } | undefined> {
  const text = await readCapped(request.body, MAX_REGISTRATION_BYTES)
  if (text === undefined) return undefined
  try {
    const { name, server_key } = JSON.parse(text) as { name?: unknown; server_key?: unknown }
    return typeof name === 'string' && typeof server_key === 'string' ? { name, server_key } : undefined
  } catch {
    return undefined
  }
}

async function connect(c: AgentContext, share: string, agent: Result<LinkHolder, Refusal>, opening: ForeignOpening): Promise<Response> {
  if (!agent.ok) return refuse(c, share, agent.error)
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') return problemResponse('UPGRADE_NEEDED', undefined, { upgrade: 'websocket' })
  const lane = laneAt(share, 0)
  if (lane === undefined || laneCount(share) > 1) return problemResponse('LANES_NOT_SERVED')
  return handOver(new ShareClient(c.env, lane, agent.value), lane, opening)
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
