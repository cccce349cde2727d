/** `/api/shares/<id>/tokens`: makes, lists, changes and revokes the links of a share. */
import { type Context, Hono } from 'hono'
import { askLanes } from '../carry/lane-orders.ts'
import type { LinkUse } from '../contract/call-records.ts'
import type { LinkChange, LinkRecord, ShareRecord } from '../contract/registry/registry-rpc.ts'
import type { LinkKind } from '../contract/trust/trust-rpc.ts'
import { problemResponse } from '../problem.ts'
import { readBody } from './body.ts'
import { laneCount } from '../lanes.ts'
import { DEFAULT_ACCESS, mayMintHosts, mintCredential, SECOND_MS } from './credentials.ts'
import { mergeUses } from './lanes.ts'
import { derivedPrincipal } from '../contract/trust/principals.ts'
import { NewToken, type Token, TokenChange } from './operations/tokens.ts'
import { hasNamesake, nameWarning, warningOf } from './name-warning.ts'
import { policyWarning } from './policy-warning.ts'
import { answer, hasExpired, isoTime, knownShare, limitsOf, livingShare, policyOf, registryOf, unreachedResponse } from './share-answers.ts'
import { type OwnerEnv, requireOwner } from './owner-gate.ts'
import { refusedMember } from './upstream/share-upstream.ts'

type ApiContext = Context<OwnerEnv>

const AGENT_POLICY =
  "policy is for clients. What an agent's clients may do is said by the policy of the share, and on the agent's command line."
const HOST_OF_OTHERS = 'form host is for agents. Clients come by the URL of the share.'
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
  const found = await livingShare(c)
  if (!found.ok) return found.error
  const share = found.value
  const body = await readBody(c.req.raw, NewToken)
  if (!body.ok) return body.error
  const { kind, form, name, expires_in: lifeS, limits } = body.value
  const fault = boundOfAgent(kind, body.value) ?? (form === 'host' && kind !== 'agent' ? HOST_OF_OTHERS : undefined)
  if (fault !== undefined) return problemResponse('BODY_INVALID', fault)
  const refused = refusedMember(share.id, body.value)
  if (refused !== undefined) return refused
  if (form === 'host') {
    if (!mayMintHosts(c)) return problemResponse('AGENT_HOSTS_OFF')
    if (laneCount(share.id) > 1) return problemResponse('LANES_NOT_SERVED')
  }
  const createdAtMs = Date.now()
  const policy = kind === 'agent' ? undefined : (body.value.policy ?? JSON.stringify({ access: DEFAULT_ACCESS }))
  const expiresAtMs = createdAtMs + lifeS * SECOND_MS
  const { id, ceilingMs, secret, webUrl } = await mintCredential(c, form === 'host' ? 'host' : kind, share.id, createdAtMs)
  const bounds = { ...(policy === undefined ? {} : { policy }), ...(limits === undefined ? {} : { limits }) }
  const link = await registryOf(c).addLink(share.id, { id, kind, name, createdAtMs, expiresAtMs, ceilingMs, ...bounds })
  if (link === 'no_share') return problemResponse('SHARE_NOT_FOUND')
  if (link === 'no_room') return problemResponse('RELAY_FULL')
  if (link === 'full') return problemResponse('TOKEN_LIMIT_REACHED')
  const warning = kind === 'agent' ? undefined : await policyWarning(c, share, link.policy, true)
  return answer(c, 201, {
    ...linkFacts(share, link),
    ...(kind === 'key'
      ? { share_url: secret, ...(webUrl === undefined ? {} : { web_url: webUrl }) }
      : { [form === 'host' ? 'agent_url' : 'token']: secret }),
    ...warningOf(warning, await nameWarning(link.name, async () => hasNamesake(link, await registryOf(c).links(share.id)))),
  })
}

async function listLinks(c: ApiContext): Promise<Response> {
  const share = await knownShare(c)
  if (!share.ok) return share.error
  const [records, uses] = await Promise.all([registryOf(c).links(share.value.id), usesOf(c, share.value)])
  return answer(c, 200, { tokens: records.map((record) => linkFacts(share.value, record, uses.get(record.id))) })
}

async function changeLink(c: ApiContext): Promise<Response> {
  const body = await readBody(c.req.raw, TokenChange)
  if (!body.ok) return body.error
  const { expires_in: lifeS, ...change } = body.value
  return orderLink(c, { ...change, ...(lifeS === undefined ? {} : { expiresAtMs: Date.now() + lifeS * SECOND_MS }) })
}

function revokeLink(c: ApiContext): Promise<Response> {
  return orderLink(c, { isRevoked: true })
}

async function orderLink(c: ApiContext, change: LinkChange): Promise<Response> {
  const found = await livingShare(c, { mayHaveEnded: true })
  if (!found.ok) return found.error
  const share = found.value
  const id = c.req.param('token') ?? ''
  const kind = (await registryOf(c).linkTrust(share.id, id))?.kind
  if (kind === 'person') return problemResponse('TOKEN_NOT_FOUND')
  const fault = boundOfAgent(kind, change)
  if (fault !== undefined) return problemResponse('BODY_INVALID', fault)
  const refused = refusedMember(share.id, change.policy === undefined ? {} : { policy: change.policy })
  if (refused !== undefined) return refused
  const changed = await registryOf(c).changeLink(share.id, id, change)
  if (changed === undefined) return problemResponse('TOKEN_NOT_FOUND')
  const { value, unreached } = changed
  if (unreached.length > 0) return unreachedResponse(share.id, unreached)
  if (value.isRevoked) return c.body(null, 204)
  const warning = change.policy === undefined ? undefined : await policyWarning(c, share, value.policy, true)
  const isTaken = async (): Promise<boolean> => hasNamesake(value, await registryOf(c).links(share.id))
  const named = change.name === undefined ? undefined : await nameWarning(value.name, isTaken)
  return answer(c, 200, { ...linkFacts(share, value, (await usesOf(c, share)).get(value.id)), ...warningOf(warning, named) })
}

/** How often each link was used, by what the lanes remember that are reached. An object that there is not yet has served nobody. */
async function usesOf(c: ApiContext, share: ShareRecord): Promise<ReadonlyMap<string, LinkUse>> {
  const isAsked = share.isMade && !hasExpired(share)
  return mergeUses(isAsked ? await askLanes(c.env, share, { op: 'uses' }) : [])
}

/** What is wrong with bounds that an owner gives to an agent, whose clients they would be for. */
function boundOfAgent(kind: LinkKind | undefined, { policy, limits }: Pick<LinkChange, 'policy' | 'limits'>): string | undefined {
  if (kind !== 'agent') return undefined
  return policy === undefined ? limits && AGENT_LIMITS : AGENT_POLICY
}

/** People are not among them. */
type TokenFacts = Omit<Token, 'kind'> & Pick<LinkRecord, 'kind'>

/** A link as its owner sees it, without its credential. */
function linkFacts(
  share: ShareRecord,
  { id, name, kind, createdAtMs, expiresAtMs, policy, limits, parent }: LinkRecord,
  use?: LinkUse,
): TokenFacts {
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
