/** Which keys of a message routing reads, level by level, and which other keys a lax JSON reader would take for one of them. */
import { ScanFault } from '../json/json-skip.ts'

/** What the scan notes of a message: a routing value, or that a key like one was seen. */
export type Slot =
  | 'jsonrpc'
  | 'params'
  | 'meta'
  | 'id'
  | 'method'
  | 'result'
  | 'error'
  | 'requestToken'
  | 'progressToken'
  | 'progress'
  | 'requestId'
  | 'uri'
  | 'subscriptionId'
  | `own ${string}`
  | `like ${string}`

export interface Level {
  readonly name?: Slot
  readonly slots: Readonly<Record<string, Slot>>
  readonly levels: Readonly<Record<string, Level>>
  /** Keys that must not be imitated here, by their folded form; undefined where imitations do no harm. */
  readonly folded?: ReadonlyMap<string, string>
  /** Whether keys of the relay's own are refused here: what a server reads under one must be the relay's word. */
  readonly isGuarded?: true
}

/** How all keys begin by which the relay speaks to servers in a `_meta`, folded. */
const RELAY_KEYS = 'mcpedge/'

// oxlint-disable-next-line no-control-regex -- ASCII begins with the control characters
const ASCII = /^[\0-\x7f]*$/
const SEPARATOR = /[_-]/
const SEPARATORS = /[_-]/g
/** Where text ends for readers in C. */
const NUL = '\0'
/** What readers that fold by other rules drop or confuse: the dot that lower-casing `İ` leaves, and letters that show nothing. */
const UNSEEN = /[\u0307\p{Default_Ignorable_Code_Point}]/gu

/**
 * One form for all keys that some JSON reader holds equal: those that fold case do (Go's encoding/json, readers of .NET
 * and Java by option), by full Unicode folding, so that `ſ` is `s`, the Kelvin sign is `k`, and `ı` and `İ` are `i`; and
 * those that bring letters to one form first (NFKC), so that `ＩＤ` is `id`; those that know a field by its name in their
 * own language too (`request_id` in the official Python SDK); and those in C that end a key at its first NUL.
 */
export function foldKey(whole: string): string {
  const end = whole.indexOf(NUL)
  const key = end === -1 ? whole : whole.slice(0, end)
  if (ASCII.test(key)) return joined(key.toLowerCase())
  // Upper case first: it is what makes `ſ` and `ı` plain letters.
  return joined(key.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC').replaceAll(UNSEEN, ''))
}

function joined(key: string): string {
  return SEPARATOR.test(key) ? key.replaceAll(SEPARATORS, '') : key
}

const META: Level = {
  name: 'meta',
  slots: { progressToken: 'requestToken', 'io.modelcontextprotocol/subscriptionId': 'subscriptionId' },
  levels: {},
}
const PARAMS: Level = {
  name: 'params',
  slots: { progressToken: 'progressToken', progress: 'progress', requestId: 'requestId', uri: 'uri' },
  levels: { _meta: META },
}
/** Of any message. */
export const ROOT: Level = {
  slots: { jsonrpc: 'jsonrpc', id: 'id', method: 'method', result: 'result', error: 'error' },
  levels: { params: PARAMS },
}

const MCP_METHOD = /^(?:initialize$|ping$|(?:tools|prompts|resources|completion|logging|tasks|notifications|server|subscriptions)\/)/

/** By which parameters a call is routed, checked or bound, and for which methods; elsewhere the same key is one like any other. */
const PARAMS_OF: ReadonlyMap<string, (method: string) => boolean> = new Map([
  ['_meta', (method) => MCP_METHOD.test(method)],
  ['requestId', (method) => method === 'notifications/cancelled'],
  ['progressToken', (method) => method === 'notifications/progress'],
  ['progress', (method) => method === 'notifications/progress'],
  ['uri', (method) => method.startsWith('resources/')],
  ['name', (method) => method === 'tools/call' || method === 'prompts/get'],
  ['taskId', (method) => method.startsWith('tasks/')],
])

const ENVELOPE = ['protocolVersion', 'clientCapabilities', 'clientInfo', 'logLevel'].map((name) => `io.modelcontextprotocol/${name}`)

const RELAYED_META = guarded({
  ...META,
  slots: { ...META.slots, ...Object.fromEntries(ENVELOPE.map((key) => [key, `own ${key}`] as const)) },
})
const RELAYED_PARAMS = guarded({
  ...PARAMS,
  slots: { ...PARAMS.slots, name: 'own name', taskId: 'own taskId' },
  levels: { _meta: RELAYED_META },
})
const CLIENT_PARAMS: Level = { ...RELAYED_PARAMS, levels: { _meta: { ...RELAYED_META, isGuarded: true } } }

/** Of a client's answer only the relay's own keys matter. */
const CLIENT_RESULT: Level = { slots: {}, levels: { _meta: { slots: {}, levels: {}, isGuarded: true } } }

/**
 * Of a client's message: keys that stand twice are refused for all that the Worker reads, and so is what looks like them; and
 * in `_meta` what looks like a key of the relay.
 */
export const CLIENT_ROOT: Level = guarded({ ...ROOT, levels: { params: CLIENT_PARAMS, result: CLIENT_RESULT } })

/** The same on its way to a server, where the relay's own keys may have been added. */
export const RELAYED_ROOT: Level = guarded({ ...ROOT, levels: { params: RELAYED_PARAMS } })

function guarded(level: Level): Level {
  const keys = [...Object.keys(level.slots), ...Object.keys(level.levels)]
  return { ...level, folded: new Map(keys.map((key) => [foldKey(key), key])) }
}

/** So much of a key is told to whoever sent it. */
const SHOWN_KEY_CHARS = 64

/** The slot that says that a parameter like one of ours was seen; each of them has one of its own behind it. */
export const LIKE: Slot = 'like '

/**
 * Refuses a key that stands for none of ours and looks like one. Whether a parameter matters depends on the method, which
 * may come later in the message: those are only noted. Most keys are like none, and that costs one look-up.
 */
export function noteLookAlike(key: string, { name, folded, isGuarded }: Level, found: Map<Slot, readonly [number, number]>): void {
  if (folded === undefined && isGuarded === undefined) return
  const form = foldKey(key)
  if (isGuarded === true && form.startsWith(RELAY_KEYS)) throw new ScanFault('relay_key', key.slice(0, SHOWN_KEY_CHARS))
  const real = folded?.get(form)
  if (real === undefined) return
  // `meta` is a word that methods of others may use.
  if (name !== 'params' || (real === '_meta' && key.normalize('NFKC').includes('_'))) throw new ScanFault('look_alike_key', key)
  found.set(LIKE, NOWHERE).set(`like ${key}`, NOWHERE)
}

const NOWHERE = [0, 0] as const

/** The same for parameters that were noted, once the method is known. */
export function refuseLookAlikes(slots: Iterable<Slot>, method: string): void {
  for (const slot of slots) {
    const key = slot.startsWith(LIKE) ? slot.slice(LIKE.length) : ''
    const real = key === '' ? undefined : CLIENT_PARAMS.folded?.get(foldKey(key))
    if (real !== undefined && PARAMS_OF.get(real)?.(method) === true) throw new ScanFault('look_alike_key', key)
  }
}
