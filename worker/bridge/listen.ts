/** subscriptions/listen on a child of the handshake era: which changes are told, to whom, and how each notification is marked (MCP 2026-07-28, basic/patterns/subscriptions). Pure. */
import { err, ok, type Result } from '../../protocol/result.ts'
import type { Replacement } from '../../protocol/splice.ts'
import { MAX_LISTEN_BYTES, MAX_SUBSCRIPTIONS } from '../limits.ts'
import { editBody } from './body-edit.ts'
import { isEnvelopeKey, META, objectIn } from './names.ts'
import type { Failure } from '../../protocol/errors.ts'
import type { JsonObject } from '../../protocol/json/json-object.ts'

export interface SubscriptionFilter {
  readonly toolsListChanged?: true
  readonly promptsListChanged?: true
  readonly resourcesListChanged?: true
  readonly resourceSubscriptions?: readonly string[]
}

/** Each kind of change: the key that asks for it, the capability that offers it, the notification that tells of it. */
const LIST_CHANGES = [
  { key: 'toolsListChanged', capability: 'tools', method: 'notifications/tools/list_changed' },
  { key: 'promptsListChanged', capability: 'prompts', method: 'notifications/prompts/list_changed' },
  { key: 'resourcesListChanged', capability: 'resources', method: 'notifications/resources/list_changed' },
] as const

const RESOURCE_UPDATED = 'notifications/resources/updated'

/** What a listen asks for. Unknown keys are ignored; wrong types and more than MAX_SUBSCRIPTIONS URIs are refused. */
export function readFilter(params: JsonObject): Result<SubscriptionFilter, Failure> {
  const asked = objectIn(params, 'notifications')
  if (asked === undefined) return err({ code: 'PARAMS_INVALID', at: 'notifications', detail: 'missing' })
  const filter: { -readonly [Key in keyof SubscriptionFilter]: SubscriptionFilter[Key] } = {}
  for (const { key } of LIST_CHANGES) {
    const value = asked[key] ?? undefined
    if (value !== undefined && typeof value !== 'boolean')
      return err({ code: 'PARAMS_INVALID', at: `notifications.${key}`, detail: 'not a boolean' })
    if (value === true) filter[key] = true
  }
  const uris = asked['resourceSubscriptions'] ?? undefined
  if (uris === undefined) return ok(filter)
  if (!isTextList(uris)) return err({ code: 'PARAMS_INVALID', at: 'notifications.resourceSubscriptions', detail: 'not a list of URIs' })
  if (uris.length > MAX_SUBSCRIPTIONS)
    return err({ code: 'PARAMS_INVALID', at: 'notifications.resourceSubscriptions', detail: `more than ${MAX_SUBSCRIPTIONS} URIs` })
  if (JSON.stringify(uris).length > MAX_LISTEN_BYTES)
    return err({ code: 'PARAMS_INVALID', at: 'notifications.resourceSubscriptions', detail: 'more than 512 KiB of URIs' })
  return ok({ ...filter, resourceSubscriptions: [...new Set(uris)] })
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string')
}

/** The part of a filter that a server of these capabilities can honour. */
export function honouredFilter(asked: SubscriptionFilter, serverCapabilities: JsonObject): SubscriptionFilter {
  const offers = (capability: string, part: string): boolean => objectIn(serverCapabilities, capability)?.[part] === true
  const honoured: { -readonly [Key in keyof SubscriptionFilter]: SubscriptionFilter[Key] } = {}
  for (const { key, capability } of LIST_CHANGES) if (asked[key] === true && offers(capability, 'listChanged')) honoured[key] = true
  if (asked.resourceSubscriptions !== undefined && offers('resources', 'subscribe'))
    honoured.resourceSubscriptions = asked.resourceSubscriptions
  return honoured
}

/** The first message of a listen. `rawId` is the listen request's id as it was sent. */
export function acknowledgement(rawId: string, honoured: SubscriptionFilter): string {
  const meta = `"_meta":{"${META.subscriptionId}":${rawId}}`
  return `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{${meta},"notifications":${JSON.stringify(honoured)}}}`
}

/** The result that ends a listen in good order. */
export function listenResult(rawId: string): string {
  return `{"resultType":"complete","_meta":{"${META.subscriptionId}":${rawId}}}`
}

/** Whether a notification of the child goes to a listen. `uri` is that of a resource update. */
export function isWanted(filter: SubscriptionFilter, method: string, uri: string | undefined): boolean {
  if (method === RESOURCE_UPDATED) return uri !== undefined && filter.resourceSubscriptions?.some((wanted) => covers(wanted, uri)) === true
  return LIST_CHANGES.some((change) => change.method === method && filter[change.key] === true)
}

/** An update may name a part of what was subscribed to (schema, ResourceUpdatedNotificationParams): `a/b` of `a`, but not `ab`. */
function covers(wanted: string, uri: string): boolean {
  if (wanted === uri) return true
  return uri.startsWith(wanted) && (wanted.endsWith('/') || ['/', '#', '?'].includes(uri.charAt(wanted.length)))
}

/** The filter that asks for changes of every list. */
export const ALL_LIST_CHANGES: SubscriptionFilter = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }

/** The notifications of changed lists that a filter asks for. */
export function changeMethods(filter: SubscriptionFilter): string[] {
  return LIST_CHANGES.filter(({ key }) => filter[key] === true).map(({ method }) => method)
}

/** Marks a child's notification as one of a listen. */
export function subscriptionEdits(notification: Uint8Array, rawId: string): Replacement[] {
  return editBody(notification, 'params', {
    meta: { drop: isEnvelopeKey, set: { [META.subscriptionId]: rawId } },
  })
}

export interface SubscriptionChanges {
  readonly subscribe: readonly string[]
  readonly unsubscribe: readonly string[]
}

/** What a child must be told when the listens on it change from `before` to `after`: a URI is subscribed to once, whoever wants it. */
export function subscriptionChanges(before: Iterable<SubscriptionFilter>, after: Iterable<SubscriptionFilter>): SubscriptionChanges {
  const had = urisOf(before)
  const needs = urisOf(after)
  return { subscribe: [...needs].filter((uri) => !had.has(uri)), unsubscribe: [...had].filter((uri) => !needs.has(uri)) }
}

function urisOf(filters: Iterable<SubscriptionFilter>): Set<string> {
  const uris = new Set<string>()
  for (const { resourceSubscriptions = [] } of filters) for (const uri of resourceSubscriptions) uris.add(uri)
  return uris
}
