/** What becomes of a modern client's methods, requests, results and errors when its server is of the handshake era. Pure. */
import { type Replacement, replacement, splice } from '../../protocol/splice.ts'
import { applyEdit, editBody } from './body-edit.ts'
import { boundedValueAt } from './json/bounded-value.ts'
import { editObject, findPath, isObjectAt, rootOf, scalarAt, textAt, valueAt, valueStart } from './json-view.ts'
import { readElements } from '../../protocol/json/array-elements.ts'
import { isEnvelopeKey, META } from './names.ts'
import { ERRORS } from '../../protocol/error-table.ts'
import { isObject } from '../../protocol/json/json-object.ts'

/** `forward`: to the child. `discover`, `listen`: the relay answers by itself. `unknown`: 404 and -32601. */
export type ModernVerdict = 'forward' | 'discover' | 'listen' | 'unknown'

interface Row {
  readonly verdict: ModernVerdict
  /** Its result must say how long it may be cached (SEP-2549). */
  readonly cacheable?: true
  /** It may be answered with `input_required` (SEP-2322). */
  readonly mayAsk?: true
}

const METHODS: ReadonlyMap<string, Row> = new Map<string, Row>([
  ['server/discover', { verdict: 'discover', cacheable: true }],
  ['subscriptions/listen', { verdict: 'listen' }],

  ['tools/list', { verdict: 'forward', cacheable: true }],
  ['tools/call', { verdict: 'forward', mayAsk: true }],
  ['prompts/list', { verdict: 'forward', cacheable: true }],
  ['prompts/get', { verdict: 'forward', mayAsk: true }],
  ['resources/list', { verdict: 'forward', cacheable: true }],
  ['resources/templates/list', { verdict: 'forward', cacheable: true }],
  ['resources/read', { verdict: 'forward', cacheable: true, mayAsk: true }],
  ['completion/complete', { verdict: 'forward' }],
  // Of the Skills extension (SEP-2640), whose clients refuse a page that does not say it.
  ['skills/list', { verdict: 'forward', cacheable: true }],
  ['skills/get', { verdict: 'forward', cacheable: true }],
  ['resources/directory/read', { verdict: 'forward', cacheable: true }],

  // Removed from the protocol.
  ['initialize', { verdict: 'unknown' }],
  ['ping', { verdict: 'unknown' }],
  ['logging/setLevel', { verdict: 'unknown' }],
  ['resources/subscribe', { verdict: 'unknown' }],
  ['resources/unsubscribe', { verdict: 'unknown' }],

  // Tasks of the two eras share names and differ in shape.
  ['tasks/get', { verdict: 'unknown' }],
  ['tasks/update', { verdict: 'unknown' }],
  ['tasks/cancel', { verdict: 'unknown' }],
  ['tasks/list', { verdict: 'unknown' }],
  ['tasks/result', { verdict: 'unknown' }],
])

/** Methods of extensions go to the child: it knows them, or says -32601. */
const EXTENSION: Row = { verdict: 'forward' }

export function modernVerdict(method: string): ModernVerdict {
  return (METHODS.get(method) ?? EXTENSION).verdict
}

/** Whether a call of this method may be answered with `input_required`. */
export function mayAsk(method: string): boolean {
  return METHODS.get(method)?.mayAsk === true
}

/** Whether results of this method must carry ttlMs and cacheScope. */
export function isCacheable(method: string): boolean {
  return METHODS.get(method)?.cacheable === true
}

/** Whether a key of the params of a method is read by one era only: input and state of a call that may ask, and `task` of a call of a tool. */
export function isEraParam(method: string, key: string): boolean {
  if (key === 'task') return method === 'tools/call'
  return (key === 'inputResponses' || key === 'requestState') && mayAsk(method)
}

/** A modern request as its legacy child gets it. Id and progress token stay; their spans must be looked up anew. */
export function toLegacyRequest(body: Uint8Array, method: string): Uint8Array {
  return applyEdit(body, 'params', { drop: (key) => isEraParam(method, key), meta: { drop: isEnvelopeKey } })
}

/** What the relay adds to a child's result: `serverInfo` is the JSON text from the child's initialize result. */
export interface ResultFacts {
  readonly method: string
  readonly serverInfo?: string
  /** Its client knows extensions: where the result names a kind that is none of the protocol's, it stays. */
  readonly isExtended?: boolean
  /** Further members of the result's `_meta`, as JSON texts by key: two edits of one object cannot be spliced together. */
  readonly marks?: Readonly<Record<string, string>>
}

/**
 * What makes a child's answer a modern result. `answer` may be only the first part of it, as long as the part reaches into
 * the result; then serverInfo and marks are left out unless `_meta` is in that part, and only what the part holds whole is edited.
 */
export function modernResultEdits(answer: Uint8Array, { method, serverInfo, isExtended = false, marks }: ResultFacts): Replacement[] {
  const root = rootOf(answer)
  const open = valueStart(answer, root, 'result')
  if (open === undefined) return []
  const hints = isCacheable(method) ? { ttlMs: '0', cacheScope: '"private"' } : {}
  const isMetaInReach = findPath(answer, root, 'result') !== undefined || findPath(answer, open, '_meta') !== undefined
  const members = { ...marks, ...(serverInfo === undefined ? {} : { [META.serverInfo]: serverInfo }) }
  const edit = {
    set: { ...(isExtended && hasOwnKind(answer, open) ? {} : { resultType: '"complete"' }), ...hints },
    meta: {
      drop: isEnvelopeKey,
      ...(isMetaInReach && Object.keys(members).length > 0 ? { set: members } : {}),
    },
  }
  return [...editBody(answer, 'result', edit), ...(method === 'tools/list' ? executionEdits(answer, open) : [])]
}

/** Takes off a child's notification of an extension what means something in its own era only. */
export function modernNotificationEdits(notification: Uint8Array): Replacement[] {
  return editBody(notification, 'params', { meta: { drop: isEnvelopeKey } })
}

/** Kinds of results that a server of the handshake era cannot mean. */
const MODERN_KINDS: readonly unknown[] = ['complete', 'input_required', 'task']

function hasOwnKind(answer: Uint8Array, resultOpen: number): boolean {
  const kind = scalarAt(answer, findPath(answer, resultOpen, 'resultType'))
  return typeof kind === 'string' && !MODERN_KINDS.includes(kind)
}

/**
 * A whole answer to tools/list without the tools that can be called only as a task of 2025-11-25 (tasks, tool-level negotiation): a modern client has
 * no such tasks, and what it cannot call it is not shown. The same bytes where there are none.
 */
export function withoutTaskTools(answer: Uint8Array): Uint8Array {
  const tools = findPath(answer, rootOf(answer), 'result', 'tools')
  if (tools === undefined) return answer
  const all = readElements(answer, tools[0]).elements
  const callable = all.filter((tool) => !isObjectAt(answer, tool) || !mustRunAsTask(answer, tool[0]))
  if (callable.length === all.length) return answer
  return splice(answer, [replacement(tools, `[${callable.map((tool) => textAt(answer, tool)).join(',')}]`)])
}

function mustRunAsTask(answer: Uint8Array, toolOpen: number): boolean {
  const execution = findPath(answer, toolOpen, 'execution')
  return isObjectAt(answer, execution) && scalarAt(answer, findPath(answer, execution[0], 'taskSupport')) === 'required'
}

/** How a tool wants to be run as a task of 2025-11-25 says nothing to a modern client. */
function executionEdits(answer: Uint8Array, resultOpen: number): Replacement[] {
  const tools = valueStart(answer, resultOpen, 'tools')
  if (tools === undefined) return []
  return readElements(answer, tools)
    .elements.filter((tool) => isObjectAt(answer, tool))
    .flatMap(([open]) => editObject(answer, open, { drop: (key) => key === 'execution' }))
}

/** Codes that mean something else, or have another status, in the modern era; all others are HTTP 200 as they are. */
const ERROR_CODES: ReadonlyMap<number, { readonly code?: number; readonly http?: number }> = new Map([
  // Resource not found (SEP-2164).
  [-32002, { code: -32602 }],
  [-32601, { http: 404 }],
])

/** URL elicitation required (2025-11-25): becomes `input_required`. */
const URL_ELICITATION_REQUIRED = -32042

export type ModernError =
  | { readonly kind: 'error'; readonly http: number; readonly body: Uint8Array }
  /** Requests for `inputRequests`; the retry is the call again. */
  | { readonly kind: 'elicitations'; readonly requests: readonly string[] }

/** A child's error answer as the modern client gets it. */
export function toModernError(answer: Uint8Array): ModernError {
  const span = findPath(answer, rootOf(answer), 'error', 'code')
  const code = valueAt(answer, span)
  if (span === undefined || typeof code !== 'number') return { kind: 'error', http: 200, body: answer }
  if (code === URL_ELICITATION_REQUIRED) {
    const requests = readElicitations(answer)
    if (requests.length > 0) return { kind: 'elicitations', requests }
    // There is nothing to ask for, and revision 2026-07-28 does not know the code.
    return { kind: 'error', http: 200, body: splice(answer, [replacement(span, String(ERRORS.CHILD_REFUSED.rpc))]) }
  }
  const row = ERROR_CODES.get(code)
  const body = row?.code === undefined ? answer : splice(answer, [replacement(span, String(row.code))])
  return { kind: 'error', http: row?.http ?? 200, body }
}

function readElicitations(answer: Uint8Array): string[] {
  const list = findPath(answer, rootOf(answer), 'error', 'data', 'elicitations')
  const elicitations = boundedValueAt(answer, list)
  if (!Array.isArray(elicitations)) return []
  return elicitations.flatMap((entry: unknown) => {
    if (!isObject(entry) || typeof entry['message'] !== 'string' || typeof entry['url'] !== 'string') return []
    // Only the handshake era gives one a name.
    const { elicitationId: _, ...params } = entry
    return [JSON.stringify({ method: 'elicitation/create', params: { ...params, mode: 'url' } })]
  })
}
