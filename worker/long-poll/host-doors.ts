/**
 * `/register`, `/poll`, `/response` and `/message` on a secret host name, as cpp-mcp's reverse client asks for them, which can send neither a
 * header nor a path. The name is the credential, like any other agent's token: it ends, and is revoked, with its link.
 */
import type { Context } from 'hono'
import { err, ok, type Result } from '../../protocol/result.ts'
import { readAgentHost } from '../access/agent-host.ts'
import { clientAddress } from '../access/client-address.ts'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { noteRefusal } from '../access/refused-credentials.ts'
import { slowed } from '../access/wrong-tries.ts'
import { refusedAgent } from '../agent-route.ts'
import type { LongPollObject } from '../contract/objects.ts'
import { settingsOf } from '../env.ts'
import { MAX_FOREIGN_MESSAGE_BYTES } from '../foreign-limits.ts'
import { laneCount } from '../lanes.ts'
import { problemResponse } from '../problem.ts'
import { readCapped } from '../read-capped.ts'
import { askLink, askPoll } from './ask-link.ts'
import { MAX_REGISTER_BYTES } from './limits.ts'
import { longPollStub } from './polled-sessions.ts'

type HostContext = Context<RouteEnv>

interface HostLink {
  readonly share: string
  readonly link: string
  readonly stub: DurableObjectStub<LongPollObject>
}

export async function registerAtHost(c: HostContext): Promise<Response> {
  const found = await linkOf(c)
  if (!found.ok) return found.error
  const { share, link, stub } = found.value
  if (laneCount(share) > 1) return problemResponse('LANES_NOT_SERVED')
  if (objectIn(await readCapped(c.req.raw.body, MAX_REGISTER_BYTES)) === undefined) return told(400, 'Invalid request')
  return askLink(stub, '/serial/register', { share, link })
}

export async function pollAtHost(c: HostContext): Promise<Response> {
  const found = await linkOf(c)
  if (!found.ok) return found.error
  const session = c.req.query('session_id') ?? ''
  if (session === '') return told(400, 'Missing session_id')
  return askPoll(found.value.stub, '/serial/poll', { session_id: session }, c.req.raw.signal)
}

/** An answer, which goes on as it is; one that is larger than what such an agent may send ends its link. */
export async function respondAtHost(c: HostContext): Promise<Response> {
  const found = await linkOf(c)
  if (!found.ok) return found.error
  const session = c.req.query('session_id') ?? ''
  if (session === '') return told(400, 'Missing session_id')
  const { stub } = found.value
  const text = await readCapped(c.req.raw.body, MAX_FOREIGN_MESSAGE_BYTES)
  if (text === undefined) return askLink(stub, '/serial/response', { session_id: session, large: '' }, '')
  const body = objectIn(text)
  if (body === undefined) return told(400, 'Invalid response')
  const { request_id: id, response } = body
  if (typeof id !== 'string' || typeof response !== 'object' || response === null) return told(400, 'Invalid response format')
  return askLink(stub, '/serial/response', { session_id: session, request_id: id }, text)
}

/** Whoever knows this name is an agent. Clients have credentials of their own, and come by the share's URL. */
export async function messageAtHost(c: HostContext): Promise<Response> {
  const found = await linkOf(c)
  return found.ok ? told(403, 'Clients are not served here: they post to the URL of the share, with their own credential') : found.error
}

async function linkOf(c: HostContext): Promise<Result<HostLink, Response>> {
  const { keys } = c.var.relay
  const host = await readAgentHost(keys.agentHost, keys.shareId, c.req.param('label') ?? '')
  if (host !== undefined) return ok({ ...host, stub: longPollStub(c.env, host.share, host.link) })
  const address = clientAddress(c.req.raw, settingsOf(c.env))
  noteRefusal('agent', address)
  return err(refusedAgent(slowed({ code: 'UNAUTHORIZED', isWrong: true }, { address, share: '' })))
}

function objectIn(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function told(status: number, error: string): Response {
  return Response.json({ error }, { status, headers: { 'cache-control': 'no-store' } })
}
