/** What a share can answer without an agent: which requests those are, and the form in which a server's answers are kept. */
import { findMember, type Span } from '../../protocol/json-scan.ts'
import { concat } from '../../protocol/splice.ts'
import { type Capability, type CapabilitySet, fingerprint } from '../bridge/capabilities.ts'
import { rootOf } from '../bridge/json-view.ts'

/** `server`: what it says of itself, in answer to initialize or server/discover. */
export type ListingName = 'server' | 'tools/list' | 'prompts/list' | 'resources/list' | 'resources/templates/list'

/** A server's answer as it is kept: a JSON-RPC response with the result as the server wrote it, and the id 0. */
export interface Listing {
  readonly name: ListingName
  /** Of the server, and so of the answer. */
  readonly era: 'legacy' | 'modern'
  readonly answer: Uint8Array
}

/** A listing that a Worker has seen go by. */
export interface ListingOrder extends Listing {
  readonly principal: string
  /** Empty for a client without session. */
  readonly session: string
  /** Of a client without session: what it declared. */
  readonly capabilities: readonly Capability[]
  readonly ch: string
  /** Names the answer's bytes. */
  readonly digest: string
}

/** What stands for an agent's answer while there is none. */
export interface Standby extends Listing {
  readonly kind: 'standby'
  /** Since when nobody can tell whether it still holds, in milliseconds since 1970. */
  readonly sinceMs: number
}

/** Where the id stands in what is kept. */
export const LISTING_ID: Span = [22, 23]

const LISTING_OF: ReadonlyMap<string, ListingName> = new Map<string, ListingName>([
  ['initialize', 'server'],
  ['server/discover', 'server'],
  ['tools/list', 'tools/list'],
  ['prompts/list', 'prompts/list'],
  ['resources/list', 'resources/list'],
  ['resources/templates/list', 'resources/templates/list'],
])

/** What answers a method; undefined for what only an agent can answer, and for ping, which needs nothing kept. */
export function listingOf(method: string): ListingName | undefined {
  return LISTING_OF.get(method)
}

/** Whether a request can do without an agent. Pages behind the first are a server's own affair. */
export function canStandBy(method: string, params: Readonly<Record<string, unknown>>): boolean {
  return (LISTING_OF.has(method) || method === 'ping') && params['cursor'] === undefined
}

/**
 * Names those who are offered the same: servers fit their lists to what a client declares, and what one principal has
 * brought a server to offer is no other's to see.
 */
export function audienceOf(principal: string, capabilities: CapabilitySet): string {
  return `${fingerprint(capabilities)} ${principal}`
}

const encoder = new TextEncoder()
const HEAD = encoder.encode('{"jsonrpc":"2.0","id":0,"result":')
const TAIL = encoder.encode('}')
const OPEN_OBJECT = 0x7b

/** The form that is kept of a whole answer; undefined for one without a result, or with more pages behind it. */
export function listingFrom(answer: Uint8Array): Uint8Array | undefined {
  const result = findMember(answer, rootOf(answer), 'result')
  if (result === undefined || answer[result[0]] !== OPEN_OBJECT || findMember(answer, result[0], 'nextCursor') !== undefined)
    return undefined
  return concat([HEAD, answer.subarray(...result), TAIL])
}
