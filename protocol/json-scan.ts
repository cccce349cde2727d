/**
 * Finds what routing needs in the bytes of one JSON-RPC message, by position, without parsing the rest.
 *
 * The scan is linear, allocates nothing per value, and skips strings at the speed of `indexOf`. It is not a
 * validator: what it skips may be malformed. Whoever must know that a body is JSON parses it as well.
 */
import { MAX_ROUTING_VALUE_BYTES } from './limits.ts'
import { err, ok, type Result } from './result.ts'

/** Byte offsets `[from, to)` within a body. */
export type Span = readonly [from: number, to: number]

/** A scalar that takes part in routing: where it stands and its JSON text as it was sent. */
export interface RoutingValue {
  readonly span: Span
  readonly raw: string
}

export interface MessageFacts {
  kind: 'request' | 'notification' | 'result' | 'error'
  /** Decoded `method`; empty for answers. */
  method: string
  id?: RoutingValue
  /** `params._meta.progressToken` of a request. */
  requestToken?: RoutingValue
  /** `params.progressToken` of `notifications/progress`. */
  progressToken?: RoutingValue
  /** `params.progress` of `notifications/progress`. */
  progress?: RoutingValue
  /** `params.requestId` of `notifications/cancelled`. */
  requestId?: RoutingValue
  /** `params.uri`, decoded. */
  uri?: string
  /** `params._meta["io.modelcontextprotocol/subscriptionId"]`. */
  subscriptionId?: RoutingValue
}

export type ScanError = 'not_json' | 'not_a_message' | 'duplicate_key' | 'value_too_long'

type Slot = 'jsonrpc' | 'params' | 'meta' | 'id' | 'method' | 'result' | 'error' | 'requestToken' | 'progressToken' | 'progress' | 'requestId' | 'uri' | 'subscriptionId'
interface Level {
  readonly name?: Slot
  readonly slots: Readonly<Record<string, Slot>>
  readonly levels: Readonly<Record<string, Level>>
}

const META: Level = { name: 'meta', slots: { progressToken: 'requestToken', 'io.modelcontextprotocol/subscriptionId': 'subscriptionId' }, levels: {} }
const PARAMS: Level = { name: 'params', slots: { progressToken: 'progressToken', progress: 'progress', requestId: 'requestId', uri: 'uri' }, levels: { _meta: META } }
const ROOT: Level = { slots: { jsonrpc: 'jsonrpc', id: 'id', method: 'method', result: 'result', error: 'error' }, levels: { params: PARAMS } }

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

/** Thrown inside this module only; every exported function turns it into a value. */
class ScanFault extends Error {
  readonly reason: ScanError
  constructor(reason: ScanError) {
    super(reason)
    this.reason = reason
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Scans one message. Offsets are relative to `bytes`.
 * Errors: `not_json` (no object, or it does not end where the bytes end), `not_a_message` (neither a request, a
 * notification nor an answer), `duplicate_key` (a routing key twice: peers would read it differently), `value_too_long`.
 */
export function scanMessage(bytes: Uint8Array): Result<MessageFacts, ScanError> {
  const found = new Map<Slot, Span>()
  try {
    const start = skipSpace(bytes, 0)
    const end = scanObject(bytes, start, ROOT, found)
    if (skipSpace(bytes, end) !== bytes.length) return err('not_json')
    return classify(bytes, found)
  } catch (fault) {
    if (fault instanceof ScanFault) return err(fault.reason)
    throw fault
  }
}

/** What a scan of a message cut off in the middle has seen of its id: for naming the call whose answer was too long. */
export function scanTornId(head: Uint8Array): string | undefined {
  const found = new Map<Slot, Span>()
  try {
    scanObject(head, skipSpace(head, 0), ROOT, found)
  } catch (fault) {
    if (!(fault instanceof ScanFault)) throw fault
  }
  const span = found.get('id')
  // A span that touches the cut may be half a number.
  return span !== undefined && span[1] < head.length ? utf8.decode(head.subarray(span[0], span[1])) : undefined
}

/**
 * The elements of a top-level JSON array (a JSON-RPC batch), or undefined when the bytes are not an array.
 * Errors: `not_json` when the array does not end where the bytes end.
 */
export function scanBatch(bytes: Uint8Array): Result<Span[] | undefined, ScanError> {
  try {
    let at = skipSpace(bytes, 0)
    if (bytes[at] !== OPEN_ARRAY) return ok(undefined)
    const spans: Span[] = []
    at = skipSpace(bytes, at + 1)
    if (bytes[at] === CLOSE_ARRAY) return skipSpace(bytes, at + 1) === bytes.length ? ok(spans) : err('not_json')
    for (;;) {
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
 * One key for ids that JSON-RPC holds equal: `1` and `1.0` are the same id, `1` and `"1"` are not, and `"\u0031"` is `"1"`.
 * Integers beyond 2^53 keep their text, since no number here can tell them apart.
 */
export function canonicalId(raw: string): string {
  if (raw.startsWith('"')) return raw.includes('\\') ? JSON.stringify(JSON.parse(raw)) : raw
  const value = Number(raw)
  return Number.isSafeInteger(value) ? String(value === 0 ? 0 : value) : raw
}

function classify(bytes: Uint8Array, found: Map<Slot, Span>): Result<MessageFacts, ScanError> {
  const value = (slot: Slot): RoutingValue | undefined => {
    const span = found.get(slot)
    return span === undefined ? undefined : { span, raw: readScalar(bytes, span) }
  }
  const method = found.get('method')
  const id = value('id')
  const kind = method !== undefined ? (id === undefined ? 'notification' : 'request') : found.has('result') ? 'result' : found.has('error') ? 'error' : undefined
  if (kind === undefined) return err('not_a_message')
  if (id !== undefined && !/^["\d-]/.test(id.raw) && !(kind === 'error' && id.raw === 'null')) return err('not_a_message')
  if (id === undefined && (kind === 'result' || kind === 'error')) return err('not_a_message')
  const facts: MessageFacts = { kind, method: method === undefined ? '' : readString(bytes, method) }
  if (id !== undefined) facts.id = id
  for (const slot of ['requestToken', 'progressToken', 'progress', 'requestId', 'subscriptionId'] as const) {
    const scalar = value(slot)
    if (scalar !== undefined) facts[slot] = scalar
  }
  const uri = found.get('uri')
  if (uri !== undefined && bytes[uri[0]] === QUOTE) facts.uri = readString(bytes, uri)
  return ok(facts)
}

/** Walks the keys of an object that routing cares about; returns the offset behind it. */
function scanObject(bytes: Uint8Array, start: number, level: Level, found: Map<Slot, Span>): number {
  if (bytes[start] !== OPEN_OBJECT) throw new ScanFault('not_json')
  let at = skipSpace(bytes, start + 1)
  if (bytes[at] === CLOSE_OBJECT) return at + 1
  for (;;) {
    if (bytes[at] !== QUOTE) throw new ScanFault('not_json')
    const keyEnd = skipString(bytes, at)
    const key = readKey(bytes, at, keyEnd)
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
  if (slot !== undefined && found.has(slot)) throw new ScanFault('duplicate_key')
  const enters = below !== undefined && bytes[at] === OPEN_OBJECT
  // Recorded before it is entered, so that a message cut off inside still names what came first.
  if (slot !== undefined && enters) found.set(slot, [at, at])
  const end = enters ? scanObject(bytes, at, below, found) : skipValue(bytes, at)
  if (slot !== undefined) found.set(slot, [at, end])
  return end
}

/** The decoded key, or undefined when it is longer than any key that routing knows. */
function readKey(bytes: Uint8Array, from: number, to: number): string | undefined {
  if (to - from > 256) return undefined
  let text = ''
  for (let at = from + 1; at < to - 1; at++) {
    const byte = bytes[at] ?? 0
    // An escaped key can spell `id` too, and a peer that decodes it would.
    if (byte === BACKSLASH || byte > 0x7e) return readString(bytes, [from, to])
    text += String.fromCharCode(byte)
  }
  return text
}

function readScalar(bytes: Uint8Array, span: Span): string {
  if (span[1] - span[0] > MAX_ROUTING_VALUE_BYTES) throw new ScanFault('value_too_long')
  try {
    return utf8.decode(bytes.subarray(span[0], span[1]))
  } catch {
    throw new ScanFault('not_json')
  }
}

function readString(bytes: Uint8Array, span: Span): string {
  const raw = readScalar(bytes, span)
  try {
    const value: unknown = JSON.parse(raw)
    if (typeof value === 'string') return value
  } catch {
    // Falls through: text that is no JSON string is no key and no method.
  }
  throw new ScanFault('not_json')
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at++
  }
}

/** Offset behind the string that opens at `from`. */
function skipString(bytes: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    at = bytes.indexOf(QUOTE, at + 1)
    if (at === -1) throw new ScanFault('not_json')
    let slashes = 0
    while (bytes[at - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return at + 1
  }
}

/** Offset behind the value that starts at `from`; nesting is counted, not recursed into. */
function skipValue(bytes: Uint8Array, from: number): number {
  const first = bytes[from]
  if (first === QUOTE) return skipString(bytes, from)
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return skipLiteral(bytes, from)
  let depth = 0
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) at = skipString(bytes, at) - 1
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++
    else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth === 0) return at + 1
  }
  throw new ScanFault('not_json')
}

/** Offset behind a number, `true`, `false` or `null`. */
function skipLiteral(bytes: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    const byte = bytes[at] ?? 0
    const inside = (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x45
    if (!inside) break
    at++
  }
  if (at === from) throw new ScanFault('not_json')
  return at
}
