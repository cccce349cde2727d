/** `/api/shares/<id>/audit`: the calls that were made, of all lanes by time, a page at a time or as they come. */
import { type Context, Hono } from 'hono'
import { authenticateOwner } from '../access/owner/owner.ts'
import { knownShareFacts } from '../access/share-id.ts'
import { askLanes, unreachedOf } from '../carry/lane-orders.ts'
import type { AuditEvent } from '../contract/call-records.ts'
import type { ShareRecord } from '../contract/registry/registry-rpc.ts'
import { problemResponse } from '../problem.ts'
import { AUDIT_PAGE_EVENTS, FOLLOW_SIGN_MS, MAX_FOLLOW_ASKS, USAGE_FLUSH_MS } from '../usage-limits.ts'
import { pause } from '../within.ts'
import type { AuditFacts } from './operations/usage.ts'
import { answer, hasExpired, isoTime, knownShare, registryOf } from './share-answers.ts'
import { type OwnerEnv, requireOwner } from './owner-gate.ts'

type ApiContext = Context<OwnerEnv>

/** Of each lane the number of the last call that was told, and of the last refusal, in their order. */
type Cursor = readonly number[]

const CURSOR = /^\d{1,15}(\.\d{1,15})*$/

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
  return answer(c, 200, { events, next: next.join('.'), ...(unreached.length === 0 ? {} : { unreached_lanes: unreached }) })
}

function readCursor(text: string | undefined, lanes: number): Cursor | undefined {
  if (text === undefined) return Array.from({ length: 2 * lanes }, () => 0)
  const cursor = CURSOR.test(text) ? text.split('.').map(Number) : []
  return cursor.length === 2 * lanes ? cursor : undefined
}

/** The oldest events behind a cursor, and the cursor behind them. */
async function page(c: ApiContext, share: ShareRecord, after: Cursor) {
  const isAsked = share.isMade && !hasExpired(share)
  const asked = after.flatMap((n, at) => (at % 2 === 0 ? [{ op: 'audit', after: n, afterRefused: after[at + 1] ?? 0 } as const] : []))
  const lanes = isAsked ? await Promise.all(asked.map((order, lane) => askLanes(c.env, share.id, order, { lanes: [lane] }))) : []
  const told = lanes.flat()
  const rings = told.flatMap(({ facts }) => [facts?.audit?.events ?? [], facts?.audit?.refused ?? []])
  return { ...mergePages(rings, after), unreached: unreachedOf(told) }
}

/** Puts the events of lanes in the order of time, each lane's in its own. */
function mergePages(lanes: readonly (readonly AuditEvent[])[], after: Cursor) {
  const next = [...after]
  const taken = lanes.map(() => 0)
  const events: AuditFacts[] = []
  while (events.length < AUDIT_PAGE_EVENTS) {
    let lane: number | undefined
    let first: AuditEvent | undefined
    for (const [index, waiting] of lanes.entries()) {
      const event = waiting[taken[index] ?? 0]
      if (event !== undefined && (first === undefined || event.at < first.at)) [lane, first] = [index, event]
    }
    if (lane === undefined || first === undefined) break
    taken[lane] = (taken[lane] ?? 0) + 1
    next[lane] = first.n
    events.push(shown(first, Math.floor(lane / 2)))
  }
  return { events, next }
}

function shown(event: AuditEvent, lane: number): AuditFacts {
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
  const whose = { link, principal, address: address ?? null, session: session ?? null, client: client ?? null }
  return { at: isoTime(at), ...whose, method, tool: tool ?? null, outcome, status, ms, bytes, count, lane, ...captured }
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
    asked += after.length / 2 + 2
    const { events, next } = await page(c, share, after)
    after = next
    // Whoever comes back goes on from there.
    if (events.length > 0 || asked > MAX_FOLLOW_ASKS)
      return [...events, { next: next.join('.') }].map((line) => `${JSON.stringify(line)}\n`).join('')
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
