/** The calls about the people of a share: what they take, and what they answer. */
import * as v from 'valibot'
import { DEFAULT_ACCESS, DEFAULT_LIFE_S } from '../credentials.ts'
import { bodyOf, life, name, policy, Policy } from './members.ts'
import { NO_CONTENT, type Operation, time, warning } from './operation.ts'

export const EMAIL = /^[^\s@]+@[^\s@]+$/

export const NewPerson = v.pipe(
  bodyOf({
    name: v.exactOptional(name()),
    email: v.exactOptional(v.pipe(name(), v.regex(EMAIL, 'must be an address like ann@example.com'))),
    expires_in: v.optional(life(), DEFAULT_LIFE_S),
    policy: v.optional(policy(DEFAULT_ACCESS), {}),
  }),
  v.check((invited) => (invited.name === undefined) !== (invited.email === undefined), 'Say either name or email'),
  v.description('Either name or email must be there.'),
)

const person = {
  id: v.string(),
  name: v.exactOptional(v.string()),
  email: v.exactOptional(v.string()),
  status: v.picklist(['pending', 'active', 'revoked', 'expired']),
  principal: v.string(),
  created_at: time,
  expires_at: time,
  policy: Policy,
}
const Person = v.object(person)
/** A person as the share's owner sees it, without the access code. */
export type Person = v.InferOutput<typeof Person>

const InvitedPerson = v.pipe(
  v.object({ ...person, code: v.string(), url: v.string(), web_url: v.exactOptional(v.string()), warning }),
  v.description('web_url opens the web app of the share, where an agent shares one; it is absent where people cannot sign in for that.'),
)
const PersonList = v.object({ people: v.array(Person) })

export const PERSON_SCHEMAS = { NewPerson, Person, InvitedPerson, PersonList }

export const PERSON_OPERATIONS = {
  invitePerson: {
    method: 'POST',
    path: '/api/shares/{share}/people',
    summary: 'Invites a person, who signs in with the access code in the answer.',
    who: 'owner',
    body: NewPerson,
    answers: { 201: { description: 'The person, with the access code, which is shown once.', body: InvitedPerson } },
    errors: ['SHARE_EXPIRED', 'SIGN_IN_UNAVAILABLE', 'TOKEN_LIMIT_REACHED', 'RELAY_FULL', 'UPSTREAM_SETTING'],
  },
  listPeople: {
    method: 'GET',
    path: '/api/shares/{share}/people',
    summary: 'Lists the people of a share, oldest first.',
    who: 'owner',
    answers: { 200: { description: 'All of them, also those whose access has ended.', body: PersonList } },
  },
  removePerson: {
    method: 'DELETE',
    path: '/api/shares/{share}/people/{person}',
    summary: "Ends a person's access at once.",
    who: 'owner',
    answers: NO_CONTENT,
    errors: ['PERSON_NOT_FOUND', 'LANES_UNREACHED'],
  },
} as const satisfies Record<string, Operation>
