/** `/api/shares/<id>/approvals`: the calls that wait for the owner, and what the owner has decided. */
import { type Context, Hono } from 'hono'
import { shownJson } from '../../protocol/policy/shown-json.ts'
import { askLanes, unreachedOf } from '../carry/lane-orders.ts'
import { type ApprovalAnswer, type ApprovalCommand, type DecidedApproval, type PendingApproval } from '../contract/trust/approvals.ts'
import type { LaneKey } from '../contract/lane-key.ts'
import type { LinkRecord, ShareRecord } from '../contract/registry/registry-rpc.ts'
import { keeperOf } from '../lanes.ts'
import { problemResponse } from '../problem.ts'
import { readBody } from './body.ts'
import { type ApprovalFacts, ApprovalOrder, type DecisionFacts } from './operations/approvals.ts'
import { type OwnerEnv, requireOwner } from './owner-gate.ts'
import { answer, hasExpired, isoTime, knownShare, livingShare, registryOf, unreachedResponse } from './share-answers.ts'

type ApiContext = Context<OwnerEnv>

/** When the last one of an answer began to wait, and its id. */
const CURSOR = /^(\d{1,15})\.([0-9a-f]{24})$/

/** What lies below `/shares/<id>/approvals`. */
export const approvals = new Hono<OwnerEnv>()
  .use(requireOwner)
  .get('/', list)
  .post('/:approval', decide)
  .delete('/:approval', forget)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET' }))
  .all('/:approval', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'POST, DELETE' }))

async function list(c: ApiContext): Promise<Response> {
  const share = await knownShare(c)
  if (!share.ok) return share.error
  const cursor = c.req.query('after')
  const [, atMs, id] = CURSOR.exec(cursor ?? '') ?? []
  if (cursor !== undefined && id === undefined) return problemResponse('BODY_INVALID', 'after must be what an earlier answer had as next.')
  const [told, names] = await Promise.all([
    ask(c, share.value, { op: 'approvals', ...(id === undefined ? {} : { after: { atMs: Number(atMs), id } }) }),
    namesOf(c, share.value),
  ])
  if ('unreached' in told) return unreachedResponse(share.value.id, told.unreached)
  const { pending = [], decided = [], isMore } = told
  const last = pending.at(-1)
  const next = isMore === true && last !== undefined ? { next: `${last.atMs}.${last.id}` } : {}
  return answer(c, 200, {
    approvals: pending.map((one) => pendingFacts(one, names)),
    decisions: decided.map((one) => decidedFacts(one, names)),
    ...next,
  })
}

async function decide(c: ApiContext): Promise<Response> {
  const share = await livingShare(c, { mayHaveEnded: true })
  if (!share.ok) return share.error
  const body = await readBody(c.req.raw, ApprovalOrder)
  if (!body.ok) return body.error
  const told = await ask(c, share.value, { op: 'decide_approval', id: c.req.param('approval') ?? '', decision: body.value.decision })
  if ('unreached' in told) return unreachedResponse(share.value.id, told.unreached)
  if (told.outcome === 'full') return problemResponse('APPROVAL_LIMIT_REACHED')
  const [decided] = told.decided ?? []
  return decided === undefined
    ? problemResponse('APPROVAL_NOT_FOUND')
    : answer(c, 200, decidedFacts(decided, await namesOf(c, share.value)))
}

async function forget(c: ApiContext): Promise<Response> {
  const share = await livingShare(c, { mayHaveEnded: true })
  if (!share.ok) return share.error
  const told = await ask(c, share.value, { op: 'forget_approval', id: c.req.param('approval') ?? '' })
  if ('unreached' in told) return unreachedResponse(share.value.id, told.unreached)
  return told.outcome === 'unknown' ? problemResponse('APPROVAL_NOT_FOUND') : c.body(null, 204)
}

type Names = ReadonlyMap<string, Pick<LinkRecord, 'name'>>

async function namesOf(c: ApiContext, { id }: ShareRecord): Promise<Names> {
  return new Map((await registryOf(c).links(id)).map((link) => [link.id, link]))
}

/** Asks the lane that keeps them. Of an object that nobody has come to yet nothing waits. */
async function ask(
  c: ApiContext,
  share: ShareRecord,
  command: ApprovalCommand,
): Promise<ApprovalAnswer | { readonly unreached: LaneKey[] }> {
  if (!share.isMade || hasExpired(share)) return { outcome: 'unknown' }
  const lanes = await askLanes(c.env, share, command, { lanes: [keeperOf(share.id).index] })
  const unreached = unreachedOf(lanes)
  return unreached.length > 0 ? { unreached } : (lanes[0]?.facts?.approvals ?? { outcome: 'unknown' })
}

function pendingFacts({ endsAtMs, ...approval }: PendingApproval, names: Names): ApprovalFacts {
  return { ...callFacts(approval, names), expires_at: isoTime(endsAtMs) }
}

function decidedFacts({ decision, endsAtMs, ...approval }: DecidedApproval, names: Names): DecisionFacts {
  return { ...callFacts(approval, names), decision, expires_at: endsAtMs === undefined ? null : isoTime(endsAtMs) }
}

/** All of a call that an owner decides about: nothing in it is hidden, and nothing would be obeyed by a terminal. */
function callFacts(
  { id, atMs, chain, principal, client, session, server, tool, ...call }: Omit<PendingApproval, 'endsAtMs'>,
  names: Names,
) {
  const link = chain.at(-1) ?? ''
  return {
    id,
    at: isoTime(atMs),
    principal,
    link: { id: link, name: names.get(link)?.name ?? null },
    client: client ?? null,
    session: session ?? null,
    agent: server,
    tool: shownJson(tool),
    arguments: call.arguments === '' ? null : shownJson(call.arguments),
    other_params: (call.otherParams ?? '') === '' ? null : shownJson(call.otherParams ?? ''),
  }
}
