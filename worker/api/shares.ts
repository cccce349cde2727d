/** `/api/shares`: makes, lists and revokes the owner's shares, and hands out their tokens. */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { authenticateOwner, BEARER_CHALLENGE } from '../access/authenticate.ts'
import { ok } from '../../protocol/result.ts'
import type { RouteEnv } from '../access/claim-gate.ts'
import { mintPathKey, PATH_KEY_SERIAL_BYTES } from '../access/path-key.ts'
import { randomBytes, randomText } from '../access/secret.ts'
import { JURISDICTIONS, knownShareFacts, mintShareId, readShareId, SHARE_ID_RANDOM_BYTES } from '../access/share-id.ts'
import { mintToken, type TokenKind } from '../access/tokens.ts'
import { relayOrigin, settingsOf } from '../env.ts'
import { LANE_COUNTS } from '../lanes.ts'
import { choiceMember, countMember, type Members, readMembers, textMember, wordMember } from './body.ts'
import { askLanes, type LaneFacts, mergeLanes } from './lanes.ts'
import { problemResponse } from '../problem.ts'
import type { ShareRecord } from '../contract/registry-rpc.ts'
import { LOCATIONS } from '../contract/locations.ts'
import { hasJurisdiction } from '../carry/share-stub.ts'

type ApiContext = Context<RouteEnv>

const DEFAULT_LIFE_S = 7 * 24 * 60 * 60
const MAX_LIFE_S = 366 * 24 * 60 * 60
const MAX_NAME_CHARS = 100
const TOKEN_ID_BYTES = 12
const SECOND_MS = 1000
/** When the last share of a page was made, and its id. */
const CURSOR = /^(\d{1,15})\.([a-z2-7]{32})$/

const requireOwner: MiddlewareHandler<RouteEnv> = async (c, next) => {
  const owner = await authenticateOwner(c.req.raw, c.var.relay)
  if (!owner.ok) return problemResponse('OWNER_KEY_NEEDED', owner.error.detail, { 'www-authenticate': BEARER_CHALLENGE })
  return next()
}

/** `/shares` and all below it. */
export const shares = new Hono<RouteEnv>()
  .use(requireOwner)
  .post('/', createShare)
  .get('/', listShares)
  .get('/:share', describeShare)
  .delete('/:share', revokeShare)
  .post('/:share/tokens', createToken)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET, POST' }))
  .all('/:share', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET, DELETE' }))
  .all('/:share/tokens', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'POST' }))

async function createShare(c: ApiContext): Promise<Response> {
  const members = await readMembers(c.req.raw, ['name', 'expires_in', 'lanes', 'location', 'jurisdiction'])
  if (!members.ok) return problemResponse(members.error.code, members.error.detail)
  const wanted = readWanted(members.value)
  if (!wanted.ok) return problemResponse('BODY_INVALID', wanted.error)
  const { name, lifeS, lanes, location, jurisdiction } = wanted.value
  if (!hasJurisdiction(c.env, jurisdiction)) return problemResponse('JURISDICTION_UNAVAILABLE')
  const createdAtMs = Date.now()
  const expiresAtMs = createdAtMs + lifeS * SECOND_MS
  const id = await mintShareId(c.var.relay.keys.shareId, { lanes, jurisdiction }, randomBytes(SHARE_ID_RANDOM_BYTES))
  const settings = { id, name, createdAtMs, expiresAtMs }
  if (!(await registryOf(c).addShare(settings, location))) return problemResponse('SHARE_LIMIT_REACHED')
  // Its objects come to be when they are first asked for, and where; but where they shall be is told them now.
  if (location !== undefined) await askLanes(c.env, id, { op: 'describe' }, location)
  const client = await newToken(c, 'client', id, expiresAtMs)
  const agent = await newToken(c, 'agent', id, expiresAtMs)
  const link = await newLink(c, id, expiresAtMs)
  const record = { ...settings, location, isMade: false, isEnding: false }
  return answer(c, 201, { ...facts(c, record), share_url: link.share_url, client_token: client.token, agent_token: agent.token })
}

/** A page of the list; `next` is what the next one is asked for with. */
async function listShares(c: ApiContext): Promise<Response> {
  const cursor = c.req.query('after')
  const [, createdAtMs, id] = CURSOR.exec(cursor ?? '') ?? []
  if (cursor !== undefined && id === undefined) return problemResponse('BODY_INVALID', 'after must be what an earlier page had as next.')
  const { records, isMore } = await registryOf(c).shares(id === undefined ? undefined : { createdAtMs: Number(createdAtMs), id })
  const last = records.at(-1)
  const next = isMore && last !== undefined ? { next: `${last.createdAtMs}.${last.id}` } : {}
  return answer(c, 200, { shares: records.map((record) => facts(c, record)), ...next })
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
  return ok({
    name: name.value ?? 'unnamed',
    lifeS: lifeS.value ?? DEFAULT_LIFE_S,
    lanes: lanes.value ?? 1,
    location: location.value,
    jurisdiction: jurisdiction.value ?? 'none',
  })
}

async function describeShare(c: ApiContext): Promise<Response> {
  const record = await findShare(c)
  if (record === undefined) return problemResponse('SHARE_NOT_FOUND')
  // To ask an object for the first time is to make it, far from its agent perhaps.
  const lanes = record.isMade ? await askLanes(c.env, record.id, { op: 'describe' }) : []
  return answer(c, 200, { ...facts(c, record), ...liveFacts(lanes) })
}

/** The list forgets a share last: until every object has heard that it has ended, its owner can say so again. */
async function revokeShare(c: ApiContext): Promise<Response> {
  const found = await findShare(c)
  const record = found === undefined ? undefined : await registryOf(c).endShare(found.id)
  if (record === undefined) return problemResponse('SHARE_NOT_FOUND')
  const lanes = record.isMade ? await askLanes(c.env, record.id, { op: 'revoke' }) : []
  const unreached = unreachedOf(lanes)
  if (unreached.length > 0)
    return problemResponse('LANES_UNREACHED', `Not reached: ${unreached.join(', ')} of ${lanes.length}, counted from 0.`)
  await registryOf(c).removeShare(record.id)
  return c.body(null, 204)
}

async function createToken(c: ApiContext): Promise<Response> {
  const record = await findShare(c)
  if (record === undefined || record.isEnding) return problemResponse('SHARE_NOT_FOUND')
  const members = await readMembers(c.req.raw, ['kind', 'expires_in'])
  if (!members.ok) return problemResponse(members.error.code, members.error.detail)
  const kind = wordMember(members.value, 'kind', ['client', 'agent', 'key'])
  if (!kind.ok) return problemResponse('BODY_INVALID', kind.error)
  const lifeS = countMember(members.value, 'expires_in', MAX_LIFE_S)
  if (!lifeS.ok) return problemResponse('BODY_INVALID', lifeS.error)
  // Nothing outlives its share.
  const expiresAtMs = Math.min(record.expiresAtMs, Date.now() + (lifeS.value ?? DEFAULT_LIFE_S) * SECOND_MS)
  const made = kind.value === 'key' ? await newLink(c, record.id, expiresAtMs) : await newToken(c, kind.value, record.id, expiresAtMs)
  return answer(c, 201, made)
}

async function newToken(c: ApiContext, kind: TokenKind, share: string, expiresAtMs: number) {
  const principal = `${kind}:${randomText(TOKEN_ID_BYTES)}`
  const token = await mintToken(
    c.var.relay.keys.jwt,
    relayOrigin(c.req.raw, settingsOf(c.env)),
    { kind, share, principal, tokenId: randomText(TOKEN_ID_BYTES), expiresAtMs },
    Date.now(),
  )
  return { token, principal, expires_at: isoTime(expiresAtMs) }
}

async function newLink(c: ApiContext, share: string, expiresAtMs: number) {
  const key = await mintPathKey(c.var.relay.keys.pathKey, share, expiresAtMs, randomBytes(PATH_KEY_SERIAL_BYTES))
  const origin = relayOrigin(c.req.raw, settingsOf(c.env))
  return { share_url: `${origin}/s/${share}/k/${key.text}/mcp`, principal: key.principal, expires_at: isoTime(key.expiresAtMs) }
}

/** The share of the path, if this relay made it and its owner has not deleted it. */
async function findShare(c: ApiContext): Promise<ShareRecord | undefined> {
  const id = c.req.param('share') ?? ''
  if ((await readShareId(c.var.relay.keys.shareId, id)) === undefined) return undefined
  return registryOf(c).share(id)
}

function facts(c: ApiContext, record: ShareRecord) {
  const base = `${relayOrigin(c.req.raw, settingsOf(c.env))}/s/${record.id}`
  const { lanes, jurisdiction } = knownShareFacts(record.id)
  return {
    share: record.id,
    name: record.name,
    url: `${base}/mcp`,
    sse_url: `${base}/sse`,
    created_at: isoTime(record.createdAtMs),
    expires_at: isoTime(record.expiresAtMs),
    lanes,
    jurisdiction,
    ...(record.location === undefined ? {} : { location: record.location }),
    ...(record.isEnding ? { ending: true } : {}),
  }
}

/** What only the share's objects know; nothing when it has ended by itself, or nobody has come yet. */
function liveFacts(lanes: readonly LaneFacts[]) {
  const { agents, sessions, counters } = mergeLanes(lanes)
  const unreached = unreachedOf(lanes)
  return {
    agents: agents.map(({ connectedAtMs, ...agent }) => ({ ...agent, connected_at: isoTime(connectedAtMs) })),
    sessions,
    counters,
    ...(unreached.length === 0 ? {} : { unreached_lanes: unreached }),
  }
}

function unreachedOf(lanes: readonly LaneFacts[]): number[] {
  return lanes.flatMap(({ lane, isReached }) => (isReached ? [] : [lane]))
}

function registryOf(c: ApiContext) {
  return c.env.REGISTRY.getByName('registry')
}

/** Answers hold secrets, so nothing on the way may keep them. */
function answer(c: ApiContext, status: 200 | 201, body: Record<string, unknown>): Response {
  return c.json(body, status, { 'cache-control': 'no-store' })
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
