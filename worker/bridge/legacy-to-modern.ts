/** What becomes of a legacy client's methods, requests, results, errors and notifications when its server is modern. Pure. */
import { type Replacement, replacement, splice } from '../../protocol/splice.ts'
import { applyEdit, editBody } from './body-edit.ts'
import { findPath, isArrayAt, isObjectAt, rootOf, valueAt } from './json-view.ts'
import { isCacheable, isEraParam } from './modern-to-legacy.ts'
import { isCoreNotification, isEnvelopeKey, META } from './names.ts'
import { objectText } from './object-text.ts'
import { outputSchemaEdits, structuredContentEdits } from './output-schema.ts'
import { ERRORS } from '../../protocol/error-table.ts'

/**
 * `forward`: to the child, with an envelope. `discover`: answered from server/discover. `empty`: the relay answers `{}`.
 * `level` and `subscriptions`: the same, after it has noted the session's log level, or changed its listen.
 */
export type LegacyVerdict = 'forward' | 'discover' | 'empty' | 'level' | 'subscriptions' | 'unknown'

const METHODS: ReadonlyMap<string, LegacyVerdict> = new Map<string, LegacyVerdict>([
  ['initialize', 'discover'],
  ['ping', 'empty'],
  ['logging/setLevel', 'level'],
  ['resources/subscribe', 'subscriptions'],
  ['resources/unsubscribe', 'subscriptions'],

  // Tasks of the two eras share names and differ in shape, and a listen of a legacy client would answer to nobody.
  ['tasks/get', 'unknown'],
  ['tasks/result', 'unknown'],
  ['tasks/list', 'unknown'],
  ['tasks/cancel', 'unknown'],
  ['tasks/update', 'unknown'],
  ['subscriptions/listen', 'unknown'],
  ['server/discover', 'unknown'],
])

/** All else goes to the child: lists, reads, calls, completions, and methods of extensions. */
export function legacyVerdict(method: string): LegacyVerdict {
  return METHODS.get(method) ?? 'forward'
}

/** What becomes of a legacy client's notification: of the protocol's own the modern era knows cancellation only; those of extensions go to the child. */
export function legacyNotificationVerdict(method: string): 'cancel' | 'forward' | 'drop' {
  if (method === 'notifications/cancelled') return 'cancel'
  return isCoreNotification(method) ? 'drop' : 'forward'
}

/**
 * A legacy request as its modern child gets it. `envelope` are the `_meta` members of the session, as JSON texts by key.
 * Id and progress token stay; their spans must be looked up anew.
 */
export function toModernRequest(body: Uint8Array, method: string, envelope: Readonly<Record<string, string>>): Uint8Array {
  return applyEdit(body, 'params', { drop: (key) => isEraParam(method, key), meta: { drop: isEnvelopeKey, set: envelope } })
}

/** A request to a modern child that no client has sent. `params` and `envelope` are JSON texts by key. */
export function modernRequest(
  rawId: string,
  method: string,
  envelope: Readonly<Record<string, string>>,
  params: Readonly<Record<string, string>> = {},
): string {
  const members = objectText({ ...params, _meta: objectText(envelope) })
  return `{"jsonrpc":"2.0","id":${rawId},"method":${JSON.stringify(method)},"params":${members}}`
}

/** What kind of result a modern child has given. `other` are kinds that no legacy revision knows: tasks, which it cannot carry, and those of extensions. */
export type ResultKind = 'complete' | 'input_required' | 'other'

/** A missing resultType means complete (basic/index, results). */
export function resultKind(answer: Uint8Array): ResultKind {
  const span = findPath(answer, rootOf(answer), 'result', 'resultType')
  const kind = isObjectAt(answer, span) || isArrayAt(answer, span) ? 'other' : valueAt(answer, span)
  if (kind === undefined || kind === 'complete') return 'complete'
  return kind === 'input_required' ? 'input_required' : 'other'
}

export interface LegacyResultFacts {
  readonly method: string
  /** Of tools/call: the tool's listed schema was wrapped (`isWrappedSchema`). */
  readonly isSchemaWrapped?: boolean
  /** Its kind is one of an extension that its client knows, by which it is read. */
  readonly keepsType?: boolean
  /** Further members of the result's `_meta`, as JSON texts by key. */
  readonly marks?: Readonly<Record<string, string>>
}

/** What makes a modern child's answer a legacy one. The answer must be whole. */
export function legacyResultEdits(
  answer: Uint8Array,
  { method, isSchemaWrapped = false, keepsType = false, marks }: LegacyResultFacts,
): Replacement[] {
  const result = findPath(answer, rootOf(answer), 'result')
  if (!isObjectAt(answer, result)) return []
  const hints = [...(keepsType ? [] : ['resultType']), ...(isCacheable(method) ? ['ttlMs', 'cacheScope'] : [])]
  const meta = { drop: isEnvelopeKey, ...(marks === undefined ? {} : { set: marks }) }
  const edits = editBody(answer, 'result', { drop: (key) => hints.includes(key), meta })
  if (method === 'tools/list') edits.push(...outputSchemaEdits(answer, result[0]))
  if (method === 'tools/call') edits.push(...structuredContentEdits(answer, result[0], isSchemaWrapped))
  return edits
}

/** Errors of how the relay has called the child, which a legacy client cannot mend. */
const RELAY_FAULTS: readonly unknown[] = [ERRORS.HEADER_MISMATCH.rpc, ERRORS.CAPABILITY_REQUIRED.rpc, ERRORS.UNSUPPORTED_VERSION.rpc]

/** A modern child's error answer as a legacy client knows it. */
export function toLegacyError(answer: Uint8Array, method: string): Uint8Array {
  const root = rootOf(answer)
  const span = findPath(answer, root, 'error', 'code')
  if (span === undefined) return answer
  const code = valueAt(answer, span)
  if (RELAY_FAULTS.includes(code)) return splice(answer, [replacement(span, String(ERRORS.CHILD_REFUSED.rpc))])
  // Only a resource that was not found names itself (server/resources, error handling); other bad params stay what they are.
  const isNotFound =
    code === -32602 && method === 'resources/read' && typeof valueAt(answer, findPath(answer, root, 'error', 'data', 'uri')) === 'string'
  return isNotFound ? splice(answer, [replacement(span, '-32002')]) : answer
}

/** Notifications of a modern child that speak of the listen itself, or of tasks. */
const MODERN_NOTIFICATIONS: readonly string[] = [
  'notifications/subscriptions/acknowledged',
  'notifications/tasks',
  'notifications/cancelled',
]

/** What becomes of a modern child's notification on its way to a legacy client. */
export function childNotificationVerdict(method: string): 'forward' | 'drop' {
  return MODERN_NOTIFICATIONS.includes(method) ? 'drop' : 'forward'
}

/** Takes off a notification what marks it as one of the relay's own listen. */
export function legacyNotificationEdits(notification: Uint8Array): Replacement[] {
  return editBody(notification, 'params', { meta: { drop: (key) => key === META.subscriptionId } })
}
