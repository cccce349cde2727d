/** The calls about shares: what they take, and what they answer. */
import * as v from 'valibot'
import { JURISDICTIONS } from '../../access/share-id.ts'
import { LOCATIONS } from '../../contract/registry/locations.ts'
import { LANE_COUNTS } from '../../lanes.ts'
import { DEFAULT_ACCESS, DEFAULT_LIFE_S } from '../credentials.ts'
import { bodyOf, choice, flag, life, limits, Limits, listingProblem, name, policy, Policy, Upstream, upstreamFacts } from './members.ts'
import { NO_CONTENT, type Operation, time, unreachedLanes, unreachedServers, warning, whole } from './operation.ts'

/** `off`: what is new or has changed of a server is offered as it is. */
export const PINNINGS = ['on', 'off'] as const

export const NewShare = bodyOf({
  name: v.optional(name(), 'unnamed'),
  expires_in: v.optional(life(), DEFAULT_LIFE_S),
  lanes: v.optional(choice(LANE_COUNTS), 1),
  location: v.exactOptional(choice(LOCATIONS)),
  jurisdiction: v.optional(choice(JURISDICTIONS), 'none'),
  limits: v.exactOptional(limits()),
  limits_per_address: v.exactOptional(limits('limits_per_address')),
  sliding: v.optional(flag(), false),
  anonymous: v.exactOptional(v.nullable(policy(DEFAULT_ACCESS, 'anonymous'))),
  limits_anonymous: v.exactOptional(limits('limits_anonymous')),
  capture: v.exactOptional(flag()),
  pinning: v.optional(choice(PINNINGS), 'on'),
  upstream: v.exactOptional(Upstream),
})

export const ShareChange = bodyOf({
  name: v.exactOptional(name()),
  expires_in: v.exactOptional(life()),
  sliding: v.exactOptional(flag()),
  paused: v.exactOptional(flag()),
  policy: v.exactOptional(policy()),
  limits: v.exactOptional(limits()),
  limits_per_address: v.exactOptional(limits('limits_per_address')),
  anonymous: v.exactOptional(v.nullable(policy(DEFAULT_ACCESS, 'anonymous'))),
  limits_anonymous: v.exactOptional(limits('limits_anonymous')),
  capture: v.exactOptional(flag()),
  pinning: v.exactOptional(choice(PINNINGS)),
  upstream: v.exactOptional(Upstream),
})

/** Of either, what is decided for a share and may be said when it is made. */
export type TermMembers = Pick<
  v.InferOutput<typeof ShareChange>,
  'limits' | 'limits_per_address' | 'anonymous' | 'limits_anonymous' | 'capture' | 'pinning'
>

export const Rotation = bodyOf({ agents: v.optional(flag(), false) })

const share = {
  share: v.string(),
  name: v.string(),
  url: v.string(),
  sse_url: v.exactOptional(v.string()),
  created_at: time,
  expires_at: time,
  lanes: whole,
  jurisdiction: v.picklist(JURISDICTIONS),
  sliding: v.boolean(),
  paused: v.boolean(),
  policy: Policy,
  limits: v.nullable(Limits),
  limits_per_address: v.nullable(Limits),
  anonymous: v.nullable(Policy),
  limits_anonymous: v.nullable(Limits),
  capture: v.boolean(),
  pinning: v.picklist(PINNINGS),
  upstream: v.exactOptional(upstreamFacts),
  location: v.exactOptional(v.picklist(LOCATIONS)),
  ending: v.exactOptional(v.literal(true)),
}
const Share = v.object(share)
/** A share as its owner sees it, without its credentials. */
export type Share = v.InferOutput<typeof Share>

/** Where there is an upstream there are neither agents nor web apps. */
const credentials = {
  share_url: v.string(),
  web_url: v.exactOptional(v.string()),
  client_token: v.string(),
  agent_token: v.exactOptional(v.string()),
}
const MadeShare = v.object({ ...share, ...credentials, warning })
const ChangedShare = v.object({ ...share, warning })
const unreached = { unreached_lanes: v.exactOptional(unreachedLanes), unreached_servers: v.exactOptional(unreachedServers) }
const RotatedShare = v.object({ ...share, ...credentials, ...unreached })

const lastWords = v.object({ at: time, exit_code: v.exactOptional(whole), signal: v.exactOptional(v.string()), words: v.string() })
const agent = v.object({
  name: v.string(),
  product: v.string(),
  isolation: v.string(),
  connected_at: time,
  last_words: v.exactOptional(lastWords),
  serves: v.exactOptional(v.array(v.string())),
  lanes: v.exactOptional(v.array(whole)),
  server: v.exactOptional(v.string()),
})
const NamedServer = v.object({
  name: v.string(),
  url: v.string(),
  sse_url: v.string(),
  connected: v.boolean(),
  sessions: whole,
})
/** A server of a share that has a name, as its owner sees it. */
export type NamedServer = v.InferOutput<typeof NamedServer>

const counters = { incarnation: v.exactOptional(v.string()), total_changes: whole, buffered_bytes: whole, buffered_max_bytes: whole }
const laneCounters = v.object({ lane: whole, sessions: whole, ...counters })
const DescribedShare = v.object({
  ...share,
  servers: v.array(NamedServer),
  agents: v.array(agent),
  sessions: whole,
  held_back: v.exactOptional(whole),
  listing_problem: v.exactOptional(listingProblem),
  counters: v.object({ ...counters, by_lane: v.exactOptional(v.array(laneCounters)) }),
  ...unreached,
})

const ShareList = v.object({ shares: v.array(Share), next: v.exactOptional(v.string()) })

export const SHARE_SCHEMAS = {
  NewShare,
  ShareChange,
  Rotation,
  Share,
  MadeShare,
  ChangedShare,
  RotatedShare,
  NamedServer,
  DescribedShare,
  ShareList,
}

export const SHARE_OPERATIONS = {
  createShare: {
    method: 'POST',
    path: '/api/shares',
    summary: 'Makes a share with its first tokens, which are shown once.',
    who: 'owner',
    body: NewShare,
    answers: { 201: { description: 'The share, and its credentials.', body: MadeShare } },
    errors: ['JURISDICTION_UNAVAILABLE', 'UPSTREAM_SETTING', 'SHARE_LIMIT_REACHED', 'OWNER_SHARE_LIMIT_REACHED', 'RELAY_FULL'],
  },
  listShares: {
    method: 'GET',
    path: '/api/shares',
    summary: "Lists the owner's shares, newest first, 1,000 a page.",
    who: 'owner',
    query: { after: v.pipe(v.string(), v.description('What an earlier page had as next.')) },
    answers: { 200: { description: 'A page; next is there when more follow.', body: ShareList } },
    errors: ['BODY_INVALID'],
  },
  describeShare: {
    method: 'GET',
    path: '/api/shares/{share}',
    summary: 'Describes a share, with its servers, agents, sessions and counters.',
    who: 'owner',
    answers: { 200: { description: 'The share.', body: DescribedShare } },
  },
  changeShare: {
    method: 'PATCH',
    path: '/api/shares/{share}',
    summary: 'Renames a share, moves its end or lets it slide with use, pauses or resumes it, sets its policy, limits and pinning.',
    description: 'What is absent stays. expires_in counts from now. A share that has ended can be lengthened for 30 days.',
    who: 'owner',
    body: ShareChange,
    answers: { 200: { description: 'The share as it is now.', body: ChangedShare } },
    errors: ['LANES_UNREACHED', 'UPSTREAM_SETTING'],
  },
  rotateShare: {
    method: 'POST',
    path: '/api/shares/{share}/rotate',
    summary: 'Revokes all that was handed out, and makes new first tokens, which are shown once.',
    who: 'owner',
    body: Rotation,
    answers: { 201: { description: 'The share, and its new credentials.', body: RotatedShare } },
    errors: ['SHARE_EXPIRED', 'TOKEN_LIMIT_REACHED'],
  },
  removeServer: {
    method: 'DELETE',
    path: '/api/shares/{share}/servers/{server}',
    summary: 'Forgets a server of a share, and ends its sessions and agents; an agent that dials again makes it anew.',
    who: 'owner',
    answers: NO_CONTENT,
    errors: ['SERVER_NOT_FOUND', 'LANES_UNREACHED'],
  },
  deleteShare: {
    method: 'DELETE',
    path: '/api/shares/{share}',
    summary: 'Ends a share, its sessions, its agents and its tokens.',
    who: 'owner',
    answers: NO_CONTENT,
    errors: ['LANES_UNREACHED'],
  },
} as const satisfies Record<string, Operation>
