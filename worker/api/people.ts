/** `/api/shares/<id>/people`: invites, lists and removes the people who may sign in at a share. */
import { type Context, Hono } from 'hono'
import { mintAccessCode } from '../access/access-code.ts'
import { randomBytes, toHex } from '../access/secret.ts'
import { signInBase } from '../access/share-site.ts'
import type { LinkRecord, PersonRecord, ShareRecord } from '../contract/registry-rpc.ts'
import { settingsOf } from '../env.ts'
import { problemResponse } from '../problem.ts'
import { countMember, type Members, policyMember, readMembers, textMember } from './body.ts'
import { DEFAULT_ACCESS, DEFAULT_LIFE_S, LINK_ID_BYTES, MAX_LIFE_S, MAX_NAME_CHARS, SECOND_MS } from './credentials.ts'
import { answer, findLiving, findShare, hasExpired, isoTime, LENGTHEN, policyOf, registryOf, unreachedResponse } from './share-answers.ts'
import { type OwnerEnv, requireOwner } from './owner-gate.ts'
import { err, ok } from '../../protocol/result.ts'

type ApiContext = Context<OwnerEnv>

const EMAIL = /^[^\s@]+@[^\s@]+$/

/** What lies below `/shares/<id>/people`. */
export const people = new Hono<OwnerEnv>()
  .use(requireOwner)
  .post('/', invite)
  .get('/', list)
  .delete('/:person', remove)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET, POST' }))
  .all('/:person', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'DELETE' }))

async function invite(c: ApiContext): Promise<Response> {
  const share = await findLiving(c)
  if (share === undefined) return problemResponse('SHARE_NOT_FOUND')
  if (hasExpired(share)) return problemResponse('SHARE_EXPIRED', LENGTHEN)
  const base = signInBase(c.req.raw, settingsOf(c.env), share.id) ?? hostBase(c, share.id)
  if (base === undefined) return problemResponse('SIGN_IN_UNAVAILABLE')
  const members = await readMembers(c.req.raw, ['name', 'email', 'expires_in', 'policy'])
  if (!members.ok) return problemResponse(members.error.code, members.error.detail)
  const wanted = readPerson(members.value)
  if (!wanted.ok) return problemResponse('BODY_INVALID', wanted.error)
  const { name, lifeS = DEFAULT_LIFE_S, policy = JSON.stringify({ access: DEFAULT_ACCESS }) } = wanted.value
  const createdAtMs = Date.now()
  const ceilingMs = createdAtMs + MAX_LIFE_S * SECOND_MS
  const link = { id: toHex(randomBytes(LINK_ID_BYTES)), kind: 'person', name, createdAtMs, ceilingMs, policy } as const
  const code = await mintAccessCode(c.var.relay.keys.signIn, share.id)
  const added = await registryOf(c).addPerson(share.id, { ...link, expiresAtMs: createdAtMs + lifeS * SECOND_MS }, code.hash)
  if (added === 'no_share') return problemResponse('SHARE_NOT_FOUND')
  if (added === 'no_room') return problemResponse('RELAY_FULL')
  if (added === 'full') return problemResponse('TOKEN_LIMIT_REACHED')
  return answer(c, 201, { ...personFacts(share, { ...added, isPending: true }), code: code.text, url: `${base}/mcp` })
}

/** Where the share's people sign in, on a relay that has a domain for that: the owner's request came by another name. */
function hostBase(c: ApiContext, share: string): string | undefined {
  const settings = settingsOf(c.env)
  const own = new URL(settings.publicOrigin ?? c.req.url)
  if (settings.shareDomain === undefined) return undefined
  own.hostname = `${share}.${settings.shareDomain}`
  return signInBase({ url: own.href }, settings, share)
}

async function list(c: ApiContext): Promise<Response> {
  const share = await findShare(c)
  if (share === undefined) return problemResponse('SHARE_NOT_FOUND')
  const records = await registryOf(c).people(share.id)
  return answer(c, 200, { people: records.map((record) => personFacts(share, record)) })
}

async function remove(c: ApiContext): Promise<Response> {
  const share = await findLiving(c)
  if (share === undefined) return problemResponse('SHARE_NOT_FOUND')
  const id = c.req.param('person') ?? ''
  const isPerson = (await registryOf(c).linkTrust(share.id, id))?.kind === 'person'
  const changed = isPerson ? await registryOf(c).changeLink(share.id, id, { isRevoked: true }) : undefined
  if (changed === undefined) return problemResponse('PERSON_NOT_FOUND')
  return changed.unreached.length > 0 ? unreachedResponse(share.id, changed.unreached) : c.body(null, 204)
}

/** Whom an owner invites, or what is wrong with that. */
function readPerson(members: Members) {
  const name = textMember(members, 'name', MAX_NAME_CHARS)
  if (!name.ok) return name
  const email = textMember(members, 'email', MAX_NAME_CHARS)
  if (!email.ok) return email
  if (email.value !== undefined && !EMAIL.test(email.value)) return err('email must be an address like ann@example.com.')
  const called = name.value ?? email.value
  if (called === undefined || (name.value !== undefined && email.value !== undefined)) return err('Say either name or email.')
  const lifeS = countMember(members, 'expires_in', MAX_LIFE_S)
  if (!lifeS.ok) return lifeS
  const policy = policyMember(members, 'policy', DEFAULT_ACCESS)
  return policy.ok ? ok({ name: called, lifeS: lifeS.value, policy: policy.value }) : policy
}

/** A person as the share's owner sees it, without the access code. */
function personFacts(share: ShareRecord, record: PersonRecord) {
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

function statusOf({ isRevoked, isPending }: Pick<LinkRecord, 'isRevoked'> & { readonly isPending: boolean }, endsAtMs: number): string {
  if (isRevoked) return 'revoked'
  if (endsAtMs <= Date.now()) return 'expired'
  return isPending ? 'pending' : 'active'
}
