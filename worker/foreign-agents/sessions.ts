/** `/reverse-proxy/sessions` as ContextForge has it: the agents of other makes that are connected. An agent sees and ends its own connection, an owner all of its shares. */
import type { Context } from 'hono'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { readShareId } from '../access/share-id.ts'
import { whoAsks } from './asker.ts'
import { askLanes } from '../carry/lane-orders.ts'
import { livingShares } from '../carry/living-shares.ts'
import type { ForeignAgentFacts } from '../contract/foreign-makes.ts'
import type { Asker } from '../contract/registry/gateway-rpc.ts'
import type { AdminCommand, ShareFacts } from '../contract/share-admin.ts'
import { FOREIGN_KEEPALIVE_MS } from '../foreign-limits.ts'
import { problemResponse } from '../problem.ts'
import { err, ok, type Result } from '../../protocol/result.ts'

export type SessionsContext = Context<RouteEnv>

/** The connection of an agent of another make. */
export interface ForeignSession {
  readonly share: string
  /** What it calls itself, as its owner is shown it. */
  readonly product: string
  readonly connectedAtMs: number
  readonly facts: ForeignAgentFacts
}

/** Of an owner, those of its newest shares: `next` is where the list goes on, as `?after=`. */
export async function listReverseProxies(c: SessionsContext): Promise<Response> {
  const asker = await whoAsks(c)
  if (!asker.ok) return asker.error
  const { shares, next } = await sharesOf(c, asker.value)
  const found = (await Promise.all(shares.map((share) => sessionsOf(c, share)))).flat()
  const own = found.filter(({ facts }) => isFor(asker.value, facts))
  return answer({ sessions: own.map(shown), total: own.length, ...(next === undefined ? {} : { next }) })
}

export async function endReverseProxy(c: SessionsContext): Promise<Response> {
  const session = await askedFor(c, false)
  if (!session.ok) return session.error
  const { facts, share } = session.value
  await order(c, share, { op: 'end_link', link: facts.session })
  return answer({ status: 'disconnected', session_id: facts.session })
}

/** Says while somebody listens that the session is there, and ends with it. */
export async function streamReverseProxy(c: SessionsContext): Promise<Response> {
  const session = await askedFor(c, true)
  if (!session.ok) return session.error
  const { facts } = session.value
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const encoder = new TextEncoder()
  const tell = (event: string, data: object): Promise<void> =>
    writer.write(encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`))
  const told = tell('connected', { sessionId: facts.session, serverInfo: serverInfo(session.value) })
  void told.catch(() => undefined)
  const goOn = async (): Promise<void> => {
    for (;;) {
      await new Promise((done) => setTimeout(done, FOREIGN_KEEPALIVE_MS))
      // Nobody has read the last word; and whoever was an owner may be none any more.
      if ((writer.desiredSize ?? 0) <= 0 || !(await askedFor(c, true)).ok) return writer.close()
      void tell('keepalive', { timestamp: new Date().toISOString() }).catch(() => undefined)
    }
  }
  void goOn().catch(() => writer.close().catch(() => undefined))
  return new Response(readable, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' } })
}

/** The session of the path, for whoever may see it; else the response. `isOwners`: only an owner may. */
export async function askedFor(c: SessionsContext, isOwners: boolean): Promise<Result<ForeignSession, Response>> {
  const asker = await whoAsks(c)
  if (!asker.ok) return asker
  if (isOwners && asker.value.kind !== 'owner') return err(problemResponse('INSUFFICIENT_PERMISSIONS', 'This is for owners.'))
  const id = c.req.param('session') ?? ''
  const share = id.slice(0, Math.max(0, id.indexOf('.')))
  const unknown = problemResponse('SESSION_NOT_FOUND', `Session ${id} not found.`)
  if ((await readShareId(c.var.relay.keys.shareId, share)) === undefined || !(await mayAsk(c, asker.value, share))) return err(unknown)
  const session = (await sessionsOf(c, share)).find(({ facts }) => facts.session === id)
  if (session === undefined) return err(unknown)
  if (!isFor(asker.value, session.facts)) return err(problemResponse('INSUFFICIENT_PERMISSIONS', 'Not authorized for this session.'))
  return ok(session)
}

function isFor(asker: Asker, { token }: ForeignAgentFacts): boolean {
  return asker.kind === 'owner' || asker.token === token
}

async function mayAsk(c: SessionsContext, asker: Asker, share: string): Promise<boolean> {
  if (asker.kind === 'agent') return asker.share === share
  return (await c.env.REGISTRY.getByName('registry').share(asker.id, share)) !== undefined
}

async function sharesOf(c: SessionsContext, asker: Asker): Promise<{ readonly shares: readonly string[]; readonly next?: string }> {
  if (asker.kind === 'agent') return { shares: [asker.share] }
  const { shares, ...rest } = await livingShares(c.env, asker.id, c.req.query('after'))
  return { shares: shares.map(({ id }) => id), ...rest }
}

async function sessionsOf(c: SessionsContext, share: string): Promise<ForeignSession[]> {
  const facts = await order(c, share, { op: 'describe' })
  const agents = facts?.agents ?? []
  return agents.flatMap(({ foreign, product, connectedAtMs }) =>
    foreign === undefined ? [] : [{ share, product, connectedAtMs, facts: foreign }],
  )
}

/** Such an agent is on the first lane. */
async function order(c: SessionsContext, share: string, command: AdminCommand): Promise<ShareFacts | undefined> {
  const [lane] = await askLanes(c.env, { id: share, servers: [] }, command, { lanes: [0] })
  return lane?.facts
}

function serverInfo({ product }: ForeignSession): object {
  return { name: product }
}

function shown(session: ForeignSession): object {
  const { facts, share, connectedAtMs } = session
  return {
    session_id: facts.session,
    server_info: serverInfo(session),
    connected_at: new Date(connectedAtMs).toISOString(),
    last_activity: new Date(Math.max(facts.heardAtMs, connectedAtMs)).toISOString(),
    message_count: facts.messages,
    bytes_transferred: facts.bytes,
    user: facts.token,
    share,
  }
}

function answer(body: object): Response {
  return Response.json(body, { headers: { 'cache-control': 'no-store' } })
}
