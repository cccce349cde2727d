/** `/api/shares/<id>/audit`: the calls that were made, of all lanes by time, a page at a time or as they come. */
import { type Context, Hono } from 'hono'
import { authenticateOwner } from '../access/owner/owner.ts'
import { knownShareFacts } from '../access/share-id.ts'
import { prefixedName } from '../../protocol/server-names.ts'
import { askLanes, type LaneFacts, unreachedOf } from '../carry/lane-orders.ts'
import type { LaneKey } from '../contract/lane-key.ts'
import { laneKeys } from '../lanes.ts'
import type { AuditEvent } from '../contract/call-records.ts'
import type { ShareRecord } from '../contract/registry/registry-rpc.ts'
import { problemResponse } from '../problem.ts'
import { AUDIT_PAGE_EVENTS, FOLLOW_SIGN_MS, MAX_FOLLOW_ASKS, USAGE_FLUSH_MS } from '../usage-limits.ts'
import { pause } from '../within.ts'
import type { AuditFacts } from './operations/usage.ts'
import { answer, hasExpired, isoTime, knownShare, registryOf, unreachedFacts } from './share-answers.ts'
import { type OwnerEnv, requireOwner } from './owner-gate.ts'

type ApiContext = Context<OwnerEnv>

/** Of each lane the number of the last call that was told, and of the last refusal, in their order. */
type Cursor = ReadonlyMap<LaneKey, readonly [number, number]>

/** The numbers of the lanes, two for each, and behind them those of servers with names. */
const CURSOR = /^\d{1,15}(?:\.\d{1,15})+(?:~[a-z0-9-]{1,20}\.\d{1,15}\.\d{1,15})*$/
const NOTHING_TOLD = [0, 0] as const

/** What lies at `/shares/<id>/audit`. */
export const audit = new Hono<OwnerEnv>()
  .use(requireOwner)
  .get('/', readAudit)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET' }))

async function readAudit(c: ApiContext): Promise<Response> {
  const found = await knownShare(c)
  if (!found.ok) return found.error
  const share = found.value
  const after = readCursor(c.req.query('after'), knownShareFacts(share.id).lanes)
  if (after === undefined) return problemResponse('BODY_INVALID', 'after must be what an earlier answer had as next.')
  const follow = c.req.query('follow') ?? 'false'
  if (follow !== 'true' && follow !== 'false') return problemResponse('BODY_INVALID', 'follow must be true or false.')
  if (follow === 'true') return followed(c, share.id, after)
  const { events, next, unreached } = await page(c, share, after)
  return answer(c, 200, { events, next: cursorText(next), ...unreachedFacts(unreached) })
}

function readCursor(text: string | undefined, lanes: number): Cursor | undefined {
  if (text === undefined) return new Map()
  if (!CURSOR.test(text)) return undefined
  const [numbered = '', ...named] = text.split('~')
  const numbers = numbered.split('.').map(Number)
  if (numbers.length !== 2 * lanes) return undefined
  const ofLanes = Array.from({ length: lanes }, (_, lane) => [lane, [numbers[2 * lane] ?? 0, numbers[2 * lane + 1] ?? 0]] as const)
  const ofServers = named.map((part) => {
    const [server = '', calls, refusals] = part.split('.')
    return [server, [Number(calls), Number(refusals)]] as const
  })
  return new Map<LaneKey, readonly [number, number]>([...ofLanes, ...ofServers])
}

function cursorText(cursor: Cursor): string {
  const all = [...cursor]
  const numbered = all.flatMap(([key, told]) => (typeof key === 'number' ? told : []))
  return [numbered.join('.'), ...all.flatMap(([key, told]) => (typeof key === 'string' ? `${key}.${told.join('.')}` : []))].join('~')
}

/** The oldest events behind a cursor, and the cursor behind them. What is not in it yet, as a server that is new, is told from its beginning. */
async function page(c: ApiContext, share: ShareRecord, before: Cursor) {
  const isAsked = share.isMade && !hasExpired(share)
  const after = new Map(laneKeys(share).map((key) => [key, before.get(key) ?? NOTHING_TOLD]))
  const ask = ([key, [calls, refusals]]: readonly [LaneKey, readonly [number, number]]): Promise<LaneFacts[]> =>
    askLanes(c.env, share, { op: 'audit', after: calls, afterRefused: refusals }, { lanes: [key] })
  const told = isAsked ? (await Promise.all([...after].map(ask))).flat() : []
  return { ...mergePages(told, after), unreached: unreachedOf(told) }
}

/** Events of one lane, oldest first, and how many of them were told. */
interface Ring {
  readonly lane: number
  readonly server: string | undefined
  /** Which of the lane's two numbers counts them. */
  readonly at: 0 | 1
  readonly events: readonly AuditEvent[]
  taken: number
}

/** Puts the events of lanes in the order of time, each lane's in its own. */
function mergePages(lanes: readonly LaneFacts[], after: Cursor) {
  const next = new Map(after)
  const rings = lanes.flatMap(({ lane, server, facts }): Ring[] => [
    { lane, server, at: 0, events: facts?.audit?.events ?? [], taken: 0 },
    { lane, server, at: 1, events: facts?.audit?.refused ?? [], taken: 0 },
  ])
  const events: AuditFacts[] = []
  while (events.length < AUDIT_PAGE_EVENTS) {
    let ring: Ring | undefined
    let first: AuditEvent | undefined
    for (const waiting of rings) {
      const event = waiting.events[waiting.taken]
      if (event !== undefined && (first === undefined || event.at < first.at)) [ring, first] = [waiting, event]
    }
    if (ring === undefined || first === undefined) break
    const key = ring.server ?? ring.lane
    const [calls, refusals] = next.get(key) ?? NOTHING_TOLD
    ring.taken++
    next.set(key, ring.at === 0 ? [first.n, refusals] : [calls, first.n])
    events.push(shown(first, ring))
  }
  return { events, next }
}

/** `tool`: as policies know it. What its owner has decided of a held call has that name already, and is no server's. */
function shown(event: AuditEvent, { lane, server }: Pick<Ring, 'lane' | 'server'>): AuditFacts {
  const {
    at,
    link,
    principal,
    address,
    session,
    client,
    method,
    tool,
    outcome,
    status,
    ms,
    bytes,
    count = 1,
    arguments: args,
    result,
  } = event
  const captured = { ...(args === undefined ? {} : { arguments: args }), ...(result === undefined ? {} : { result }) }
  const known = tool === undefined ? null : prefixedName(server, tool)
  const whose = { link, principal, address: address ?? null, session: session ?? null, client: client ?? null }
  return { at: isoTime(at), ...whose, method, tool: known, outcome, status, ms, bytes, count, lane, server: server ?? null, ...captured }
}

/** Events as they come, a JSON text a line, until the owner is none any more, the share is gone, or the client has left. */
function followed(c: ApiContext, id: string, from: Cursor): Response {
  const encoder = new TextEncoder()
  let after = from
  let isOver = false
  let saidAtMs = Date.now()
  let asked = 0
  /** What is to be said now; undefined for nothing, false when it is over. */
  const look = async (): Promise<string | false | undefined> => {
    const owner = await authenticateOwner(c.req.raw, c.var.relay, c.env)
    const share = owner.ok ? await registryOf(c).share(owner.value.id, id) : undefined
    if (share === undefined || share.isEnding) return false
    asked += laneKeys(share).length + 2
    const { events, next } = await page(c, share, after)
    after = next
    // Whoever comes back goes on from there.
    if (events.length > 0 || asked > MAX_FOLLOW_ASKS)
      return [...events, { next: cursorText(next) }].map((line) => `${JSON.stringify(line)}\n`).join('')
    return Date.now() - saidAtMs >= FOLLOW_SIGN_MS ? '\n' : undefined
  }
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (; !isOver; await pause(USAGE_FLUSH_MS)) {
        const text = await look()
        if (text === undefined) continue
        if (text !== false) controller.enqueue(encoder.encode(text))
        isOver = text === false || asked > MAX_FOLLOW_ASKS
        saidAtMs = Date.now()
        break
      }
      if (isOver) controller.close()
    },
    cancel() {
      isOver = true
    },
  })
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' } })
}
