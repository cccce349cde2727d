/** Names of principals: of whom something is done with a link. Pure. */

const DERIVED = 'derived:'

/** Subject of everything done with a narrowed link. Never its parent's, or it would come into the sessions of that. */
export function derivedPrincipal(link: string): string {
  return `${DERIVED}${link}`
}

export function isDerived(principal: string): boolean {
  return principal.startsWith(DERIVED)
}

/** The link that a principal has come with: it is named for its kind and its link. */
export function linkOf(principal: string): string {
  return principal.slice(principal.indexOf(':') + 1)
}

/** The principal as which one counts, where what each may have is bounded: a narrowed link counts as the one of the owner's that it comes from. */
export type RootOf = (principal: string) => string

/** For where nobody narrows links. */
export function itself(principal: string): string {
  return principal
}
