/** How an owner is told why not all that a server offers is listed, and what its kinds of entries are called. Pure. */
import { ERRORS } from '../../protocol/error-table.ts'
import type { PinKind } from '../../protocol/policy/pins.ts'
import type { ListingProblem } from '../contract/pinned-server.ts'

/** Members of the answer for each kind. */
export const SHOWN_AS = {
  tools: 'tools',
  prompts: 'prompts',
  resources: 'resources',
  resourceTemplates: 'resource_templates',
  ui: 'ui',
  instructions: 'instructions',
  serverInfo: 'server_info',
} as const satisfies { readonly [Kind in PinKind]: string }

/** The member that tells of it; none where there is no problem. */
export function problemFacts(problem: ListingProblem | undefined) {
  if (problem === undefined) return {}
  const { code, kinds } = problem
  return { listing_problem: { code, message: ERRORS[code].message, kinds: kinds.map((kind) => SHOWN_AS[kind]) } }
}
