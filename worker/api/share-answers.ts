/** What the routes below `/api/shares` have in common: which share is meant, how it is shown. */
import type { Context } from 'hono'
import { err, ok, type Result } from '../../protocol/result.ts'
import { knownShareFacts, readShareId } from '../access/share-id.ts'
import { type LaneFacts, unreachedOf } from '../carry/lane-orders.ts'
import type { LaneKey } from '../contract/lane-key.ts'
import type { ShareRecord } from '../contract/registry/registry-rpc.ts'
import type { ShareTerms, ShareTrust } from '../contract/trust/trust-rpc.ts'
import { relayOrigin, settingsOf } from '../env.ts'
import { problemResponse } from '../problem.ts'
import { type MergedAgent, mergeLanes } from './lanes.ts'
import type { Limits, Policy } from './operations/members.ts'
import type { NamedServer, Share } from './operations/shares.ts'
import { problemFacts } from './listing-problem.ts'
import { upstreamFacts } from './upstream/share-upstream.ts'
import type { OwnerEnv } from './owner-gate.ts'
import type { LastWords } from '../contract/share-admin.ts'

export function registryOf(c: Context<OwnerEnv>) {
  return c.env.REGISTRY.getByName('registry')
}

/** The share of the path, or 404: one of somebody else's is as unknown as one that was deleted. */
export async function knownShare(c: Context<OwnerEnv>): Promise<Result<ShareRecord, Response>> {
  const id = c.req.param('share') ?? ''
  const isOurs = (await readShareId(c.var.relay.keys.shareId, id)) !== undefined
  const share = isOurs ? await registryOf(c).share(c.var.owner.id, id) : undefined
  return share === undefined ? err(problemResponse('SHARE_NOT_FOUND')) : ok(share)
}

/**
 * The share of the path while it can be ordered: 404 also once it is being deleted, and 410 when it has ended, unless the order makes
 * sense then too.
 */
export async function livingShare(c: Context<OwnerEnv>, { mayHaveEnded = false } = {}): Promise<Result<ShareRecord, Response>> {
  const share = await knownShare(c)
  if (!share.ok) return share
  if (share.value.isEnding) return err(problemResponse('SHARE_NOT_FOUND'))
  return mayHaveEnded || !hasExpired(share.value) ? share : err(problemResponse('SHARE_EXPIRED', LENGTHEN))
}

/** When the last share of a page was made, and its id. */
const CURSOR = /^(\d{1,15})\.([a-z2-7]{32})$/

/**
 * The owner's shares behind `?after=`, newest first, and what the next page is asked for with. `most`: of a shorter page than the
 * registry gives; `objectsOf`: how many objects a share is counted as there, which is one at least. The first is on the page whatever it has.
 */
export async function sharesPage(
  c: Context<OwnerEnv>,
  most = Infinity,
  objectsOf: (record: ShareRecord) => number = () => 1,
): Promise<Result<{ readonly records: readonly ShareRecord[]; readonly next: { readonly next?: string } }, Response>> {
  const cursor = c.req.query('after')
  const [, createdAtMs, id] = CURSOR.exec(cursor ?? '') ?? []
  if (cursor !== undefined && id === undefined)
    return err(problemResponse('BODY_INVALID', 'after must be what an earlier page had as next.'))
  const before = id === undefined ? undefined : { createdAtMs: Number(createdAtMs), id }
  const page = await registryOf(c).shares(c.var.owner.id, before)
  let objects = 0
  const records = page.records.filter((record, at) => {
    objects += Math.max(1, objectsOf(record))
    return at === 0 || objects <= most
  })
  const last = page.isMore || records.length < page.records.length ? records.at(-1) : undefined
  return ok({ records, next: last === undefined ? {} : { next: `${last.createdAtMs}.${last.id}` } })
}

const LENGTHEN = 'As its owner, lengthen it first (PATCH with expires_in).'

/** Limits that were taken away again. */
const NO_LIMITS = '{}'
const EVERYTHING: Policy = { access: 'admin' }

/** Whether the share has ended. Its owner can lengthen it for a while. */
export function hasExpired({ expiresAtMs }: Pick<ShareRecord, 'expiresAtMs'>): boolean {
  return expiresAtMs <= Date.now()
}

export function shareFacts(
  c: Context<OwnerEnv>,
  record: Omit<ShareRecord, 'trust' | 'isMade' | 'owner' | 'servers'> & {
    readonly trust?: ShareTrust
    readonly terms?: ShareTerms
  },
): Share {
  const base = `${relayOrigin(c.req.raw, settingsOf(c.env))}/s/${record.id}`
  const { lanes, jurisdiction } = knownShareFacts(record.id)
  const {
    limits,
    addressLimits,
    anonymous,
    anonymousLimits,
    slidingMs,
    isCaptured = false,
    pins,
    upstream,
  }: ShareTerms = record.trust ?? record.terms ?? {}
  return {
    share: record.id,
    name: record.name,
    url: `${base}/mcp`,
    // HTTP+SSE is made for clients by agents alone.
    ...(upstream === undefined ? { sse_url: `${base}/sse` } : {}),
    created_at: isoTime(record.createdAtMs),
    expires_at: isoTime(record.expiresAtMs),
    lanes,
    jurisdiction,
    sliding: slidingMs !== undefined,
    paused: record.trust?.isPaused ?? false,
    policy: policyOf(record.trust?.policy),
    limits: limitsOf(limits),
    limits_per_address: limitsOf(addressLimits),
    anonymous: anonymous === undefined || anonymous === '' ? null : policyOf(anonymous),
    limits_anonymous: limitsOf(anonymousLimits),
    capture: isCaptured,
    pinning: pins === undefined ? 'off' : 'on',
    ...(upstream === undefined ? {} : { upstream: upstreamFacts(upstream) }),
    ...(record.location === undefined ? {} : { location: record.location }),
    ...(record.isEnding ? { ending: true } : {}),
  }
}

/** A policy as it is shown; without one everything is allowed. */
export function policyOf(text: string | undefined): Policy {
  return text === undefined ? EVERYTHING : JSON.parse(text)
}

/** Limits as they are shown; null where nothing is limited. */
export function limitsOf(text: string | undefined): Limits | null {
  return text === undefined || text === NO_LIMITS ? null : JSON.parse(text)
}

/** What only the share's objects know; nothing when it has ended by itself, or nobody has come yet. */
export function liveFacts(lanes: readonly LaneFacts[]) {
  const { agents, sessions, counters } = mergeLanes(lanes.filter(({ server }) => server === undefined))
  const named = lanes.flatMap(({ server, facts }) => (server === undefined || facts === undefined ? [] : [{ server, facts }]))
  const { held, listingProblem } = lanes.find(({ lane, server }) => lane === 0 && server === undefined)?.facts ?? {}
  const heldOf = named.map(({ facts }) => facts.held).filter((count) => count !== undefined)
  return {
    agents: [
      ...agents.map(agentFacts),
      ...named.flatMap(({ server, facts }) => facts.agents.map((one) => ({ ...agentFacts(one), server }))),
    ],
    sessions: named.reduce((sum, { facts }) => sum + facts.sessions, sessions),
    ...(held === undefined && heldOf.length === 0 ? {} : { held_back: heldOf.reduce((sum, count) => sum + count, held ?? 0) }),
    ...problemFacts(listingProblem ?? named.find(({ facts }) => facts.listingProblem !== undefined)?.facts.listingProblem),
    counters,
    ...unreachedFacts(unreachedOf(lanes)),
  }
}

/** The servers of a share that have names, with what their objects say of them. */
export function serverFacts(
  c: Context<OwnerEnv>,
  { id, servers }: Pick<ShareRecord, 'id' | 'servers'>,
  lanes: readonly LaneFacts[],
): NamedServer[] {
  const base = `${relayOrigin(c.req.raw, settingsOf(c.env))}/s/${id}`
  return servers.map((name) => {
    const facts = lanes.find(({ server }) => server === name)?.facts
    return {
      name,
      url: `${base}/${name}/mcp`,
      sse_url: `${base}/${name}/sse`,
      connected: (facts?.agents.length ?? 0) > 0,
      sessions: facts?.sessions ?? 0,
    }
  })
}

/** Lanes that were not reached, and servers that have one of their own, as members of an answer. */
export function unreachedFacts(unreached: readonly LaneKey[]) {
  const lanes = unreached.filter((key) => typeof key === 'number')
  const servers = unreached.filter((key) => typeof key === 'string')
  return { ...(lanes.length === 0 ? {} : { unreached_lanes: lanes }), ...(servers.length === 0 ? {} : { unreached_servers: servers }) }
}

function agentFacts({ connectedAtMs, lastWords, isolation, lanes, name, product, serves }: MergedAgent) {
  return {
    name,
    product,
    isolation,
    ...(serves === undefined ? {} : { serves: [...serves] }),
    ...(lanes === undefined ? {} : { lanes }),
    connected_at: isoTime(connectedAtMs),
    ...(lastWords === undefined ? {} : { last_words: lastWordsOf(lastWords) }),
  }
}

function lastWordsOf({ atMs, exitCode, signal, words }: LastWords) {
  return {
    at: isoTime(atMs),
    ...(exitCode === undefined ? {} : { exit_code: exitCode }),
    ...(signal === undefined ? {} : { signal }),
    words,
  }
}

/** For an order that holds, but that some lanes have yet to hear. */
export function unreachedResponse(share: string, unreached: readonly LaneKey[]): Response {
  const { lanes } = knownShareFacts(share)
  const { unreached_lanes: numbers = [], unreached_servers: servers = [] } = unreachedFacts(unreached)
  const told = [
    ...(numbers.length === 0 ? [] : [`${numbers.join(', ')} of ${lanes}, counted from 0`]),
    ...(servers.length === 0 ? [] : [`the server ${servers.join(', ')}`]),
  ]
  return problemResponse('LANES_UNREACHED', `Not reached: ${told.join('; ')}.`)
}

/** Answers hold secrets, so nothing on the way may keep them. */
export function answer(c: Context<OwnerEnv>, status: 200 | 201, body: Record<string, unknown>): Response {
  return c.json(body, status, { 'cache-control': 'no-store' })
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
