/** The calls about the relay itself: its claim, its owners, and this description. What they take, and what they answer. */
import * as v from 'valibot'
import { MAX_LIFE_S } from '../credentials.ts'
import { bodyOf, life, name, text } from './members.ts'
import { NO_CONTENT, type Operation, time, warning } from './operation.ts'

const MAX_CODE_CHARS = 128

export const Claim = bodyOf({ code: v.exactOptional(text(MAX_CODE_CHARS)) })

export const NewOwner = bodyOf({
  name: name(),
  expires_in: v.optional(life(), MAX_LIFE_S),
})

const owner = { id: v.string(), name: v.string(), created_at: time, expires_at: time }
const Owner = v.object(owner)
/** An owner as the deployer sees it, without its token. */
export type OwnerFacts = v.InferOutput<typeof Owner>

const MadeOwner = v.object({ ...owner, owner_token: v.string(), warning })
const OwnerList = v.object({ owners: v.array(Owner) })
const LoggedCode = v.object({ status: v.literal('code_logged') })
const ClaimedRelay = v.object({ owner_token: v.string() })
const OpenApi = v.record(v.string(), v.unknown())

export const RELAY_SCHEMAS = { Claim, NewOwner, Owner, MadeOwner, OwnerList, LoggedCode, ClaimedRelay, OpenApi }

export const RELAY_OPERATIONS = {
  claim: {
    method: 'POST',
    path: '/api/claim',
    summary: 'Makes the caller who can read the log the deployer.',
    description: 'Without a code it writes one to the log, for 10 minutes; with that code it answers the owner key, once.',
    who: 'anyone',
    body: Claim,
    answers: {
      201: { description: 'The relay is claimed: its owner key, shown once.', body: ClaimedRelay },
      202: { description: 'A code is in the log.', body: LoggedCode },
    },
    errors: ['CLAIM_CODE_WRONG', 'TOO_MANY_TRIES', 'RELAY_CLAIMED'],
  },
  describeApi: {
    method: 'GET',
    path: '/api/openapi.json',
    summary: 'This description.',
    who: 'anyone',
    answers: { 200: { description: 'An OpenAPI 3.1 document.', body: OpenApi } },
  },
  createOwner: {
    method: 'POST',
    path: '/api/owners',
    summary: 'Makes another owner, whose token is shown once.',
    who: 'deployer',
    body: NewOwner,
    answers: { 201: { description: 'The owner, with its token.', body: MadeOwner } },
    errors: ['OWNER_LIMIT_REACHED'],
  },
  listOwners: {
    method: 'GET',
    path: '/api/owners',
    summary: 'Lists the owners besides the deployer, oldest first.',
    who: 'deployer',
    answers: { 200: { description: 'All of them.', body: OwnerList } },
  },
  removeOwner: {
    method: 'DELETE',
    path: '/api/owners/{owner}',
    summary: "Removes an owner; its shares are paused and become the deployer's.",
    who: 'deployer',
    answers: NO_CONTENT,
    errors: ['OWNER_NOT_FOUND'],
  },
} as const satisfies Record<string, Operation>
