/** `/api/shares/<id>/approvals`: the calls that wait for the owner, and what the owner has decided. */
import { type Context, Hono } from 'hono'
import { shownJson } from '../../protocol/policy/shown-json.ts'
import { askLanes, unreachedOf } from '../carry/lane-orders.ts'
import {
  APPROVAL_DECISIONS,
  type ApprovalAnswer,
  type ApprovalCommand,
  type DecidedApproval,
  type PendingApproval,
} from '../contract/approvals.ts'
import type { LinkRecord, ShareRecord } from '../contract/registry-rpc.ts'
import { keeperOf } from '../lanes.ts'
import { problemResponse } from '../problem.ts'
import { readMembers, wordMember } from './body.ts'
import { type OwnerEnv, requireOwner } from './owner-gate.ts'
import { answer, findLiving, findShare, hasExpired, isoTime, registryOf, unreachedResponse } from './share-answers.ts'

type ApiContext = Context<OwnerEnv>

/** What lies below `/shares/<id>/approvals`. */
export const approvals = new Hono<OwnerEnv>()
  .use(requireOwner)
  .get('/', list)
  .post('/:approval', decide)
  .delete('/:approval', forget)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET' }))
  .all('/:approval', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'POST, DELETE' }))

async function list(c: ApiContext): Promise<Response> {
  const share = await findShare(c)
  if (share === undefined) return problemResponse('SHARE_NOT_FOUND')
  const after = c.req.query('after')
  const [told, links] = await Promise.all([
    ask(c, share, { op: 'approvals', ...(after === undefined ? {} : { after }) }),
    registryOf(c).links(share.id),
  ])
  if ('unreached' in told) return unreachedResponse(share.id, told.unreached)
  const names = new Map(links.map((link) => [link.id, link]))
  const { pending = [], decided = [], isMore } = told
  const next = isMore === true ? { next: pending.at(-1)?.id } : {}
  return answer(c, 200, {
    approvals: pending.map((one) => pendingFacts(one, names)),
    decisions: decided.map((one) => decidedFacts(one, names)),
    ...next,
  })
}

async function decide(c: ApiContext): Promise<Response> {
  const share = await findLiving(c)
  if (share === undefined) return problemResponse('SHARE_NOT_FOUND')
  const members = await readMembers(c.req.raw, ['decision'])
  if (!members.ok) return problemResponse(members.error.code, members.error.detail)
  const decision = wordMember(members.value, 'decision', APPROVAL_DECISIONS)
  if (!decision.ok) return problemResponse('BODY_INVALID', decision.error)
  const told = await ask(c, share, { op: 'decide_approval', id: c.req.param('approval') ?? '', decision: decision.value })
  if ('unreached' in told) return unreachedResponse(share.id, told.unreached)
  if (told.outcome === 'full') return problemResponse('APPROVAL_LIMIT_REACHED')
  const [decided] = told.decided ?? []
  if (decided === undefined) return problemResponse('APPROVAL_NOT_FOUND')
  const links = await registryOf(c).links(share.id)
  return answer(c, 200, decidedFacts(decided, new Map(links.map((link) => [link.id, link]))))
}

async function forget(c: ApiContext): Promise<Response> {
  const share = await findLiving(c)
  if (share === undefined) return problemResponse('SHARE_NOT_FOUND')
  const told = await ask(c, share, { op: 'forget_approval', id: c.req.param('approval') ?? '' })
  if ('unreached' in told) return unreachedResponse(share.id, told.unreached)
  return told.outcome === 'unknown' ? problemResponse('APPROVAL_NOT_FOUND') : c.body(null, 204)
}

/** Asks the lane that keeps them. Of an object that nobody has come to yet nothing waits. */
async function ask(
  c: ApiContext,
  share: ShareRecord,
  command: ApprovalCommand,
): Promise<ApprovalAnswer | { readonly unreached: number[] }> {
  if (!share.isMade || hasExpired(share)) return { outcome: 'unknown' }
  const lanes = await askLanes(c.env, share.id, command, { lanes: [keeperOf(share.id).index] })
  const unreached = unreachedOf(lanes)
  return unreached.length > 0 ? { unreached } : (lanes[0]?.facts?.approvals ?? { outcome: 'unknown' })
}

type Names = ReadonlyMap<string, Pick<LinkRecord, 'name'>>

function pendingFacts({ endsAtMs, ...approval }: PendingApproval, names: Names) {
  return { ...callFacts(approval, names), expires_at: isoTime(endsAtMs) }
}

function decidedFacts({ decision, endsAtMs, ...approval }: DecidedApproval, names: Names) {
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
  }
}
