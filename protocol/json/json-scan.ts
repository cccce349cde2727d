/**
 * Finds what routing needs in the bytes of one JSON-RPC message, by position, without parsing the rest.
 *
 * The scan is linear, allocates nothing per value, and skips strings at the speed of `indexOf`. What it reports is
 * well-formed, but it is not a validator: what it skips may be malformed. Whoever must know that a body is JSON parses it as well.
 */
import { isIdText } from './json-id.ts'
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  MINUS,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  readPlainKey,
  ScanFault,
  skipSpace,
  skipString,
  skipValue,
  type ScanError,
} from './json-skip.ts'
import { MAX_BATCH_MESSAGES, MAX_ROUTED_MEMBERS, MAX_ROUTING_VALUE_BYTES } from '../limits.ts'
import { err, ok, type Result } from '../result.ts'
import { CLIENT_ROOT, type Level, LIKE, noteLookAlike, refuseLookAlikes, ROOT, type Slot } from '../members/routing-keys.ts'

/** Byte offsets `[from, to)` within a body. */
export type Span = readonly [from: number, to: number]

/** A string or number that takes part in routing: where it stands and its JSON text as it was sent. */
export interface RoutingValue {
  readonly span: Span
  readonly raw: string
}

export interface MessageFacts {
  kind: 'request' | 'notification' | 'result' | 'error'
  /** Decoded `method`; empty for answers. */
  method: string
  /** The raw text is `null` in an error that answers no request in particular. */
  id?: RoutingValue
  /** `params._meta.progressToken` of a request. */
  requestToken?: RoutingValue
  /** `params.progressToken` of `notifications/progress`. */
  progressToken?: RoutingValue
  /** `params.progress` of `notifications/progress`. */
  progress?: RoutingValue
  /** `params.requestId` of `notifications/cancelled`. */
  requestId?: RoutingValue
  /** `params.uri`, decoded. Left out when it is too long, unless the method routes by it. */
  uri?: string
  /** `params._meta["io.modelcontextprotocol/subscriptionId"]`. */
  subscriptionId?: RoutingValue
  /** It has a member that a message of its kind does not have, or has `null` where it has none. */
  mayHoldNulls?: true
}

export type { ScanError } from './json-skip.ts'
export { canonicalId } from './json-id.ts'

/** Which messages carry which value; elsewhere the same key is a parameter like any other. */
const CARRIED = {
  requestToken: ({ kind }) => kind === 'request',
  progressToken: ({ method }) => method === 'notifications/progress',
  progress: ({ method }) => method === 'notifications/progress',
  requestId: ({ method }) => method === 'notifications/cancelled',
  subscriptionId: ({ kind }) => kind === 'request' || kind === 'notification',
} as const satisfies Partial<Record<Slot, (facts: MessageFacts) => boolean>>

const ROUTED_BY_URI: ReadonlySet<string> = new Set(['resources/subscribe', 'resources/unsubscribe', 'notifications/resources/updated'])

/** Bytes of a key in its quotes: 42 letters of the longest that routing knows, each spelled as two escapes. */
const MAX_KEY_BYTES = 512

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** How `null` begins. */
const LETTER_N = 0x6e

/**
 * Scans one message. Offsets are relative to `bytes`.
 * Errors: `not_json` (no object, or it does not end where the bytes end), `not_a_message` (not clearly one of request,
 * notification and answer), `duplicate_key` (a routing key twice: peers would read it differently), `value_too_long`.
 */
export function scanMessage(bytes: Uint8Array): Result<MessageFacts, ScanError> {
  const scanned = scan(bytes, ROOT)
  return scanned.ok ? scanned : err(scanned.error.reason)
}

/** Why a client's message is refused, and the key at fault where it is one. */
export interface ClientScanError {
  readonly reason: ScanError
  readonly key?: string
}

/**
 * The same for a message that a client has sent. What a client calls its request decides whose answer is whose, so that
 * two keys a peer could read as one are refused as well: `look_alike_key` for `ID` beside `id`, or instead of it. So are keys in a
 * `_meta` by which the relay speaks itself (`mcp-edge/…`, in any spelling): `relay_key`. And `too_many_members` beyond MAX_ROUTED_MEMBERS.
 */
export function scanClientMessage(bytes: Uint8Array, root = CLIENT_ROOT): Result<MessageFacts, ClientScanError> {
  return scan(bytes, root)
}

function scan(bytes: Uint8Array, root: Level): Result<MessageFacts, ClientScanError> {
  const found = new Map<Slot, Span>()
  try {
    const start = skipSpace(bytes, 0)
    const end = scanObject(bytes, start, root, found)
    if (skipSpace(bytes, end) !== bytes.length) return err({ reason: 'not_json' })
    const classified = classify(bytes, found)
    if (!classified.ok) return err({ reason: classified.error })
    if (found.has(LIKE)) refuseLookAlikes(found.keys(), classified.value.method)
    return classified
  } catch (fault) {
    if (fault instanceof ScanFault) return err({ reason: fault.reason, ...(fault.key === undefined ? {} : { key: fault.key }) })
    throw fault
  }
}

/**
 * The raw id of an answer cut off in the middle, for naming the call whose answer was too long. Undefined when the id is
 * not there whole and once, or when what was kept shows a request: its id is the sender's, and names no call of ours.
 */
export function scanTornId(head: Uint8Array): string | undefined {
  const found = new Map<Slot, Span>()
  try {
    scanObject(head, skipSpace(head, 0), ROOT, found)
  } catch (fault) {
    if (!(fault instanceof ScanFault)) throw fault
    if (fault.reason !== 'not_json') return undefined
  }
  const span = found.get('id')
  // A span that touches the cut may be half a number.
  if (span === undefined || span[1] >= head.length || found.has('method') || found.has('params')) return undefined
  try {
    return readRoutingValue(head, span)?.raw
  } catch (fault) {
    if (fault instanceof ScanFault) return undefined
    throw fault
  }
}

/**
 * The elements of a top-level JSON array (a JSON-RPC batch), or undefined when the bytes are not an array.
 * Errors: `not_json` when the array does not end where the bytes end, `batch_too_long` beyond MAX_BATCH_MESSAGES.
 */
export function scanBatch(bytes: Uint8Array): Result<Span[] | undefined, ScanError> {
  try {
    let at = skipSpace(bytes, 0)
    if (bytes[at] !== OPEN_ARRAY) return ok(undefined)
    const spans: Span[] = []
    at = skipSpace(bytes, at + 1)
    if (bytes[at] === CLOSE_ARRAY) return skipSpace(bytes, at + 1) === bytes.length ? ok(spans) : err('not_json')
    for (;;) {
      // Eight MiB of `0,0,0,…` must not become four million spans.
      if (spans.length === MAX_BATCH_MESSAGES) return err('batch_too_long')
      const end = skipValue(bytes, at)
      spans.push([at, end])
      at = skipSpace(bytes, end)
      if (bytes[at] === CLOSE_ARRAY) break
      if (bytes[at] !== COMMA) return err('not_json')
      at = skipSpace(bytes, at + 1)
    }
    return skipSpace(bytes, at + 1) === bytes.length ? ok(spans) : err('not_json')
  } catch (fault) {
    if (fault instanceof ScanFault) return err(fault.reason)
    throw fault
  }
}

/**
 * The value of a key of the JSON object that starts at `from`, or undefined when there is none or the object is malformed.
 * For the few places that must write into a message and not only over it.
 */
export function findMember(bytes: Uint8Array, from: number, key: string): Span | undefined {
  const found = new Map<Slot, Span>()
  try {
    scanObject(bytes, from, { slots: { [key]: 'result' }, levels: {} }, found)
  } catch (fault) {
    if (!(fault instanceof ScanFault)) throw fault
  }
  return found.get('result')
}

function classify(bytes: Uint8Array, found: Map<Slot, Span>): Result<MessageFacts, ScanError> {
  const kind = kindOf(found)
  const method = found.get('method')
  if (kind === undefined || (method !== undefined && bytes[method[0]] !== QUOTE)) return err('not_a_message')
  const facts: MessageFacts = { kind, method: method === undefined ? '' : readString(bytes, method) }
  const idSpan = found.get('id')
  if (idSpan !== undefined) {
    const id = readRoutingValue(bytes, idSpan) ?? (kind === 'error' ? readNull(bytes, idSpan) : undefined)
    if (id === undefined) return err('not_a_message')
    facts.id = id
  }
  for (const slot of ['requestToken', 'progressToken', 'progress', 'requestId', 'subscriptionId'] as const) {
    const span = found.get(slot)
    const value = span !== undefined && CARRIED[slot](facts) ? readRoutingValue(bytes, span) : undefined
    if (value !== undefined) facts[slot] = value
  }
  const params = found.get('params')
  if ((found.has('result') && found.has('error')) || (params !== undefined && bytes[params[0]] === LETTER_N)) facts.mayHoldNulls = true
  const uri = found.get('uri')
  if (uri !== undefined && bytes[uri[0]] === QUOTE && (ROUTED_BY_URI.has(facts.method) || fits(uri))) facts.uri = readString(bytes, uri)
  return ok(facts)
}

/** Undefined for an answer without an id, and for a method beside a result: peers would take the one or the other. */
function kindOf(found: Map<Slot, Span>): MessageFacts['kind'] | undefined {
  const answer = found.has('result') ? 'result' : found.has('error') ? 'error' : undefined
  if (!found.has('method')) return found.has('id') ? answer : undefined
  if (answer !== undefined) return undefined
  return found.has('id') ? 'request' : 'notification'
}

/** Walks the keys of an object that routing cares about; returns the offset behind it. */
function scanObject(bytes: Uint8Array, start: number, level: Level, found: Map<Slot, Span>): number {
  if (bytes[start] !== OPEN_OBJECT) throw new ScanFault('not_json')
  let at = skipSpace(bytes, start + 1)
  if (bytes[at] === CLOSE_OBJECT) return at + 1
  for (let members = 1; ; members++) {
    if (members > MAX_ROUTED_MEMBERS && level.folded !== undefined) throw new ScanFault('too_many_members')
    if (bytes[at] !== QUOTE) throw new ScanFault('not_json')
    const keyEnd = skipString(bytes, at)
    const key = readKey(bytes, at, keyEnd, level)
    at = skipSpace(bytes, keyEnd)
    if (bytes[at] !== COLON) throw new ScanFault('not_json')
    at = scanMember(bytes, skipSpace(bytes, at + 1), key, level, found)
    at = skipSpace(bytes, at)
    if (bytes[at] === CLOSE_OBJECT) return at + 1
    if (bytes[at] !== COMMA) throw new ScanFault('not_json')
    at = skipSpace(bytes, at + 1)
  }
}

function scanMember(bytes: Uint8Array, at: number, key: string | undefined, level: Level, found: Map<Slot, Span>): number {
  if (key === undefined) return skipValue(bytes, at)
  const below = Object.hasOwn(level.levels, key) ? level.levels[key] : undefined
  const slot = Object.hasOwn(level.slots, key) ? level.slots[key] : below?.name
  if (slot === undefined) noteLookAlike(key, level, found)
  else if (found.has(slot)) throw new ScanFault('duplicate_key', key)
  const enters = below !== undefined && bytes[at] === OPEN_OBJECT
  // Recorded before it is entered, so that a message cut off inside still names what came first.
  if (slot !== undefined && enters) found.set(slot, [at, at])
  const end = enters ? scanObject(bytes, at, below, found) : skipValue(bytes, at)
  if (slot !== undefined) found.set(slot, [at, end])
  return end
}

/** The decoded key, or undefined when it is longer than any spelling of one that routing knows, and need not be looked at for its beginning. */
function readKey(bytes: Uint8Array, from: number, to: number, { isGuarded }: Level): string | undefined {
  if (to - from > MAX_KEY_BYTES) return isGuarded === true ? textOf(decoded(bytes, [from, to])) : undefined
  return readPlainKey(bytes, from, to) ?? readString(bytes, [from, to])
}

/** Undefined for a value that is neither string nor number. */
function readRoutingValue(bytes: Uint8Array, span: Span): RoutingValue | undefined {
  const first = bytes[span[0]] ?? 0
  if (first !== QUOTE && first !== MINUS && !(first >= 0x30 && first <= 0x39)) return undefined
  const raw = readScalar(bytes, span)
  // It is compared, and written into messages of ours: malformed text would break both.
  if (!isIdText(raw)) throw new ScanFault('not_json')
  return { span, raw }
}

function readNull(bytes: Uint8Array, span: Span): RoutingValue | undefined {
  return fits(span) && readScalar(bytes, span) === 'null' ? { span, raw: 'null' } : undefined
}

function fits(span: Span): boolean {
  return span[1] - span[0] <= MAX_ROUTING_VALUE_BYTES
}

function readScalar(bytes: Uint8Array, span: Span): string {
  if (!fits(span)) throw new ScanFault('value_too_long')
  return decoded(bytes, span)
}

function decoded(bytes: Uint8Array, span: Span): string {
  try {
    return utf8.decode(bytes.subarray(span[0], span[1]))
  } catch {
    throw new ScanFault('not_json')
  }
}

function readString(bytes: Uint8Array, span: Span): string {
  return textOf(readScalar(bytes, span))
}

function textOf(raw: string): string {
  try {
    const value: unknown = JSON.parse(raw)
    if (typeof value === 'string') return value
  } catch {
    // Falls through: text that is no JSON string is no key and no method.
  }
  throw new ScanFault('not_json')
}
