/** What a client shows for the server itself, as it goes from the relay to the agent and on: a bearer token, in one spelling. Pure. */
import { MAX_PASSED_CREDENTIAL_CHARS } from './limits.ts'

/** RFC 6750 §2.1, and what some servers take besides: anything that can be seen. */
const VISIBLE = /^[\x21-\x7e]+$/
const SCHEME = 'Bearer '

/** The value of an Authorization field with this token; undefined where none can hold it. How long it may be is for its reader to look at. */
export function passedCredential(token: string): string | undefined {
  return VISIBLE.test(token) ? `${SCHEME}${token}` : undefined
}

export function isTooLongToPass(token: string): boolean {
  return SCHEME.length + token.length > MAX_PASSED_CREDENTIAL_CHARS
}

export function isPassedCredential(text: string): boolean {
  return text.length <= MAX_PASSED_CREDENTIAL_CHARS && text.startsWith(SCHEME) && VISIBLE.test(text.slice(SCHEME.length))
}
