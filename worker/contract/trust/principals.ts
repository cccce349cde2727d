/** Names of principals: of whom something is done with a link, or with none. Pure. */
import { ANONYMOUS } from '../../../protocol/handshake.ts'

const DERIVED = 'derived:'

/** Subject of everything done with a narrowed link. Never its parent's, or it would come into the sessions of that. */
export function derivedPrincipal(link: string): string {
  return `${DERIVED}${link}`
}

export function isDerived(principal: string): boolean {
  return principal.startsWith(DERIVED)
}

const SESSION_PART = /^[a-z2-7]{13}/

/**
 * Subject of what is done in one session by whoever has shown no credential; of a request without session, `session` is made for it. What of the id
 * is in it an owner is shown anyway, and opens nothing.
 */
export function anonymousPrincipal(session: string): string {
  return `${ANONYMOUS}:${partOf(session)}`
}

export function isAnonymous(principal: string): boolean {
  return principal.startsWith(`${ANONYMOUS}:`)
}

/** Parts the name of a principal from what sets it apart from others of its link. */
const APART = '+'

/**
 * Subject of what is done with a link by a client that shows a credential for the server itself, which alone knows who that is: each credential
 * is somebody else. A session is one somebody for its whole life, since its client may have its credential made anew. `part`: of its id, or made of the credential.
 */
export function apartPrincipal(principal: string, part: string): string {
  return `${principal}${APART}${part}`
}

/** The same in a session of this id. */
export function apartInSession(principal: string, session: string): string {
  return apartPrincipal(principal, partOf(session))
}

export function isApart(principal: string): boolean {
  return principal.includes(APART)
}

/** The principal of the link that it has come with, of one that is apart; any other is its own. */
export function togetherPrincipal(principal: string): string {
  const at = principal.indexOf(APART)
  return at === -1 ? principal : principal.slice(0, at)
}

function partOf(session: string): string {
  const [part = 'none'] = SESSION_PART.exec(session) ?? []
  return part
}

/** The link that a principal has come with: it is named for its kind and its link. Who has none has that of all such. */
export function linkOf(principal: string): string {
  if (isAnonymous(principal)) return ANONYMOUS
  return togetherPrincipal(principal).slice(principal.indexOf(':') + 1)
}

/** The principal as which one counts, where what each may have is bounded: a narrowed link counts as the one of the owner's that it comes from. */
export type RootOf = (principal: string) => string

/** For where nobody narrows links. */
export function itself(principal: string): string {
  return principal
}
