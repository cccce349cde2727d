/** Names of MCP 2026-07-28 that both directions of the bridge use, and checks of plain JSON values. Pure. */
import { isObject, type JsonObject } from '../../protocol/json/json-object.ts'

/** The only modern revision that the relay speaks. */
export const MODERN_REVISION = '2026-07-28'
export const MODERN_REVISIONS: readonly string[] = [MODERN_REVISION]

/** What the relay initialises a legacy child with. */
export const CHILD_REVISION = '2025-11-25'

/** Of keys in a `_meta` that belong to the protocol or to an official extension (basic/index, `_meta`). */
const META_PREFIX = 'io.modelcontextprotocol/'

export const META = {
  protocolVersion: `${META_PREFIX}protocolVersion`,
  clientCapabilities: `${META_PREFIX}clientCapabilities`,
  clientInfo: `${META_PREFIX}clientInfo`,
  logLevel: `${META_PREFIX}logLevel`,
  serverInfo: `${META_PREFIX}serverInfo`,
  subscriptionId: `${META_PREFIX}subscriptionId`,
} as const

/** What an era says of the exchange itself. Keys of extensions are their own affair, whatever their prefix, and are carried. */
const ENVELOPE_KEYS: ReadonlySet<string> = new Set([...Object.values(META), `${META_PREFIX}related-task`])

/** Whether a `_meta` key means something in its own era only, so that the bridge takes it out. */
export function isEnvelopeKey(key: string): boolean {
  return ENVELOPE_KEYS.has(key)
}

/** What clients tell servers in the handshake era, and what of it means nothing to a server that knows no sessions. */
const CORE_NOTIFICATIONS: ReadonlySet<string> = new Set([
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
])

/** Whether a client's notification is one of the protocol's own; any other is of an extension, or of nobody that the relay knows. */
export function isCoreNotification(method: string): boolean {
  return CORE_NOTIFICATIONS.has(method)
}

/** What clients of either era ask for. */
const CORE_REQUESTS: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  'subscriptions/listen',
  'logging/setLevel',
  'completion/complete',
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'resources/directory/read',
  'tasks/get',
  'tasks/result',
  'tasks/list',
  'tasks/cancel',
  'tasks/update',
])

/** Whether a method is that of one of the protocol's requests: a message with it and without an id is none that a server should act on. */
export function isCoreRequest(method: string): boolean {
  return CORE_REQUESTS.has(method)
}

/** What servers tell clients in the handshake era. Each of these has a way of its own to a client that knows no sessions, or none. */
const CORE_SERVER_NOTIFICATIONS: ReadonlySet<string> = new Set([
  'notifications/cancelled',
  'notifications/progress',
  'notifications/message',
  'notifications/resources/updated',
  'notifications/elicitation/complete',
  'notifications/tasks/status',
])

/** Whether a server's notification is of an extension, or of nobody that the relay knows: it means something to whose call it belongs to. */
export function isExtensionNotification(method: string): boolean {
  return !CORE_SERVER_NOTIFICATIONS.has(method) && !method.endsWith('/list_changed')
}

/** The Tasks extension (SEP-2663): passed through within an era, stripped between eras. */
export const TASKS_EXTENSION = `${META_PREFIX}tasks`

/** Least severe first (RFC 5424, as MCP logging has it). */
const LOG_LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const
export type LoggingLevel = (typeof LOG_LEVELS)[number]

export function isLoggingLevel(value: unknown): value is LoggingLevel {
  return LOG_LEVELS.some((level) => level === value)
}

/** Rank of a level, the most verbose first; a text that is none ranks last. */
export function verbosity(level: string): number {
  const rank = LOG_LEVELS.findIndex((known) => known === level)
  return rank === -1 ? LOG_LEVELS.length : rank
}

/** Whether a log message of this level goes to a client that asked for `threshold`; one that asked for none gets none (basic/index, logLevel). */
export function passesLogLevel(level: LoggingLevel, threshold: LoggingLevel | undefined): boolean {
  return threshold !== undefined && LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold)
}

/** Whether a revision names the era without handshake. Revisions are dates, so their order is that of their texts. */
export function isModernRevision(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && text >= MODERN_REVISION
}

/** Whether an object has a member of its own that says something: an optional member that is null counts as absent. */
export function hasMember(object: JsonObject, key: string): boolean {
  return Object.hasOwn(object, key) && object[key] !== null
}

/** An object's members without those that are null. */
export function presentMembers(object: JsonObject): JsonObject {
  return Object.values(object).includes(null) ? Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null)) : object
}

/** An own property that is an object; prototypes never answer for a peer. */
export function objectIn(value: unknown, key: string): JsonObject | undefined {
  if (!isObject(value) || !Object.hasOwn(value, key)) return undefined
  const inner = value[key]
  return isObject(inner) ? inner : undefined
}
