/** Whether policies let a request through to a web app. Pure. */
import { isReading } from '../../protocol/web/http-fields.ts'
import type { HeaderList } from '../../protocol/web/web-frames.ts'
import { type Policy, readPolicy } from '../../protocol/policy/policy.ts'

/** What of a request a policy judges. */
export interface WebAsk {
  readonly method: string
  readonly headers: HeaderList
  readonly isUpgrade: boolean
}

/** `policies`: as JSON texts, all of which must allow it. One that cannot be read allows nothing. */
export function mayUseWebApp(policies: readonly string[], ask: WebAsk): boolean {
  return policies.every((text) => {
    const read = readPolicy(JSON.parse(text))
    return read.ok && allows(read.value, ask)
  })
}

const READ_METHODS = 'GET, HEAD'
const READS = 'GET and HEAD, and no WebSocket'
/** What the agent was told on its own command line, for all links. */
export const READ_BY_ALL = { detail: `Whoever shares the app lets nobody do more than read it: ${READS}.`, allow: READ_METHODS }

const READING: WebAsk = { method: 'GET', headers: [], isUpgrade: false }

/** What whoever may not do this may do, in words and as the field `Allow` says it. */
export function whatIsAllowed(policies: readonly string[]): { readonly detail: string; readonly allow?: string } {
  if (mayUseWebApp(policies, READING)) return { detail: `It may only read: ${READS}.`, allow: READ_METHODS }
  return { detail: "It is for the share's MCP server, and opens no web app." }
}

function allows(policy: Policy, { method, headers, isUpgrade }: WebAsk): boolean {
  if (policy.web !== true && (policy.web === false || isOfMcp(policy))) return false
  return policy.access !== 'read' || (!isUpgrade && isReading(method, headers))
}

/** Whoever hands out a few tools has not thereby handed out an app beside them. */
function isOfMcp({ tools, prompts, resources, arguments: rules, hold }: Policy): boolean {
  return tools !== undefined || prompts !== undefined || resources !== undefined || rules.length > 0 || hold.length > 0
}
