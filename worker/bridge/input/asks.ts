/** Turns requests of a legacy child into `inputRequests` of a modern result, and a retry's `inputResponses` into answers for the child (MCP 2026-07-28, basic/patterns/mrtr). Pure. */
import type { Span } from '../../../protocol/json/json-scan.ts'
import { splice } from '../../../protocol/splice.ts'
import { applyEdit } from '../body-edit.ts'
import { type Capability, type CapabilitySet, declare, lacking, neededFor } from '../capabilities.ts'
import { isTooManifold } from '../json/bounded-value.ts'
import { editObject, findPath, isArrayAt, isObjectAt, rootOf, scalarAt, textAt, valueAt } from '../json-view.ts'
import { hasMember, isEnvelopeKey, META } from '../names.ts'
import { objectText } from '../object-text.ts'
import type { Failure } from '../../../protocol/errors.ts'
import { isNullAt, walkObject } from '../../../protocol/members/object-members.ts'
import { isObject, type JsonObject } from '../../../protocol/json/json-object.ts'

export type AskVerdict =
  /** May be put to the client: the text of an entry of `inputRequests`. */
  | { readonly kind: 'ask'; readonly request: string }
  /** The relay answers the child by itself: the text of a JSON-RPC response. */
  | { readonly kind: 'answer'; readonly response: string }
  /** The client cannot be asked this: the response for the child, and what the client would have to declare. */
  | { readonly kind: 'refuse'; readonly response: string; readonly lacking: readonly Capability[] }

/** What becomes of a child's request during a call of a client with these capabilities. `isExtended`: as for `neededFor`. */
export function judgeAsk(ask: Uint8Array, rawId: string, method: string, capabilities: CapabilitySet, isExtended = false): AskVerdict {
  if (method === 'ping') return { kind: 'answer', response: resultText(rawId, '{}') }
  const paramsSpan = findPath(ask, rootOf(ask), 'params')
  if (isTooManifold(ask, paramsSpan)) return { kind: 'refuse', response: refusalText(rawId, method), lacking: [] }
  const value = valueAt(ask, paramsSpan)
  const params: JsonObject = isObject(value) ? value : {}
  const needed = neededFor(method, params, isExtended)
  // Without the capability for tasks nobody may ask for one, and the relay never declares it.
  if (needed === undefined || hasMember(params, 'task')) return { kind: 'refuse', response: refusalText(rawId, method), lacking: [] }
  const missing = lacking(capabilities, needed)
  if (missing.length > 0) return { kind: 'refuse', response: refusalText(rawId, method), lacking: missing }
  return { kind: 'ask', request: requestText(method, ask, paramsSpan) }
}

/** A child's request for roots, as it is put to a client on behalf of one that was heard before. */
export function rootsRequest(rawId: string): string {
  return `{"jsonrpc":"2.0","id":${rawId},"method":"roots/list"}`
}

/** The result in a response, as JSON text; undefined for an error. */
export function resultIn(response: string): string | undefined {
  const body = new TextEncoder().encode(response)
  const span = findPath(body, rootOf(body), 'result')
  return span === undefined ? undefined : textAt(body, span)
}

/** The failure of a call whose child asked for nothing but what its client has not declared. */
export function capabilityFailure(missing: Iterable<Capability>): Failure {
  // A part cannot be declared without its whole.
  const required = new Set<Capability>()
  for (const name of missing) {
    if (name.startsWith('sampling.')) required.add('sampling')
    required.add(name)
  }
  return { code: 'CAPABILITY_REQUIRED', requiredCapabilities: declare(required) }
}

/** Keys of a child's params that mean nothing to a modern client; and in their `_meta`, since no progress is told of what a client is asked. */
const LEGACY_PARAM = 'elicitationId'
const isLegacyMeta = (key: string): boolean => key === 'progressToken' || isEnvelopeKey(key)

function requestText(method: string, ask: Uint8Array, params: Span | undefined): string {
  // With params even when they are empty: some SDKs read every entry as if it had them.
  if (!isObjectAt(ask, params)) return JSON.stringify({ method, params: {} })
  const [from, to] = params
  const kept = applyEdit(ask, 'params', { drop: (key) => key === LEGACY_PARAM, meta: { drop: isLegacyMeta } })
  return `{"method":${JSON.stringify(method)},"params":${textAt(kept, [from, to - (ask.length - kept.length)])}}`
}

/** A child's request that waits for a client's retry. */
export interface ParkedAsk {
  readonly key: string
  readonly rawId: string
  readonly method: string
}

/** Key of the nth ask of a call. It is counted from 1 through all rounds, so that no two asks of one call share a key. */
export function askKey(ordinal: number): string {
  return `ask-${ordinal}`
}

/** The text of an `input_required` result. Values of `requests` are JSON texts, and so is `serverInfo`. */
export function inputRequiredResult(requests: ReadonlyMap<string, string>, requestState: string | undefined, serverInfo?: string): string {
  return objectText({
    resultType: '"input_required"',
    inputRequests: requests.size === 0 ? undefined : objectText(requests),
    requestState: requestState === undefined ? undefined : JSON.stringify(requestState),
    _meta: serverInfo === undefined ? undefined : objectText({ [META.serverInfo]: serverInfo }),
  })
}

/** What a retry brings for the asks that wait. */
export interface GivenInput {
  /** Responses for the child, by key: the client's bytes in the child's id. */
  readonly responses: ReadonlyMap<string, string>
  /** Keys of the asks that got no answer, or one that is no answer to their method: they are to be asked again. */
  readonly missing: readonly string[]
}

/** Finds the answers to parked asks in a retry; keys that nobody asked for are ignored. */
export function readInputResponses(retry: Uint8Array, asks: readonly ParkedAsk[]): GivenInput {
  const given = new Map<string, Span>()
  const wanted = new Set(asks.map(({ key }) => key))
  const span = findPath(retry, rootOf(retry), 'params', 'inputResponses')
  if (isObjectAt(retry, span))
    walkObject(retry, span[0], (key, value) => {
      if (wanted.has(key)) given.set(key, value)
    })
  const responses = new Map<string, string>()
  const missing: string[] = []
  for (const { key, rawId, method } of asks) {
    const value = given.get(key)
    if (value !== undefined && isAnswerTo(method, retry, value)) responses.set(key, resultText(rawId, withoutResultType(retry, value)))
    else missing.push(key)
  }
  return { responses, missing }
}

/** The state that a retry brings back; undefined for a request that is none. Input without state belongs to no call, and is ignored. */
export function readRequestState(params: JsonObject): string | undefined {
  const state = Object.hasOwn(params, 'requestState') ? params['requestState'] : undefined
  return typeof state === 'string' ? state : undefined
}

/** Whether a value has the main members of this method's result. The server checks the rest against its own schema. */
function isAnswerTo(method: string, body: Uint8Array, value: Span): boolean {
  if (!isObjectAt(body, value)) return false
  const member = (key: string): Span | undefined => findPath(body, value[0], key)
  const has = (key: string): boolean => member(key) !== undefined && !isNullAt(body, member(key))
  // A wrapped `{method, result}` is what some clients send, and is no answer.
  const isWrapped = has('method') || has('result')
  switch (method) {
    case 'elicitation/create':
      return !isWrapped && ['accept', 'decline', 'cancel'].some((action) => action === scalarAt(body, member('action')))
    case 'sampling/createMessage':
      return !isWrapped && typeof scalarAt(body, member('role')) === 'string' && member('content') !== undefined
    case 'roots/list':
      return !isWrapped && isArrayAt(body, member('roots'))
    default:
      // Of an extension, which nobody here knows.
      return true
  }
}

function withoutResultType(body: Uint8Array, [from, to]: Span): string {
  const kept = splice(body, editObject(body, from, { drop: (key) => key === 'resultType' }))
  return textAt(kept, [from, to - (body.length - kept.length)])
}

/** The response with a result, which is JSON text. */
export function resultText(rawId: string, result: string): string {
  return `{"jsonrpc":"2.0","id":${rawId},"result":${result}}`
}

/** The response to a request that nobody can be asked. Never an empty list: the child would take it for what its client has. */
export function refusalText(rawId: string, method: string): string {
  const error = { code: -32601, message: `The client cannot be asked for ${method} here. Check its capabilities before asking.` }
  return `{"jsonrpc":"2.0","id":${rawId},"error":${JSON.stringify(error)}}`
}
