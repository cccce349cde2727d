/** `/api/shares`: makes, lists and revokes the owner's shares. */
import { type Context, Hono } from 'hono'
import { ok, type Result } from '../../protocol/result.ts'
import { randomBytes } from '../access/secret.ts'
import { JURISDICTIONS, mintShareId, SHARE_ID_RANDOM_BYTES } from '../access/share-id.ts'
import { askLanes } from '../carry/lane-orders.ts'
import { hasJurisdiction } from '../carry/share-stub.ts'
import { LOCATIONS } from '../contract/locations.ts'
import type { NewLink, ShareAddition, ShareChange } from '../contract/registry-rpc.ts'
import { LANE_COUNTS } from '../lanes.ts'
import { problemResponse } from '../problem.ts'
import { choiceMember, countMember, flagMember, limitsMember, type Members, policyMember, readMembers, textMember } from './body.ts'
import {
  type Credential,
  type CredentialKind,
  DEFAULT_LIFE_S,
  MAX_LIFE_S,
  MAX_NAME_CHARS,
  mintCredential,
  SECOND_MS,
} from './credentials.ts'
import {
  answer,
  findLiving,
  findShare,
  hasExpired,
  LENGTHEN,
  liveFacts,
  registryOf,
  shareFacts,
  unreachedResponse,
} from './share-answers.ts'
import { type OwnerEnv, requireOwner } from './owner-gate.ts'

type ApiContext = Context<OwnerEnv>

/** When the last share of a page was made, and its id. */
const CURSOR = /^(\d{1,15})\.([a-z2-7]{32})$/

/** Of the links that come with a share. */
const OWN_LINK_NAME = 'owner'

/** `/shares` and the shares below it. */
export const shares = new Hono<OwnerEnv>()
  .use(requireOwner)
  .post('/', createShare)
  .get('/', listShares)
  .get('/:share', describeShare)
  .patch('/:share', changeShare)
  .delete('/:share', revokeShare)
  .post('/:share/rotate', rotateShare)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET, POST' }))
  .all('/:share', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET, PATCH, DELETE' }))
  .all('/:share/rotate', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'POST' }))

async function createShare(c: ApiContext): Promise<Response> {
  const members = await readMembers(c.req.raw, ['name', 'expires_in', 'lanes', 'location', 'jurisdiction', 'limits'])
  if (!members.ok) return problemResponse(members.error.code, members.error.detail)
  const wanted = readWanted(members.value)
  if (!wanted.ok) return problemResponse('BODY_INVALID', wanted.error)
  const { name, lifeS, lanes, location, jurisdiction, limits } = wanted.value
  if (!hasJurisdiction(c.env, jurisdiction)) return problemResponse('JURISDICTION_UNAVAILABLE')
  const createdAtMs = Date.now()
  const expiresAtMs = createdAtMs + lifeS * SECOND_MS
  const id = await mintShareId(c.var.relay.keys.shareId, { lanes, jurisdiction }, randomBytes(SHARE_ID_RANDOM_BYTES))
  const settings = { id, name, createdAtMs, expiresAtMs }
  const { links, shown } = await ownCredentials(c, id, createdAtMs)
  const outcome = await registryOf(c).addShare(c.var.owner.id, settings, location, links, limits)
  if (outcome !== 'added') return refuseShare(outcome)
  // Its objects come to be when they are first asked for, and where; but where they shall be is told them now.
  if (location !== undefined) await askLanes(c.env, id, { op: 'describe' }, { location })
  return answer(c, 201, { ...shareFacts(c, { ...settings, location, isEnding: false, limits }), ...shown })
}

function refuseShare(outcome: Exclude<ShareAddition, 'added'>): Response {
  switch (outcome) {
    case 'full':
      return problemResponse('SHARE_LIMIT_REACHED')
    case 'owner_full':
      return problemResponse('OWNER_SHARE_LIMIT_REACHED')
    case 'no_room':
      return problemResponse('RELAY_FULL')
    case 'no_owner':
      return problemResponse('OWNER_KEY_NEEDED', 'This owner was removed.')
  }
}

/** The credentials that come with a share: they are its owner's own, and may do everything. */
async function ownCredentials(c: ApiContext, share: string, createdAtMs: number) {
  const mint = (kind: CredentialKind): Promise<Credential> => mintCredential(c, kind, share, createdAtMs)
  const [key, client, agent] = await Promise.all([mint('key'), mint('client'), mint('agent')])
  const linkOf = (kind: CredentialKind, { id, ceilingMs }: Credential): NewLink => {
    return { id, kind, name: OWN_LINK_NAME, createdAtMs, expiresAtMs: ceilingMs, ceilingMs }
  }
  return {
    links: [linkOf('key', key), linkOf('client', client), linkOf('agent', agent)],
    shown: { share_url: key.secret, client_token: client.secret, agent_token: agent.secret },
  }
}

/** A page of the list; `next` is what the next one is asked for with. */
async function listShares(c: ApiContext): Promise<Response> {
  const cursor = c.req.query('after')
  const [, createdAtMs, id] = CURSOR.exec(cursor ?? '') ?? []
  if (cursor !== undefined && id === undefined) return problemResponse('BODY_INVALID', 'after must be what an earlier page had as next.')
  const { records, isMore } = await registryOf(c).shares(
    c.var.owner.id,
    id === undefined ? undefined : { createdAtMs: Number(createdAtMs), id },
  )
  const last = records.at(-1)
  const next = isMore && last !== undefined ? { next: `${last.createdAtMs}.${last.id}` } : {}
  return answer(c, 200, { shares: records.map((record) => shareFacts(c, record)), ...next })
}

/** What a share is made with, or what is wrong with it. */
function readWanted(members: Members) {
  const name = textMember(members, 'name', MAX_NAME_CHARS)
  if (!name.ok) return name
  const lifeS = countMember(members, 'expires_in', MAX_LIFE_S)
  if (!lifeS.ok) return lifeS
  const lanes = choiceMember(members, 'lanes', LANE_COUNTS)
  if (!lanes.ok) return lanes
  const location = choiceMember(members, 'location', LOCATIONS)
  if (!location.ok) return location
  const jurisdiction = choiceMember(members, 'jurisdiction', JURISDICTIONS)
  if (!jurisdiction.ok) return jurisdiction
  const limits = limitsMember(members, 'limits')
  if (!limits.ok) return limits
  return ok({
    name: name.value ?? 'unnamed',
    lifeS: lifeS.value ?? DEFAULT_LIFE_S,
    lanes: lanes.value ?? 1,
    location: location.value,
    jurisdiction: jurisdiction.value ?? 'none',
    limits: limits.value,
  })
}

async function describeShare(c: ApiContext): Promise<Response> {
  const record = await findShare(c)
  if (record === undefined) return problemResponse('SHARE_NOT_FOUND')
  // To ask an object for the first time is to make it, far from its agent perhaps.
  const lanes = record.isMade && !hasExpired(record) ? await askLanes(c.env, record.id, { op: 'describe', asksAgents: true }) : []
  return answer(c, 200, { ...shareFacts(c, record), ...liveFacts(lanes) })
}

async function changeShare(c: ApiContext): Promise<Response> {
  const found = await findLiving(c)
  if (found === undefined) return problemResponse('SHARE_NOT_FOUND')
  const members = await readMembers(c.req.raw, ['name', 'expires_in', 'paused', 'policy', 'limits'])
  if (!members.ok) return problemResponse(members.error.code, members.error.detail)
  const change = readChange(members.value)
  if (!change.ok) return problemResponse('BODY_INVALID', change.error)
  const changed = await registryOf(c).changeShare(found.id, change.value)
  if (changed === undefined) return problemResponse('SHARE_NOT_FOUND')
  const { value, unreached } = changed
  return unreached.length > 0 ? unreachedResponse(value.id, unreached) : answer(c, 200, shareFacts(c, value))
}

/** What an owner wants changed of a share, or what is wrong with that. */
function readChange(members: Members): Result<ShareChange, string> {
  const name = textMember(members, 'name', MAX_NAME_CHARS)
  if (!name.ok) return name
  const lifeS = countMember(members, 'expires_in', MAX_LIFE_S)
  if (!lifeS.ok) return lifeS
  const isPaused = flagMember(members, 'paused')
  if (!isPaused.ok) return isPaused
  const policy = policyMember(members, 'policy')
  if (!policy.ok) return policy
  const limits = limitsMember(members, 'limits')
  if (!limits.ok) return limits
  return ok({
    ...(policy.value === undefined ? {} : { policy: policy.value }),
    ...(limits.value === undefined ? {} : { limits: limits.value }),
    ...(name.value === undefined ? {} : { name: name.value }),
    ...(lifeS.value === undefined ? {} : { expiresAtMs: Date.now() + lifeS.value * SECOND_MS }),
    ...(isPaused.value === undefined ? {} : { isPaused: isPaused.value }),
  })
}

/** Credentials that are shown once must reach their owner: lanes that have not heard are named beside them. */
async function rotateShare(c: ApiContext): Promise<Response> {
  const found = await findLiving(c)
  if (found === undefined) return problemResponse('SHARE_NOT_FOUND')
  if (hasExpired(found)) return problemResponse('SHARE_EXPIRED', LENGTHEN)
  const members = await readMembers(c.req.raw, ['agents'])
  if (!members.ok) return problemResponse(members.error.code, members.error.detail)
  const isForAgents = flagMember(members.value, 'agents')
  if (!isForAgents.ok) return problemResponse('BODY_INVALID', isForAgents.error)
  const { links, shown } = await ownCredentials(c, found.id, Date.now())
  const rotated = await registryOf(c).rotateShare(found.id, links, isForAgents.value !== true)
  if (rotated === undefined) return problemResponse('SHARE_NOT_FOUND')
  if (rotated === false) return problemResponse('TOKEN_LIMIT_REACHED')
  const { value, unreached } = rotated
  return answer(c, 201, { ...shareFacts(c, value), ...shown, ...(unreached.length === 0 ? {} : { unreached_lanes: unreached }) })
}

/** The list forgets a share last: until every object has heard that it has ended, its owner can say so again. */
async function revokeShare(c: ApiContext): Promise<Response> {
  const found = await findShare(c)
  const ended = found === undefined ? undefined : await registryOf(c).endShare(found.id)
  if (ended === undefined) return problemResponse('SHARE_NOT_FOUND')
  return ended.unreached.length > 0 ? unreachedResponse(ended.value.id, ended.unreached) : c.body(null, 204)
}
