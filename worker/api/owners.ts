/** `/api/owners`: the deployer makes, lists and removes the relay's other owners. */
import { type Context, Hono } from 'hono'
import { newOwnerToken } from '../access/owner.ts'
import { hashSecret, randomBytes, toHex } from '../access/secret.ts'
import type { OwnerRecord } from '../contract/registry-rpc.ts'
import { problemResponse } from '../problem.ts'
import { countMember, readMembers, textMember } from './body.ts'
import { MAX_LIFE_S, MAX_NAME_CHARS, SECOND_MS } from './credentials.ts'
import { type OwnerEnv, requireDeployer, requireOwner } from './owner-gate.ts'
import { answer, isoTime, registryOf } from './share-answers.ts'

const OWNER_ID_BYTES = 12

/** `/owners` and the owners below it. */
export const owners = new Hono<OwnerEnv>()
  .use(requireOwner, requireDeployer)
  .post('/', createOwner)
  .get('/', listOwners)
  .delete('/:owner', deleteOwner)
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET, POST' }))
  .all('/:owner', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'DELETE' }))

async function createOwner(c: Context<OwnerEnv>): Promise<Response> {
  const members = await readMembers(c.req.raw, ['name', 'expires_in'])
  if (!members.ok) return problemResponse(members.error.code, members.error.detail)
  const name = textMember(members.value, 'name', MAX_NAME_CHARS)
  if (!name.ok) return problemResponse('BODY_INVALID', name.error)
  if (name.value === undefined) return problemResponse('BODY_INVALID', 'name is missing.')
  const lifeS = countMember(members.value, 'expires_in', MAX_LIFE_S)
  if (!lifeS.ok) return problemResponse('BODY_INVALID', lifeS.error)
  const createdAtMs = Date.now()
  const owner = {
    id: toHex(randomBytes(OWNER_ID_BYTES)),
    name: name.value,
    createdAtMs,
    expiresAtMs: createdAtMs + (lifeS.value ?? MAX_LIFE_S) * SECOND_MS,
  }
  const token = newOwnerToken()
  if (!(await registryOf(c).addOwner({ ...owner, hash: await hashSecret(token) }))) return problemResponse('OWNER_LIMIT_REACHED')
  return answer(c, 201, { ...ownerFacts(owner), owner_token: token })
}

async function listOwners(c: Context<OwnerEnv>): Promise<Response> {
  const records = await registryOf(c).owners()
  return answer(c, 200, { owners: records.map(ownerFacts) })
}

async function deleteOwner(c: Context<OwnerEnv>): Promise<Response> {
  const isRemoved = await registryOf(c).removeOwner(c.req.param('owner') ?? '')
  return isRemoved ? c.body(null, 204) : problemResponse('OWNER_NOT_FOUND')
}

function ownerFacts({ id, name, createdAtMs, expiresAtMs }: OwnerRecord) {
  return { id, name, created_at: isoTime(createdAtMs), expires_at: isoTime(expiresAtMs) }
}
