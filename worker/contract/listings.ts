/** Which requests a share can answer without an agent, and the form in which a server's answers are kept for that. No I/O. */
import { findMember, type Span } from '../../protocol/json/json-scan.ts'
import { OPEN_OBJECT } from '../../protocol/json/json-skip.ts'
import { concat } from '../../protocol/splice.ts'
import { declarationName, type DeclaredClient } from '../bridge/capabilities.ts'
import { rootOf, valueAt } from '../bridge/json-view.ts'

export type ListMethod = 'tools/list' | 'prompts/list' | 'resources/list' | 'resources/templates/list'

/** `server`: its answer to initialize or server/discover. Pages of a list after the first are named with their cursor. */
export type ListingName = 'server' | ListMethod | `${ListMethod} ${string}`

/** A server's answer as it is kept: a JSON-RPC response with the result as the server wrote it, and the id 0. */
export interface Listing {
  readonly name: ListingName
  /** Of the server, and so of the answer. */
  readonly era: 'legacy' | 'modern'
  readonly answer: Uint8Array
}

/** Whom a list is for: a session of a principal, or its clients without session that say the same of themselves. */
export type ListClient = { readonly principal: string; readonly session: string } | ({ readonly principal: string } & DeclaredClient)

/** Whom what a request asks for is listed to. */
export function listClient(request: ListClient): ListClient {
  const { principal } = request
  if ('session' in request) return { principal, session: request.session }
  const { capabilities, declared, clientInfo } = request
  return {
    principal,
    capabilities,
    ...(declared === undefined ? {} : { declared }),
    ...(clientInfo === undefined ? {} : { clientInfo }),
  }
}

/** A listing that a Worker has seen go by. */
export interface ListingOrder extends Listing {
  readonly client: ListClient
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

const LIST_METHODS: ReadonlySet<string> = new Set<ListMethod>(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'])
const SERVER_METHODS: ReadonlySet<string> = new Set(['initialize', 'server/discover'])
/** A longer cursor is not the name of a page but state of the server's. */
const MAX_CURSOR_CHARS = 512

/** The listing that answers a request; undefined for what only an agent can answer, and for ping, which needs none. */
export function listingOf({ method, cursor }: { readonly method: string; readonly cursor?: string | undefined }): ListingName | undefined {
  if (SERVER_METHODS.has(method)) return 'server'
  return isListMethod(method) ? pageOf(method, cursor) : undefined
}

/** The listing of the next page; undefined for the last page. */
export function nextPage({ name, answer }: Pick<Listing, 'name' | 'answer'>): ListingName | undefined {
  const [method = ''] = name.split(' ', 1)
  const result = findMember(answer, rootOf(answer), 'result')
  const cursor = result === undefined ? undefined : valueAt(answer, findMember(answer, result[0], 'nextCursor'))
  return isListMethod(method) && typeof cursor === 'string' ? pageOf(method, cursor) : undefined
}

/**
 * Whether a request can do without an agent.
 *
 * @param greeting By which method this client is told of its server: in answer to the other it would be told of an era that it does not speak with us.
 */
export function canStandBy(
  method: string,
  { cursor }: Readonly<Record<string, unknown>>,
  greeting: 'initialize' | 'server/discover',
): boolean {
  if (isListMethod(method))
    return cursor === undefined || cursor === null || (typeof cursor === 'string' && cursor.length <= MAX_CURSOR_CHARS)
  return method === greeting || method === 'ping'
}

/** Whether a request asks for a list that a policy may hide entries of. */
export function isListMethod(method: string): method is ListMethod {
  return LIST_METHODS.has(method)
}

function pageOf(method: ListMethod, cursor: string | undefined): ListingName {
  return cursor === undefined ? method : `${method} ${cursor}`
}

/**
 * Names the clients that are offered the same: servers fit their lists to what a client says of itself, and what they offer to one
 * principal is not for another to see.
 */
export function audienceOf(principal: string, client: DeclaredClient): string {
  return `${declarationName(client)} ${principal}${client.clientInfo === undefined ? '' : ` ${client.clientInfo}`}`
}

const encoder = new TextEncoder()
const HEAD = encoder.encode('{"jsonrpc":"2.0","id":0,"result":')
const TAIL = encoder.encode('}')

/** The form that is kept of a whole answer; undefined for one without a result. */
export function listingFrom(answer: Uint8Array): Uint8Array | undefined {
  const result = findMember(answer, rootOf(answer), 'result')
  if (result === undefined || answer[result[0]] !== OPEN_OBJECT) return undefined
  return concat([HEAD, answer.subarray(...result), TAIL])
}
