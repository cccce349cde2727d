/**
 * A server that signs its clients in by itself: what its refusals say to a client that can reach it by the share alone. Of its challenge
 * nothing passes that names the machine. Pure.
 */
import type { IncomingMessage } from 'node:http'
import type { Failure } from '../../../protocol/errors.ts'
import { MAX_CHALLENGE_MEMBER_CHARS } from '../../../protocol/limits.ts'

/** Members of a Bearer challenge by which a client signs in (RFC 6750 §3). Where the metadata is its relay says. */
const PASSED = ['scope', 'error', 'error_description'] as const
/** A member with its value, or a word alone, which begins a challenge (RFC 9110 §11.6.1). */
const PART = /([!#$%&'*+\-.^_`|~\w]+)(?:[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[!#$%&'*+\-.^_`|~\w]+)|(?=[ \t,]|$))/g
/** RFC 6750 §3 for all three. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/
/** Many clients look for this anywhere in the field, also within what is quoted. */
const METADATA = /resource_metadata/i

/** The members of the first Bearer challenge, by their names in small letters; undefined where there is none. */
export function bearerChallenge(field: string | undefined): ReadonlyMap<string, string> | undefined {
  let members: Map<string, string> | undefined
  for (const [, name = '', value] of (field ?? '').matchAll(PART)) {
    if (value === undefined) {
      if (members !== undefined) return members
      if (name.toLowerCase() === 'bearer') members = new Map()
    } else if (members?.has(name.toLowerCase()) === false) members.set(name.toLowerCase(), unquoted(value))
  }
  return members
}

/** How a request fails that the server refuses for who asks it; undefined for any other refusal. It has not run. `origin`: the server's, which no words tell. */
export function signInFailure(
  { statusCode, headers }: Pick<IncomingMessage, 'statusCode' | 'headers'>,
  origin: string,
): Failure | undefined {
  if (statusCode !== 401 && statusCode !== 403) return undefined
  const code = statusCode === 401 ? 'SERVER_SIGN_IN' : 'SERVER_FORBIDDEN'
  const members = bearerChallenge(headers['www-authenticate'])
  // A refusal without a challenge is final, but for 401, which HTTP does not know without one.
  if (members === undefined) return { code, executed: 'no', ...(statusCode === 401 && { challenge: 'Bearer' }) }
  const passed = PASSED.flatMap((name) => {
    const value = members.get(name)
    // A scope may be a URL, and must come as it is.
    const isTelling = name === 'error_description' && value?.toLowerCase().includes(origin) === true
    return value === undefined || isTelling || !isPlain(value) ? [] : [`${name}="${value}"`]
  })
  return { code, executed: 'no', challenge: ['Bearer', passed.join(', ')].filter((part) => part !== '').join(' ') }
}

function isPlain(value: string): boolean {
  return value.length <= MAX_CHALLENGE_MEMBER_CHARS && PLAIN.test(value) && !METADATA.test(value)
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value
}
