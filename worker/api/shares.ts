/** `/api/shares`: makes, lists and revokes the owner's shares. */
import { type Context, Hono } from 'hono'
import { NOTHING_PINNED } from '../../protocol/policy/pins.ts'
import { randomBytes } from '../access/secrets/secret.ts'
import { knownShareFacts, mintShareId, SHARE_ID_RANDOM_BYTES } from '../access/share-id.ts'
import { askLanes } from '../carry/lane-orders.ts'
import { hasJurisdiction } from '../carry/share-stub.ts'
import type { NewLink, ShareAddition, ShareChange as ShareChanges, ShareRecord } from '../contract/registry/registry-rpc.ts'
import type { ShareTerms } from '../contract/trust/trust-rpc.ts'
import { problemResponse } from '../problem.ts'
import { readBody } from './body.ts'
import { type Credential, type CredentialKind, mintCredential, SECOND_MS } from './credentials.ts'
import { nameWarning, warningOf } from './name-warning.ts'
import { type TermMembers, NewShare, Rotation, ShareChange } from './operations/shares.ts'
import {
  answer,
  hasExpired,
  knownShare,
  liveFacts,
  livingShare,
  registryOf,
  serverFacts,
  shareFacts,
  sharesPage,
  unreachedFacts,
  unreachedResponse,
} from './share-answers.ts'
import { type OwnerEnv, requireOwner } from './owner-gate.ts'
import { policyWarning } from './policy-warning.ts'
import { keptUpstream, refusedMember } from './upstream/share-upstream.ts'

type ApiContext = Context<OwnerEnv>

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
  .delete('/:share/servers/:server', removeServer)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET, POST' }))
  .all('/:share', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET, PATCH, DELETE' }))
  .all('/:share/rotate', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'POST' }))
  .all('/:share/servers/:server', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'DELETE' }))

async function createShare(c: ApiContext): Promise<Response> {
  const body = await readBody(c.req.raw, NewShare)
  if (!body.ok) return body.error
  const { name, expires_in: lifeS, lanes, location, jurisdiction, sliding, pinning, upstream: given } = body.value
  const lifeMs = lifeS * SECOND_MS
  if (!hasJurisdiction(c.env, jurisdiction)) return problemResponse('JURISDICTION_UNAVAILABLE')
  const createdAtMs = Date.now()
  const expiresAtMs = createdAtMs + lifeMs
  const shape = { lanes, jurisdiction, ...(given === undefined ? {} : { isUpstream: true as const }) }
  const id = await mintShareId(c.var.relay.keys.shareId, shape, randomBytes(SHARE_ID_RANDOM_BYTES))
  const refused = refusedMember(id, body.value)
  if (refused !== undefined) return refused
  const upstream = given === undefined ? undefined : await keptUpstream(c, id, given)
  if (upstream?.ok === false) return upstream.error
  const terms = {
    ...termsOf(body.value),
    ...(sliding ? { slidingMs: lifeMs } : {}),
    ...(pinning === 'on' ? { pins: NOTHING_PINNED } : {}),
    ...(upstream === undefined ? {} : { upstream: upstream.value }),
  }
  const settings = { id, name, createdAtMs, expiresAtMs }
  const { links, shown } = await ownCredentials(c, id, createdAtMs)
  const outcome = await registryOf(c).addShare(c.var.owner.id, settings, location, links, terms)
  if (outcome !== 'added') return refuseShare(outcome)
  // Its objects come to be when they are first asked for, and where; but where they shall be is told them now.
  if (location !== undefined) await askLanes(c.env, { id, servers: [] }, { op: 'describe' }, { location })
  const facts = shareFacts(c, { ...settings, location, isEnding: false, terms })
  return answer(c, 201, { ...facts, ...shown, ...warningOf(await namedWarning(c, settings)) })
}

/** What is decided for a share in members of names that the API and the relay do not have in common. */
function termsOf(members: TermMembers): Omit<ShareTerms, 'pins' | 'upstream'> {
  const { limits, limits_per_address: addressLimits, anonymous, limits_anonymous: anonymousLimits, capture } = members
  return {
    ...(limits === undefined ? {} : { limits }),
    ...(addressLimits === undefined ? {} : { addressLimits }),
    ...(anonymous === undefined ? {} : { anonymous: anonymous ?? '' }),
    ...(anonymousLimits === undefined ? {} : { anonymousLimits }),
    ...(capture === undefined ? {} : { isCaptured: capture }),
  }
}

/** Pins as an owner has them begin, or `null` for none. Where something is pinned already, that stays. */
function pinsOf({ pinning }: TermMembers, before?: string): Pick<ShareChanges, 'pins'> {
  if (pinning === undefined || (pinning === 'on' && before !== undefined)) return {}
  return { pins: pinning === 'on' ? NOTHING_PINNED : null }
}

/** Of those that have not ended, since those are meant by a name. */
function namedWarning(c: ApiContext, { id, name }: Pick<ShareRecord, 'id' | 'name'>): Promise<string | undefined> {
  return nameWarning(name, async () => registryOf(c).hasShareNamed(c.var.owner.id, { id, name }))
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
  const isUpstream = knownShareFacts(share).isUpstream === true
  const [key, client, agent] = await Promise.all([mint('key'), mint('client'), isUpstream ? undefined : mint('agent')])
  const linkOf = (kind: CredentialKind, { id, ceilingMs }: Credential): NewLink => {
    return { id, kind, name: OWN_LINK_NAME, createdAtMs, expiresAtMs: ceilingMs, ceilingMs }
  }
  return {
    links: [linkOf('key', key), linkOf('client', client), ...(agent === undefined ? [] : [linkOf('agent', agent)])],
    shown: {
      share_url: key.secret,
      ...(key.webUrl === undefined ? {} : { web_url: key.webUrl }),
      client_token: client.secret,
      ...(agent === undefined ? {} : { agent_token: agent.secret }),
    },
  }
}

/** A page of the list; `next` is what the next one is asked for with. */
async function listShares(c: ApiContext): Promise<Response> {
  const page = await sharesPage(c)
  if (!page.ok) return page.error
  const { records, next } = page.value
  return answer(c, 200, { shares: records.map((record) => shareFacts(c, record)), ...next })
}

async function describeShare(c: ApiContext): Promise<Response> {
  const share = await knownShare(c)
  if (!share.ok) return share.error
  const record = share.value
  // To ask an object for the first time is to make it, far from its agent perhaps.
  const lanes = record.isMade && !hasExpired(record) ? await askLanes(c.env, record, { op: 'describe', asksAgents: true }) : []
  return answer(c, 200, { ...shareFacts(c, record), servers: serverFacts(c, record, lanes), ...liveFacts(lanes) })
}

async function changeShare(c: ApiContext): Promise<Response> {
  const share = await livingShare(c, { mayHaveEnded: true })
  if (!share.ok) return share.error
  const body = await readBody(c.req.raw, ShareChange)
  if (!body.ok) return body.error
  const { name, expires_in: lifeS, sliding, paused, policy, upstream: given } = body.value
  const lifeMs = lifeS === undefined ? undefined : lifeS * SECOND_MS
  const refused = refusedMember(share.value.id, body.value)
  if (refused !== undefined) return refused
  const upstream = given === undefined ? undefined : await keptUpstream(c, share.value.id, given)
  if (upstream?.ok === false) return upstream.error
  const changed = await registryOf(c).changeShare(share.value.id, {
    ...(name === undefined ? {} : { name }),
    ...(policy === undefined ? {} : { policy }),
    ...termsOf(body.value),
    ...pinsOf(body.value, share.value.trust.pins),
    ...(lifeMs === undefined ? {} : { expiresAtMs: Date.now() + lifeMs, lifeMs }),
    ...(sliding === undefined ? {} : { isSliding: sliding }),
    ...(paused === undefined ? {} : { isPaused: paused }),
    ...(upstream === undefined ? {} : { upstream: upstream.value }),
  })
  if (changed === undefined) return problemResponse('SHARE_NOT_FOUND')
  const { value, unreached } = changed
  if (unreached.length > 0) return unreachedResponse(value.id, unreached)
  const named = name === undefined ? undefined : await namedWarning(c, value)
  const warning = policy === undefined ? undefined : await policyWarning(c, value, policy, false)
  return answer(c, 200, { ...shareFacts(c, value), ...warningOf(warning, named) })
}

/** Credentials that are shown once must reach their owner: lanes that have not heard are named beside them. */
async function rotateShare(c: ApiContext): Promise<Response> {
  const share = await livingShare(c)
  if (!share.ok) return share.error
  const body = await readBody(c.req.raw, Rotation)
  if (!body.ok) return body.error
  const { links, shown } = await ownCredentials(c, share.value.id, Date.now())
  const rotated = await registryOf(c).rotateShare(share.value.id, links, !body.value.agents)
  if (rotated === undefined) return problemResponse('SHARE_NOT_FOUND')
  if (rotated === false) return problemResponse('TOKEN_LIMIT_REACHED')
  const { value, unreached } = rotated
  return answer(c, 201, { ...shareFacts(c, value), ...shown, ...unreachedFacts(unreached) })
}

/** The list forgets a share last: until every object has heard that it has ended, its owner can say so again. */
async function revokeShare(c: ApiContext): Promise<Response> {
  const share = await knownShare(c)
  if (!share.ok) return share.error
  const ended = await registryOf(c).endShare(share.value.id)
  if (ended === undefined) return problemResponse('SHARE_NOT_FOUND')
  return ended.unreached.length > 0 ? unreachedResponse(ended.value.id, ended.unreached) : c.body(null, 204)
}

/** A server that is named no more is none to anybody, also while its object has yet to hear of it. */
async function removeServer(c: ApiContext): Promise<Response> {
  const share = await livingShare(c, { mayHaveEnded: true })
  if (!share.ok) return share.error
  const removed = await registryOf(c).removeServer(share.value.id, c.req.param('server') ?? '')
  if (removed === undefined) return problemResponse('SERVER_NOT_FOUND')
  return removed.unreached.length > 0 ? unreachedResponse(share.value.id, removed.unreached) : c.body(null, 204)
}
