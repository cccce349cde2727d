/** `/api/owners`: the deployer makes, lists and removes the relay's other owners. */
import { type Context, Hono } from 'hono'
import { newOwnerToken } from '../access/owner/owner.ts'
import { hashSecret, randomBytes, toHex } from '../access/secrets/secret.ts'
import type { OwnerRecord } from '../contract/registry/registry-rpc.ts'
import { problemResponse } from '../problem.ts'
import { readBody } from './body.ts'
import { SECOND_MS } from './credentials.ts'
import { hasNamesake, nameWarning, warningOf } from './name-warning.ts'
import { NewOwner, type OwnerFacts } from './operations/relay.ts'
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
  const body = await readBody(c.req.raw, NewOwner)
  if (!body.ok) return body.error
  const createdAtMs = Date.now()
  const owner = {
    id: toHex(randomBytes(OWNER_ID_BYTES)),
    name: body.value.name,
    createdAtMs,
    expiresAtMs: createdAtMs + body.value.expires_in * SECOND_MS,
  }
  const token = await newOwnerToken(c.var.relay.keys)
  if (!(await registryOf(c).addOwner({ ...owner, hash: await hashSecret(token) }))) return problemResponse('OWNER_LIMIT_REACHED')
  const named = await nameWarning(owner.name, async () => hasNamesake(owner, await registryOf(c).owners()))
  return answer(c, 201, { ...ownerFacts(owner), owner_token: token, ...warningOf(named) })
}

async function listOwners(c: Context<OwnerEnv>): Promise<Response> {
  const records = await registryOf(c).owners()
  return answer(c, 200, { owners: records.map(ownerFacts) })
}

async function deleteOwner(c: Context<OwnerEnv>): Promise<Response> {
  const isRemoved = await registryOf(c).removeOwner(c.req.param('owner') ?? '')
  return isRemoved ? c.body(null, 204) : problemResponse('OWNER_NOT_FOUND')
}

function ownerFacts({ id, name, createdAtMs, expiresAtMs }: OwnerRecord): OwnerFacts {
  return { id, name, created_at: isoTime(createdAtMs), expires_at: isoTime(expiresAtMs) }
}
