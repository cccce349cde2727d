/**
 * Frames as bytes: one encoder, and one decoder for each side that never throws.
 *
 * A frame is a header line (a JSON object in ASCII), a line feed, then body bytes untouched. docs/protocol.md is
 * normative.
 */
import { isErrorCode } from './errors.ts'
import type { AgentFrame, Frame, RelayFrame } from './frame.ts'
import { isIdText } from './json/json-id.ts'
import { isPassedCredential } from './passed-credential.ts'
import { CHUNK_BYTES, MAX_CHANNEL_CHARS, MAX_HEADER_BYTES, MAX_HELD_KEYS, MAX_LANES } from './limits.ts'
import { areServedPatterns } from './served-names.ts'
import { isHeader, isOriginForm, isToken } from './web/http-fields.ts'
import { WEB_FAILURES } from './web/web-frames.ts'
import { MAX_APP_ORIGIN_CHARS, MAX_CLOSE_REASON_CHARS, MAX_WEB_HEADERS } from './web/web-limits.ts'
import { err, ok, type Result } from './result.ts'

export interface DecodedFrame<F extends Frame> {
  readonly header: F
  readonly body: Uint8Array
}

export type FrameError = 'no_header' | 'header_too_long' | 'bad_header' | 'unknown_type' | 'bad_field' | 'bad_body'

const LINE_FEED = 0x0a
const NO_BODY = new Uint8Array(0)

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A frame's bytes. Escapes non-ASCII characters of the header, so its length is its byte count. */
export function encodeFrame(header: Frame, body: Uint8Array = NO_BODY): Uint8Array<ArrayBuffer> {
  const line = JSON.stringify(header).replace(/[\u0080-\uffff]/g, escapeUnit)
  const frame = new Uint8Array(line.length + 1 + body.length)
  for (let at = 0; at < line.length; at++) frame[at] = line.charCodeAt(at)
  frame[line.length] = LINE_FEED
  frame.set(body, line.length + 1)
  return frame
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

export function decodeRelayFrame(frame: Uint8Array): Result<DecodedFrame<RelayFrame>, FrameError> {
  return decode(frame, RELAY_SHAPES) as Result<DecodedFrame<RelayFrame>, FrameError>
}

export function decodeAgentFrame(frame: Uint8Array): Result<DecodedFrame<AgentFrame>, FrameError> {
  return decode(frame, AGENT_SHAPES) as Result<DecodedFrame<AgentFrame>, FrameError>
}

type Check = (value: unknown) => boolean
type Shapes<F extends Frame> = { readonly [T in F['type']]: { readonly [K in Exclude<keyof Extract<F, { type: T }>, 'type'>]-?: Check } }

const text: Check = (value) => typeof value === 'string'
const count: Check = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const truth: Check = (value) => typeof value === 'boolean'
const number: Check = (value) => count(value) && value !== 0
const span: Check = (value) => Array.isArray(value) && value.length === 2 && value.every(count) && Number(value[0]) < Number(value[1])
const rawId: Check = (value) => typeof value === 'string' && isIdText(value)
const channel: Check = (value) => typeof value === 'string' && value.length <= MAX_CHANNEL_CHARS
const channels: Check = (value) => Array.isArray(value) && value.every(channel)
const only =
  (...allowed: readonly unknown[]): Check =>
  (value) =>
    allowed.includes(value)
const key: Check = (value) => typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)
const keys: Check = (value) => Array.isArray(value) && value.every(key)
const heldKeys: Check = (value) => keys(value) && Array.isArray(value) && value.length <= MAX_HELD_KEYS
const agentName: Check = (value) => typeof value === 'string' && /^[\w.-]{1,64}$/.test(value)
const agentNames: Check = (value) => Array.isArray(value) && value.every(agentName)
const servedPatterns: Check = (value) => Array.isArray(value) && areServedPatterns(value)
const marks: Check = (value) =>
  Array.isArray(value) && value.every((mark: unknown) => isRecord(mark) && channel(mark['ch']) && count(mark['n']))
const laneCount: Check = (value) => number(value) && Number(value) <= MAX_LANES
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const nullable =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value)
const flag = only(undefined, true)
const credential: Check = (value) => typeof value === 'string' && isPassedCredential(value)
/** Printable, so that it can be a header field. */
const challenge: Check = (value) => typeof value === 'string' && /^Bearer[\x20-\x7e]{0,4096}$/.test(value)
const webMethod: Check = (value) => typeof value === 'string' && isToken(value)
const webTarget: Check = (value) => typeof value === 'string' && isOriginForm(value)
const webToken: Check = (value) => typeof value === 'string' && isToken(value)
const tokens: Check = (value) => Array.isArray(value) && value.every(webToken)
const headerList: Check = (value) => Array.isArray(value) && value.length <= MAX_WEB_HEADERS && value.every(isHeader)
const webStatus: Check = (value) => count(value) && Number(value) >= 100 && Number(value) <= 999
const appOrigin: Check = (value) =>
  typeof value === 'string' && value.length <= MAX_APP_ORIGIN_CHARS && /^https?:\/\/[^\s/?#@]+$/.test(value)
const closeCode: Check = (value) => count(value) && Number(value) >= 1000 && Number(value) <= 4999
const closeReason: Check = (value) => typeof value === 'string' && value.length <= MAX_CLOSE_REASON_CHARS

const webStream = {
  web_data: { x: key, at: count },
  web_message: { x: key, at: count, kind: only('text', 'binary'), more: flag },
  web_end: { x: key },
  web_close: { x: key, code: closeCode, reason: closeReason },
  web_credit: { x: key, upto: count },
} as const

const RELAY_SHAPES: Shapes<RelayFrame> = {
  welcome: { share: text, unwanted: channels, lanes: optional(laneCount), replaced: optional(agentNames) },
  open: {
    ch: channel,
    ids: only('keep', 'assign'),
    asks: only('pass', 'refuse'),
    askTag: optional(text),
    owner: optional(text),
    root: optional(text),
    auth: optional(credential),
  },
  call: {
    ch: channel,
    key,
    method: text,
    id: span,
    token: optional(span),
    ra: text,
    tag: text,
    gate: flag,
    repeats: flag,
    mayBeginTask: flag,
    principal: optional(text),
    auth: optional(credential),
    size: count,
  },
  notify: { ch: channel, key, method: text, cancels: optional(text), requestId: optional(span), auth: optional(credential), size: count },
  respond: { ch: channel, key, rawId, auth: optional(credential), size: count },
  upload: { ch: channel, key, offset: count },
  receipt: { ch: channel, n: count },
  credit: { ch: channel, upto: count },
  hold: { ch: channel, n: number },
  resume: { ch: channel },
  replay: { ch: channel, after: count, to: optional(text), key: optional(key), ra: optional(text), calls: optional(text), follow: flag },
  close: { ch: channel },
  unaccepted: { count },
  metadata_ask: { key },
  drain: {},
  web_open: {
    x: key,
    method: webMethod,
    target: webTarget,
    headers: headerList,
    origin: text,
    hasBody: flag,
    upgrade: flag,
    protocols: optional(tokens),
  },
  ...webStream,
  web_gone: { x: key },
}

const SPAN_FIELDS = ['id', 'token', 'requestId', 'progress', 'subscriptionId'] as const

const message = { ch: channel, n: number, at: count, size: count, ack: flag, to: optional(text) }

const AGENT_SHAPES: Shapes<AgentFrame> = {
  hello: {
    agent: agentName,
    instance: text,
    join: only('primary', 'replica', 'replace'),
    isolation: only('session', 'share'),
    era: only(undefined, 'legacy', 'modern'),
    initializes: flag,
    wantsPrincipal: flag,
    hearsUnaccepted: flag,
    passesAuth: flag,
    asksApart: flag,
    serves: only(undefined, 'web', 'both'),
    app: optional(appOrigin),
    maxCalls: optional(number),
    patterns: optional(servedPatterns),
    spreads: flag,
    product: text,
    held: heldKeys,
    channels: marks,
  },
  answer: { ...message, key, ra: text, id: span, failed: truth, subscriptionId: optional(span) },
  notification: {
    ...message,
    method: text,
    ra: optional(text),
    sure: flag,
    token: optional(span),
    progress: optional(span),
    uri: optional(text),
    task: optional(text),
    subscriptionId: optional(span),
  },
  ask: { ...message, method: text, id: span, rawId, ra: optional(text), sure: flag },
  chunk: { ch: channel, n: number, at: count, offset: count, ra: optional(text), sure: flag, last: flag, ack: flag, to: optional(text) },
  failed: {
    ch: channel,
    key,
    ra: text,
    code: isErrorCode,
    executed: only('no', 'yes', 'unknown'),
    exitCode: nullable(count),
    signal: nullable(text),
    stderr: optional(text),
    detail: optional(text),
    challenge: optional(challenge),
  },
  receipts: { keys },
  upload_credit: { ch: channel, key, upto: count },
  died: {
    ch: channel,
    reason: only('start', 'exit', 'idle', 'closed'),
    exitCode: nullable(count),
    signal: nullable(text),
    stderr: optional(text),
    lastWords: optional(text),
  },
  idle: { ch: channel },
  metadata: { key, lacks: only(undefined, 'metadata', 'issuer', 'server') },
  drain: {},
  web_head: { x: key, status: webStatus, headers: headerList, protocol: optional(webToken) },
  ...webStream,
  web_failed: { x: key, code: only(...WEB_FAILURES), detail: optional(text) },
}

/** Never throws: a frame of a hostile peer is a value. Unknown fields are ignored, so that version 1 can grow. */
function decode(
  frame: Uint8Array,
  shapes: Readonly<Record<string, Readonly<Record<string, Check>>>>,
): Result<{ header: unknown; body: Uint8Array }, FrameError> {
  const end = frame.indexOf(LINE_FEED)
  if (end === -1) return err('no_header')
  if (end > MAX_HEADER_BYTES) return err('header_too_long')
  const header = parseHeader(frame.subarray(0, end))
  if (header === undefined) return err('bad_header')
  const type = header['type']
  const shape = typeof type === 'string' && Object.hasOwn(shapes, type) ? shapes[type] : undefined
  if (shape === undefined) return err('unknown_type')
  for (const field in shape) if (shape[field]?.(header[field]) !== true) return err('bad_field')
  const size = 'size' in shape ? Number(header['size']) : CHUNK_BYTES
  if (!spansFit(header, shape, size)) return err('bad_field')
  const body = frame.subarray(end + 1)
  if (body.length > Math.min(size, CHUNK_BYTES)) return err('bad_body')
  return ok({ header, body })
}

/** Spans are written over: one outside the body or across another would spoil bytes that are not its own. */
function spansFit(header: Readonly<Record<string, unknown>>, shape: Readonly<Record<string, Check>>, size: number): boolean {
  const spans: (readonly unknown[])[] = []
  for (const field of SPAN_FIELDS) {
    const value = field in shape ? header[field] : undefined
    if (Array.isArray(value)) spans.push(value)
  }
  const ordered = spans.toSorted((a, b) => Number(a[0]) - Number(b[0]))
  return ordered.every((one, at) => Number(one[1]) <= Number(ordered[at + 1]?.[0] ?? size))
}

function parseHeader(line: Uint8Array): Record<string, unknown> | undefined {
  try {
    const json = decoder.decode(line)
    // Other characters come as escapes (docs/protocol.md, Frames).
    if (/[^\0-\u007f]/.test(json)) return undefined
    const header: unknown = JSON.parse(json)
    return isRecord(header) ? header : undefined
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
