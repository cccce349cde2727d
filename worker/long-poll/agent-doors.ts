/** `/agent/<share>/register`, `/poll` and `/message`: the link of an agent of ours where no WebSocket passes (docs/protocol.md, Long poll). */
import type { Context } from 'hono'
import { LINK_SUBPROTOCOL } from '../../protocol/handshake.ts'
import { MAX_BATCH_BYTES, POLL_MS } from '../../protocol/limits.ts'
import { err, ok, type Result } from '../../protocol/result.ts'
import { authenticateAgent, type LinkHolder } from '../access/authenticate.ts'
import { clientAddress } from '../access/client-address.ts'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { noteRefusal } from '../access/refused-credentials.ts'
import { slowed } from '../access/wrong-tries.ts'
import { connectAt, placeIn, refusedAgent } from '../agent-route.ts'
import type { LongPollObject } from '../contract/objects.ts'
import { settingsOf } from '../env.ts'
import { laneName } from '../lanes.ts'
import { problemResponse } from '../problem.ts'
import { readCapped, readCappedBytes } from '../read-capped.ts'
import { askLink, askPoll } from './ask-link.ts'
import { MAX_REGISTER_BYTES } from './limits.ts'
import { longPollStub, mintPollSession, readPollSession } from './polled-sessions.ts'

type PolledContext = Context<RouteEnv>

/** Dials the Share in the agent's name. The agent has shown what it would show for a WebSocket, and is refused alike. */
export async function registerPolled(c: PolledContext): Promise<Response> {
  const agent = await admitted(c)
  if (!agent.ok) return agent.error
  const body = await readCapped(c.req.raw.body, MAX_REGISTER_BYTES)
  if (protocolIn(body) !== LINK_SUBPROTOCOL) return problemResponse('LINK_VERSION_REFUSED', `This relay speaks ${LINK_SUBPROTOCOL}.`)
  const { share, link } = agent.value
  const place = { share, agent: { chain: [link], isInUrl: false }, ...placeIn(c) } as const
  return connectAt(c.env, place, async (lane) => {
    const { id, object } = await mintPollSession(c.var.relay.keys.pollSession, { share, link })
    const opened = await askLink(longPollStub(c.env, share, object), '/open', { share, link, lane: laneName(lane) })
    return opened.ok ? Response.json({ session_id: id }, { headers: { 'cache-control': 'no-store' } }) : opened
  })
}

/** What the Share has sent since; 204 when that is nothing in the time that the agent means to wait. */
export async function pollLink(c: PolledContext): Promise<Response> {
  const link = await linkOf(c)
  if (!link.ok) return link.error
  const seconds = Number(c.req.query('timeout') ?? POLL_MS / 1000)
  const ms = Math.min(POLL_MS, Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : POLL_MS)
  const ack = /^\d{1,15}$/.exec(c.req.query('ack') ?? '')?.[0] ?? '0'
  return askPoll(link.value, '/poll', { ack, ms: String(ms) }, c.req.raw.signal)
}

/** Takes a batch of messages for the Share. */
export async function postLinkMessages(c: PolledContext): Promise<Response> {
  const link = await linkOf(c)
  if (!link.ok) return link.error
  const batch = await readCappedBytes(c.req.raw.body, MAX_BATCH_BYTES)
  return batch === undefined ? problemResponse('POLL_BATCH_REFUSED') : askLink(link.value, '/message', {}, batch)
}

async function linkOf(c: PolledContext): Promise<Result<DurableObjectStub<LongPollObject>, Response>> {
  const agent = await admitted(c)
  if (!agent.ok) return agent
  const { share } = agent.value
  const object = await readPollSession(c.var.relay.keys.pollSession, agent.value, c.req.query('session_id') ?? '')
  return object === undefined ? err(problemResponse('POLL_SESSION_UNKNOWN')) : ok(longPollStub(c.env, share, object))
}

async function admitted(c: PolledContext): Promise<Result<{ readonly share: string; readonly link: LinkHolder['id'] }, Response>> {
  const share = c.req.param('share') ?? ''
  const agent = await authenticateAgent(c.req.raw, c.var.relay, share)
  if (agent.ok) return ok({ share, link: agent.value.chain[0] })
  const address = clientAddress(c.req.raw, settingsOf(c.env))
  noteRefusal('agent', address)
  return err(refusedAgent(slowed(agent.error, { address, share })))
}

/** The version of the link that a registration asks for. */
function protocolIn(body: string | undefined): unknown {
  try {
    return (JSON.parse(body ?? '') as { readonly protocol?: unknown } | null)?.protocol
  } catch {
    return undefined
  }
}
