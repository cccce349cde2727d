/** `/api/shares/<id>/people`: invites, lists and removes the people who may sign in at a share. */
import { type Context, Hono } from 'hono'
import { mintAccessCode } from '../access/access-code.ts'
import { randomBytes, toHex } from '../access/secrets/secret.ts'
import { foundAppOrigin } from '../access/origin.ts'
import { knownShareFacts } from '../access/share-id.ts'
import { ownHostBase, signInBase } from '../access/share-site.ts'
import type { LinkRecord, PersonRecord, ShareRecord } from '../contract/registry/registry-rpc.ts'
import { relayOrigin, settingsOf } from '../env.ts'
import { problemResponse } from '../problem.ts'
import { readBody } from './body.ts'
import { LINK_ID_BYTES, MAX_LIFE_S, SECOND_MS } from './credentials.ts'
import { EMAIL, NewPerson, type Person } from './operations/people.ts'
import { hasNamesake, nameWarning, warningOf } from './name-warning.ts'
import { policyWarning } from './policy-warning.ts'
import { answer, isoTime, knownShare, livingShare, policyOf, registryOf, unreachedResponse } from './share-answers.ts'
import { type OwnerEnv, requireOwner } from './owner-gate.ts'
import { refusedMember } from './upstream/share-upstream.ts'

type ApiContext = Context<OwnerEnv>

/** What lies below `/shares/<id>/people`. */
export const people = new Hono<OwnerEnv>()
  .use(requireOwner)
  .post('/', invite)
  .get('/', list)
  .delete('/:person', remove)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET, POST' }))
  .all('/:person', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'DELETE' }))

async function invite(c: ApiContext): Promise<Response> {
  const found = await livingShare(c)
  if (!found.ok) return found.error
  const share = found.value
  const base = signInBase(c.req.raw, settingsOf(c.env), share.id) ?? ownHostBase(c.req.raw, settingsOf(c.env), share.id)
  if (base === undefined) return problemResponse('SIGN_IN_UNAVAILABLE')
  const body = await readBody(c.req.raw, NewPerson)
  if (!body.ok) return body.error
  const { name, email, expires_in: lifeS, policy } = body.value
  const refused = refusedMember(share.id, { policy })
  if (refused !== undefined) return refused
  const createdAtMs = Date.now()
  const ceilingMs = createdAtMs + MAX_LIFE_S * SECOND_MS
  const link = { id: toHex(randomBytes(LINK_ID_BYTES)), kind: 'person', name: name ?? email ?? '', createdAtMs, ceilingMs, policy } as const
  const code = await mintAccessCode(c.var.relay.keys.signIn, share.id)
  const added = await registryOf(c).addPerson(share.id, { ...link, expiresAtMs: createdAtMs + lifeS * SECOND_MS }, code.hash)
  if (added === 'no_share') return problemResponse('SHARE_NOT_FOUND')
  if (added === 'no_room') return problemResponse('RELAY_FULL')
  if (added === 'full') return problemResponse('TOKEN_LIMIT_REACHED')
  const facts = { ...personFacts(share, { ...added, isPending: true }), code: code.text, url: `${base}/mcp`, ...appFacts(c, share.id) }
  const warning = await policyWarning(c, share, policy, true)
  // Whoever is out may be invited anew.
  const isTaken = async (): Promise<boolean> => {
    const all = await registryOf(c).people(share.id)
    return hasNamesake(
      added,
      all.filter(({ isRevoked }) => !isRevoked),
    )
  }
  return answer(c, 201, { ...facts, ...warningOf(warning, await nameWarning(added.name, isTaken)) })
}

async function list(c: ApiContext): Promise<Response> {
  const share = await knownShare(c)
  if (!share.ok) return share.error
  const records = await registryOf(c).people(share.value.id)
  return answer(c, 200, { people: records.map((record) => personFacts(share.value, record)) })
}

async function remove(c: ApiContext): Promise<Response> {
  const found = await livingShare(c, { mayHaveEnded: true })
  if (!found.ok) return found.error
  const share = found.value
  const id = c.req.param('person') ?? ''
  const isPerson = (await registryOf(c).linkTrust(share.id, id))?.kind === 'person'
  const changed = isPerson ? await registryOf(c).changeLink(share.id, id, { isRevoked: true }) : undefined
  if (changed === undefined) return problemResponse('PERSON_NOT_FOUND')
  return changed.unreached.length > 0 ? unreachedResponse(share.id, changed.unreached) : c.body(null, 204)
}

/** Where the share's web app is opened, if it has one; nothing where that asks nobody to sign in. */
function appFacts(c: ApiContext, share: string): { readonly web_url?: string } {
  const settings = settingsOf(c.env)
  // Without an agent there is no web app.
  const app = knownShareFacts(share).isUpstream === true ? undefined : foundAppOrigin(settings, relayOrigin(c.req.raw, settings), share)
  return app === undefined ? {} : { web_url: `${app}/` }
}

/** A person as the share's owner sees it, without the access code. */
function personFacts(share: ShareRecord, record: PersonRecord): Person {
  const { id, name, createdAtMs, policy } = record
  const endsAtMs = Math.min(record.expiresAtMs, share.expiresAtMs)
  return {
    id,
    ...(EMAIL.test(name) ? { email: name } : { name }),
    status: statusOf(record, endsAtMs),
    principal: `person:${id}`,
    created_at: isoTime(createdAtMs),
    expires_at: isoTime(endsAtMs),
    policy: policyOf(policy),
  }
}

function statusOf(
  { isRevoked, isPending }: Pick<LinkRecord, 'isRevoked'> & { readonly isPending: boolean },
  endsAtMs: number,
): Person['status'] {
  if (isRevoked) return 'revoked'
  if (endsAtMs <= Date.now()) return 'expired'
  return isPending ? 'pending' : 'active'
}
