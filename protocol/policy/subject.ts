/** What a client's message is about, for a policy: a tool, a prompt, resources, nothing that is bounded, or nobody knows what. Pure. */
import { memberNamed, membersAt, orUndefined, paramsMember } from './json-members.ts'
import { isObject } from '../json/json-object.ts'

export type Subject =
  | { readonly kind: 'tool'; readonly name: string }
  | { readonly kind: 'prompt'; readonly name: string }
  | { readonly kind: 'resources'; readonly uris: readonly string[] }
  /** Bounded by nothing but who may come at all. */
  | { readonly kind: 'free' }
  /** Not known here, or not in the form that it must have: only who is bounded by nothing may say it. */
  | { readonly kind: 'unknown' }

type Params = Readonly<Record<string, unknown>>

const FREE: Subject = { kind: 'free' }
const UNKNOWN: Subject = { kind: 'unknown' }

/** Requests and notifications that reach nothing of the server's but what is listed, and lists are cut. */
const FREE_METHODS: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  'logging/setLevel',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  // What they name was begun by a call of a tool, which was judged; whose it is the relay knows.
  'tasks/get',
  'tasks/result',
  'tasks/list',
  'tasks/cancel',
  'tasks/update',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
])

const RESOURCE_METHODS: ReadonlySet<string> = new Set([
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'resources/directory/read',
])

/**
 * The subject of a request or notification. Its params must have been searched for keys that stand twice, or look alike; what stands deeper
 * is searched here, in the message as it was sent.
 */
export function subjectOf(method: string, params: Params, message: Uint8Array): Subject {
  if (FREE_METHODS.has(method)) return FREE
  if (method === 'tools/call') return named('tool', params['name'])
  if (method === 'prompts/get') return named('prompt', params['name'])
  if (RESOURCE_METHODS.has(method)) return resources([params['uri']])
  if (method === 'completion/complete') return hasOneReading(message, 'ref', REF_KEYS) ? completed(params['ref']) : UNKNOWN
  if (method === 'subscriptions/listen')
    return hasOneReading(message, 'notifications', LISTEN_KEYS) ? listened(params['notifications']) : UNKNOWN
  return UNKNOWN
}

const REF_KEYS = ['type', 'name', 'uri']
const LISTEN_KEYS = ['resourceSubscriptions']

/** Whether all readers find the same in an object of the params: none of these keys stands there twice, or beside one that looks like it. */
function hasOneReading(message: Uint8Array, name: string, keys: readonly string[]): boolean {
  const found = orUndefined(() => {
    const object = paramsMember(message, name)
    const members = object === undefined ? [] : membersAt(message, object[0])
    return keys.map((key) => memberNamed(members, key))
  })
  return found !== undefined
}

function named(kind: 'tool' | 'prompt', name: unknown): Subject {
  return typeof name === 'string' ? { kind, name } : UNKNOWN
}

function resources(uris: readonly unknown[]): Subject {
  const texts = uris.filter((uri) => typeof uri === 'string')
  return texts.length === uris.length ? { kind: 'resources', uris: texts } : UNKNOWN
}

/** What the text that is completed belongs to (MCP, completion/complete). */
function completed(ref: unknown): Subject {
  if (!isObject(ref)) return UNKNOWN
  if (ref['type'] === 'ref/prompt') return named('prompt', ref['name'])
  return ref['type'] === 'ref/resource' ? resources([ref['uri']]) : UNKNOWN
}

/** Which resources a listen wants to hear of (MCP 2026-07-28, subscriptions/listen). */
function listened(asked: unknown): Subject {
  if (!isObject(asked)) return UNKNOWN
  const uris = asked['resourceSubscriptions'] ?? []
  return Array.isArray(uris) ? resources(uris) : UNKNOWN
}
