/** Shares that point at a server without an agent: how the API keeps where that is, shows it, and refuses what such a share would not keep to. */
import type { Context } from 'hono'
import { encryptText } from '../../access/secrets/encrypted-text.ts'
import { knownShareFacts } from '../../access/share-id.ts'
import { readUpstreamServer, shownUpstreamUrl } from '../../access/upstream/upstream-server.ts'
import { err, ok, type Result } from '../../../protocol/result.ts'
import { type KeptUpstream, readKeptUpstream } from '../../contract/registry/kept-upstream.ts'
import { problemResponse } from '../../problem.ts'
import type { OwnerEnv } from '../owner-gate.ts'
import type { Upstream, UpstreamFacts } from '../operations/members.ts'

/** Members that say something of a share or a link of it. Policies are JSON texts that were read. */
interface Members {
  readonly upstream?: Upstream
  readonly policy?: string
  readonly anonymous?: string | null
  readonly capture?: boolean
  readonly kind?: string
}

/** Where an upstream is, as text to be kept; or the answer that says what is wrong with it. */
export async function keptUpstream(c: Context<OwnerEnv>, share: string, given: Upstream): Promise<Result<string, Response>> {
  const read = readUpstreamServer(given, { mayBePrivate: c.env.UPSTREAM_NETWORK !== undefined })
  if (!read.ok) return err(problemResponse('BODY_INVALID', `upstream.${read.error}.`))
  const sealed = await encryptText(c.var.relay.keys.upstream, { purpose: 'upstream', share, holder: '' }, JSON.stringify({ ...read.value }))
  const kept: KeptUpstream = { url: shownUpstreamUrl(read.value), headers: Object.keys(read.value.headers), sealed }
  return ok(JSON.stringify(kept))
}

/** As its owner sees it: what it is told with each request is shown to nobody. */
export function upstreamFacts(text: string): UpstreamFacts {
  const { url, headers } = readKeptUpstream(text)
  return { url, headers: [...headers] }
}

/** The answer that says which member a share does not have, of its kind; undefined where it has all of them. `share`: an id that was found to be ours. */
export function refusedMember(share: string, members: Members): Response | undefined {
  const named = knownShareFacts(share).isUpstream === true ? memberOfAgents(members) : members.upstream && 'upstream'
  if (named === undefined) return undefined
  return problemResponse('UPSTREAM_SETTING', `It is about ${named}.${named === OF_AGENTS ? ` ${NO_AGENT}` : ''}`)
}

const OF_AGENTS = 'kind agent'
const NO_AGENT =
  'The relay reaches the server of this share by itself, so that an agent would serve nobody: make a token of kind key or client, or for an agent a share without an upstream.'

/** What needs the share's object to see what calls carry, or an agent. */
function memberOfAgents({ policy, anonymous, capture, kind }: Members): string | undefined {
  if (capture === true) return 'capture'
  if (kind === 'agent') return OF_AGENTS
  return memberOfPolicy('policy', policy) ?? memberOfPolicy('anonymous', anonymous ?? undefined)
}

function memberOfPolicy(member: string, text: string | undefined): string | undefined {
  const { hold = [], web } = (text === undefined ? {} : JSON.parse(text)) as { readonly hold?: readonly string[]; readonly web?: boolean }
  if (hold.length > 0) return `${member}.hold`
  return web === undefined ? undefined : `${member}.web`
}
