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
  const [part = 'none'] = SESSION_PART.exec(session) ?? []
  return `${ANONYMOUS}:${part}`
}

export function isAnonymous(principal: string): boolean {
  return principal.startsWith(`${ANONYMOUS}:`)
}

/** The link that a principal has come with: it is named for its kind and its link. Who has none has that of all such. */
export function linkOf(principal: string): string {
  if (isAnonymous(principal)) return ANONYMOUS
  return principal.slice(principal.indexOf(':') + 1)
}

/** The principal as which one counts, where what each may have is bounded: a narrowed link counts as the one of the owner's that it comes from. */
export type RootOf = (principal: string) => string

/** For where nobody narrows links. */
export function itself(principal: string): string {
  return principal
}
