/** The calls about the tokens of a share: what they take, and what they answer. */
import * as v from 'valibot'
import { DEFAULT_ACCESS, DEFAULT_LIFE_S } from '../credentials.ts'
import { bodyOf, choice, life, limits, Limits, name, policy, Policy } from './members.ts'
import { NO_CONTENT, type Operation, time, warning, whole } from './operation.ts'

const TOKEN_KINDS = ['client', 'key', 'agent'] as const
const TOKEN_FORMS = ['token', 'host'] as const

export const NewToken = bodyOf({
  kind: choice(TOKEN_KINDS),
  form: v.exactOptional(choice(TOKEN_FORMS)),
  name: v.optional(name(), 'unnamed'),
  expires_in: v.optional(life(), DEFAULT_LIFE_S),
  policy: v.exactOptional(policy(DEFAULT_ACCESS)),
  limits: v.exactOptional(limits()),
})

export const TokenChange = bodyOf({
  name: v.exactOptional(name()),
  expires_in: v.exactOptional(life()),
  policy: v.exactOptional(policy(DEFAULT_ACCESS)),
  limits: v.exactOptional(limits()),
})

const token = {
  id: v.string(),
  name: v.string(),
  kind: v.picklist(TOKEN_KINDS),
  principal: v.string(),
  parent: v.exactOptional(v.string()),
  created_at: time,
  expires_at: time,
  last_used_at: v.nullable(time),
  calls: whole,
  policy: v.nullable(Policy),
  limits: v.nullable(Limits),
}
const Token = v.object(token)
/** A token as its share's owner sees it, without its credential. */
export type Token = v.InferOutput<typeof Token>

const MadeToken = v.pipe(
  v.object({
    ...token,
    token: v.exactOptional(v.string()),
    share_url: v.exactOptional(v.string()),
    web_url: v.exactOptional(v.string()),
    agent_url: v.exactOptional(v.string()),
    warning,
  }),
  v.description('It has share_url and web_url if it is of kind key, agent_url if its form is host, else token.'),
)
const ChangedToken = v.object({ ...token, warning })
const TokenList = v.object({ tokens: v.array(Token) })

export const TOKEN_SCHEMAS = { NewToken, TokenChange, Token, MadeToken, ChangedToken, TokenList }

export const TOKEN_OPERATIONS = {
  createToken: {
    method: 'POST',
    path: '/api/shares/{share}/tokens',
    summary: 'Makes a token, which is shown once.',
    description:
      "policy and limits are for clients: those of an agent's clients are the share's. form host is for an agent that can send neither a header nor a path: its token is a secret host name.",
    who: 'owner',
    body: NewToken,
    answers: { 201: { description: 'The token.', body: MadeToken } },
    errors: ['SHARE_EXPIRED', 'TOKEN_LIMIT_REACHED', 'RELAY_FULL', 'UPSTREAM_SETTING', 'AGENT_HOSTS_OFF', 'LANES_NOT_SERVED'],
  },
  listTokens: {
    method: 'GET',
    path: '/api/shares/{share}/tokens',
    summary: 'Lists the tokens that are not revoked, oldest first.',
    who: 'owner',
    answers: { 200: { description: 'All of them.', body: TokenList } },
  },
  changeToken: {
    method: 'PATCH',
    path: '/api/shares/{share}/tokens/{token}',
    summary: 'Renames a token, moves its end, sets its policy and limits.',
    description: 'What is absent stays. expires_in counts from now.',
    who: 'owner',
    body: TokenChange,
    answers: { 200: { description: 'The token as it is now.', body: ChangedToken } },
    errors: ['TOKEN_NOT_FOUND', 'LANES_UNREACHED', 'UPSTREAM_SETTING'],
  },
  revokeToken: {
    method: 'DELETE',
    path: '/api/shares/{share}/tokens/{token}',
    summary: 'Revokes a token; its sessions, streams and calls end.',
    who: 'owner',
    answers: NO_CONTENT,
    errors: ['TOKEN_NOT_FOUND', 'LANES_UNREACHED'],
  },
} as const satisfies Record<string, Operation>
