/** `/api/shares/<id>/tokens`: makes, lists, changes and revokes the links of a share. */
import { type Context, Hono } from 'hono'
import { ok } from '../../protocol/result.ts'
import { askLanes } from '../carry/lane-orders.ts'
import type { LinkUse } from '../contract/call-records.ts'
import type { LinkChange, LinkRecord, ShareRecord } from '../contract/registry-rpc.ts'
import { problemResponse } from '../problem.ts'
import { countMember, limitsMember, type Members, policyMember, readMembers, textMember, wordMember } from './body.ts'
import { DEFAULT_ACCESS, DEFAULT_LIFE_S, MAX_LIFE_S, MAX_NAME_CHARS, mintCredential, SECOND_MS } from './credentials.ts'
import { mergeUses } from './lanes.ts'
import { derivedPrincipal } from '../access/narrowed-links.ts'
import {
  answer,
  findLiving,
  findShare,
  hasExpired,
  isoTime,
  LENGTHEN,
  limitsOf,
  policyOf,
  registryOf,
  unreachedResponse,
} from './share-answers.ts'
import { type OwnerEnv, requireOwner } from './owner-gate.ts'

type ApiContext = Context<OwnerEnv>

const LINK_KINDS = ['client', 'key', 'agent'] as const
const AGENT_POLICY =
  "policy is for clients. What an agent's clients may do is said by the policy of the share, and on the agent's command line."
const AGENT_LIMITS = "limits are for clients. What an agent's clients may use together is said by the limits of the share."

/** What lies below `/shares/<id>/tokens`. */
export const links = new Hono<OwnerEnv>()
  .use(requireOwner)
  .post('/', createLink)
  .get('/', listLinks)
  .patch('/:token', changeLink)
  .delete('/:token', revokeLink)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET, POST' }))
  .all('/:token', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'PATCH, DELETE' }))

async function createLink(c: ApiContext): Promise<Response> {
  const share = await findLiving(c)
  if (share === undefined) return problemResponse('SHARE_NOT_FOUND')
  if (hasExpired(share)) return problemResponse('SHARE_EXPIRED', LENGTHEN)
  const members = await readMembers(c.req.raw, ['name', 'kind', 'expires_in', 'policy', 'limits'])
  if (!members.ok) return problemResponse(members.error.code, members.error.detail)
  const kind = wordMember(members.value, 'kind', LINK_KINDS)
  if (!kind.ok) return problemResponse('BODY_INVALID', kind.error)
  const wanted = readChange(members.value)
  if (!wanted.ok) return problemResponse('BODY_INVALID', wanted.error)
  if (kind.value === 'agent' && wanted.value.policy !== undefined) return problemResponse('BODY_INVALID', AGENT_POLICY)
  if (kind.value === 'agent' && wanted.value.limits !== undefined) return problemResponse('BODY_INVALID', AGENT_LIMITS)
  const createdAtMs = Date.now()
  const { name = 'unnamed', lifeS = DEFAULT_LIFE_S } = wanted.value
  const policy = kind.value === 'agent' ? {} : { policy: wanted.value.policy ?? JSON.stringify({ access: DEFAULT_ACCESS }) }
  const limits = wanted.value.limits === undefined ? {} : { limits: wanted.value.limits }
  const expiresAtMs = createdAtMs + lifeS * SECOND_MS
  const { id, ceilingMs, secret } = await mintCredential(c, kind.value, share.id, createdAtMs)
  const link = await registryOf(c).addLink(share.id, {
    id,
    kind: kind.value,
    name,
    createdAtMs,
    expiresAtMs,
    ceilingMs,
    ...policy,
    ...limits,
  })
  if (link === 'no_share') return problemResponse('SHARE_NOT_FOUND')
  if (link === 'no_room') return problemResponse('RELAY_FULL')
  if (link === 'full') return problemResponse('TOKEN_LIMIT_REACHED')
  return answer(c, 201, { ...linkFacts(share, link), ...(kind.value === 'key' ? { share_url: secret } : { token: secret }) })
}

async function listLinks(c: ApiContext): Promise<Response> {
  const share = await findShare(c)
  if (share === undefined) return problemResponse('SHARE_NOT_FOUND')
  const [records, uses] = await Promise.all([registryOf(c).links(share.id), usesOf(c, share)])
  return answer(c, 200, { tokens: records.map((record) => linkFacts(share, record, uses.get(record.id))) })
}

async function changeLink(c: ApiContext): Promise<Response> {
  const members = await readMembers(c.req.raw, ['name', 'expires_in', 'policy', 'limits'])
  if (!members.ok) return problemResponse(members.error.code, members.error.detail)
  const wanted = readChange(members.value)
  if (!wanted.ok) return problemResponse('BODY_INVALID', wanted.error)
  const { name, lifeS, policy, limits } = wanted.value
  return orderLink(c, {
    ...(name === undefined ? {} : { name }),
    ...(lifeS === undefined ? {} : { expiresAtMs: Date.now() + lifeS * SECOND_MS }),
    ...(policy === undefined ? {} : { policy }),
    ...(limits === undefined ? {} : { limits }),
  })
}

function revokeLink(c: ApiContext): Promise<Response> {
  return orderLink(c, { isRevoked: true })
}

async function orderLink(c: ApiContext, change: LinkChange): Promise<Response> {
  const share = await findLiving(c)
  if (share === undefined) return problemResponse('SHARE_NOT_FOUND')
  const id = c.req.param('token') ?? ''
  const kind = (await registryOf(c).linkTrust(share.id, id))?.kind
  if (kind === 'person') return problemResponse('TOKEN_NOT_FOUND')
  if (change.policy !== undefined && kind === 'agent') return problemResponse('BODY_INVALID', AGENT_POLICY)
  if (change.limits !== undefined && kind === 'agent') return problemResponse('BODY_INVALID', AGENT_LIMITS)
  const changed = await registryOf(c).changeLink(share.id, id, change)
  if (changed === undefined) return problemResponse('TOKEN_NOT_FOUND')
  const { value, unreached } = changed
  if (unreached.length > 0) return unreachedResponse(share.id, unreached)
  return value.isRevoked ? c.body(null, 204) : answer(c, 200, linkFacts(share, value, (await usesOf(c, share)).get(value.id)))
}

/** How often each link was used, by what the lanes remember that are reached. An object that there is not yet has served nobody. */
async function usesOf(c: ApiContext, share: ShareRecord): Promise<ReadonlyMap<string, LinkUse>> {
  const isAsked = share.isMade && !hasExpired(share)
  return mergeUses(isAsked ? await askLanes(c.env, share.id, { op: 'uses' }) : [])
}

/** What an owner says of a link, or what is wrong with it. */
function readChange(members: Members) {
  const name = textMember(members, 'name', MAX_NAME_CHARS)
  if (!name.ok) return name
  const lifeS = countMember(members, 'expires_in', MAX_LIFE_S)
  if (!lifeS.ok) return lifeS
  const policy = policyMember(members, 'policy', DEFAULT_ACCESS)
  if (!policy.ok) return policy
  const limits = limitsMember(members, 'limits')
  return limits.ok ? ok({ name: name.value, lifeS: lifeS.value, policy: policy.value, limits: limits.value }) : limits
}

/** A link as its owner sees it, without its credential. */
function linkFacts(share: ShareRecord, { id, name, kind, createdAtMs, expiresAtMs, policy, limits, parent }: LinkRecord, use?: LinkUse) {
  return {
    id,
    name,
    kind,
    principal: parent === undefined ? `${kind}:${id}` : derivedPrincipal(id),
    ...(parent === undefined ? {} : { parent }),
    created_at: isoTime(createdAtMs),
    // It may be lengthened with its share, and ends with it.
    expires_at: isoTime(Math.min(expiresAtMs, share.expiresAtMs)),
    last_used_at: use === undefined ? null : isoTime(use.lastUsedAtMs),
    calls: use?.calls ?? 0,
    // What agents serve is bounded where they run.
    policy: kind === 'agent' ? null : policyOf(policy),
    limits: limitsOf(limits),
  }
}
