/** `/api/shares/<id>/sessions`: lists the clients of a share, those without sessions too, and ends them. */
import { type Context, Hono } from 'hono'
import { ANONYMOUS } from '../../protocol/handshake.ts'
import { askLanes, type LaneFacts, unreachedOf } from '../carry/lane-orders.ts'
import type { ClientFacts, ClientOrder } from '../contract/client-facts.ts'
import { linkOf } from '../contract/trust/principals.ts'
import type { LinkRecord, ShareRecord } from '../contract/registry/registry-rpc.ts'
import { problemResponse } from '../problem.ts'
import type { SessionFacts } from './operations/usage.ts'
import { answer, hasExpired, isoTime, knownShare, registryOf, unreachedFacts, unreachedResponse } from './share-answers.ts'
import { type OwnerEnv, requireOwner } from './owner-gate.ts'

type ApiContext = Context<OwnerEnv>

/** A client, and the lane that serves it. */
interface LaneClient extends ClientFacts {
  readonly lane: number
  /** Name of its server, if that has one. */
  readonly server?: string
}

/** What lies below `/shares/<id>/sessions`. */
export const sessions = new Hono<OwnerEnv>()
  .use(requireOwner)
  .get('/', listSessions)
  .delete('/:session', endSession)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET' }))
  .all('/:session', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'DELETE' }))

async function listSessions(c: ApiContext): Promise<Response> {
  const share = await knownShare(c)
  if (!share.ok) return share.error
  const { id } = share.value
  const [lanes, links, people] = await Promise.all([
    askAll(c, share.value, { op: 'clients' }),
    registryOf(c).links(id),
    registryOf(c).people(id),
  ])
  const names = new Map([...links, ...people].map((link) => [link.id, link]))
  const unreached = unreachedOf(lanes)
  const clients = clientsOf(lanes).toSorted((a, b) => (b.startedAtMs ?? 0) - (a.startedAtMs ?? 0))
  return answer(c, 200, {
    sessions: clients.map((client) => shown(client, names)),
    ...unreachedFacts(unreached),
  })
}

async function endSession(c: ApiContext): Promise<Response> {
  const share = await knownShare(c)
  if (!share.ok) return share.error
  const lanes = await askAll(c, share.value, { op: 'end_client', id: c.req.param('session') ?? '' })
  if (clientsOf(lanes).length > 0) return c.body(null, 204)
  const unreached = unreachedOf(lanes)
  if (unreached.length > 0) return unreachedResponse(share.value.id, unreached)
  return problemResponse('SESSION_NOT_FOUND', 'The share has no session with this id in its list.')
}

/** To ask an object for the first time is to make it, which nobody is served by. */
function askAll(c: ApiContext, share: ShareRecord, order: ClientOrder): Promise<LaneFacts[]> {
  return share.isMade && !hasExpired(share) ? askLanes(c.env, share, order) : Promise.resolve([])
}

function clientsOf(lanes: readonly LaneFacts[]): LaneClient[] {
  return lanes.flatMap(({ lane, server, facts }) =>
    (facts?.clients ?? []).map((client) => ({ ...client, lane, ...(server === undefined ? {} : { server }) })),
  )
}

/** Links that were revoked are in no list, and have no name there. */
function shown(
  { startedAtMs, lastCallAtMs, principal, ...client }: LaneClient,
  names: ReadonlyMap<string, Pick<LinkRecord, 'name'>>,
): SessionFacts {
  const link = linkOf(principal)
  return {
    id: client.id,
    kind: client.kind,
    principal,
    link: { id: link, name: link === ANONYMOUS ? ANONYMOUS : (names.get(link)?.name ?? null) },
    client: { name: client.name ?? null, version: client.version ?? null },
    transport: client.transport,
    revision: client.revision ?? (client.kind === 'group' ? '2026-07-28' : null),
    started_at: startedAtMs === undefined ? null : isoTime(startedAtMs),
    last_call_at: lastCallAtMs === undefined ? null : isoTime(lastCallAtMs),
    agent: client.agent ?? null,
    lane: client.lane,
    server: client.server ?? null,
  }
}
