/** What an upstream lists now, asked in the name of the client whose request is judged by it, and as its client is shown it. */
import type { Failure } from '../../../protocol/errors.ts'
import { objectIn } from '../../bridge/names.ts'
import { type ListPage, readPage, type Unlisted } from '../../bridge/tool-pages.ts'
import { randomKey } from '../../call-key.ts'
import type { ListMethod } from '../../contract/listings.ts'
import { UPSTREAM_ANSWER_MS, UPSTREAM_LIST_MS } from '../../upstream-limits.ts'
import type { ClientMessage } from '../message.ts'
import { forgetTools, knownTools, learnTools, type ToolSet } from '../modern-client/known-tools.ts'
import { withoutDeclaredTasks } from './refused-tasks.ts'
import type { Way } from './way.ts'
import { wholeAnswer } from './whole-answer.ts'

const encoder = new TextEncoder()

/** A list that was asked for not long ago; undefined without one. */
export function toolsKnown({ audience }: Pick<Way, 'audience'>, method: ListMethod): ToolSet | undefined {
  const known = knownTools(`${audience} ${method}`)
  return known !== undefined && Date.now() - Number(known.version) < UPSTREAM_LIST_MS ? known : undefined
}

/** Asks for all of a list. `revision`: of a request without session. */
export function toolsNow(way: Way, method: ListMethod, message: ClientMessage, revision: string | undefined, signal: AbortSignal) {
  return learnTools(`${way.audience} ${method}`, String(Date.now()), (cursor) =>
    listPage(way, { method, cursor, message, revision, signal }),
  )
}

/** The upstream has listed something else. */
export function forgetLists({ audience }: Pick<Way, 'audience'>): void {
  forgetTools(audience)
}

interface PageAsk {
  readonly method: ListMethod
  readonly cursor: string | undefined
  readonly message: ClientMessage
  readonly revision: string | undefined
  readonly signal: AbortSignal
}

/** Undefined for a page that the upstream does not give. */
async function listPage(
  { port, fields }: Way,
  { method, cursor, message, revision, signal }: PageAsk,
): Promise<ListPage | Unlisted | undefined> {
  const { progressToken: _, ...meta } = objectIn(message.params, '_meta') ?? {}
  const params = { ...(revision === undefined ? {} : { _meta: meta }), ...(cursor === undefined ? {} : { cursor }) }
  // An id that no client has.
  const id = `mcp-edge.tools.${randomKey()}`
  const body = withoutDeclaredTasks(method, encoder.encode(JSON.stringify({ jsonrpc: '2.0', id, method, params })))
  if ('code' in body) return body
  const own = revision === undefined ? {} : { 'mcp-protocol-version': revision, 'mcp-method': method }
  const request = { method: 'POST', fields: { ...fields, ...POSTED, ...own }, body, signal, maxMs: UPSTREAM_ANSWER_MS } as const
  const answer = await wholeAnswer(port, request, JSON.stringify(id))
  return 'code' in answer ? notExecuted(answer) : readPage(answer.bytes)
}

/** The call that it was asked for was not made. */
function notExecuted(failure: Failure): Failure {
  return { ...failure, executed: 'no' }
}

/** Fields of a posted message. */
export const POSTED = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' } as const
