/**
 * The frames of the native link, version 1: unions named by sender, one encoder, one total decoder.
 *
 * A frame is one binary WebSocket message: a header line (a JSON object in ASCII), a line feed, then body bytes
 * untouched. docs/protocol.md is normative.
 */
import { isErrorCode, type ErrorCode, type Executed } from './errors.ts'
import type { Hello, Welcome } from './handshake.ts'
import { isIdText } from './json-id.ts'
import type { Span } from './json-scan.ts'
import { CHUNK_BYTES, MAX_CHANNEL_CHARS, MAX_HEADER_BYTES, MAX_HELD_KEYS } from './limits.ts'
import { err, ok, type Result } from './result.ts'

/** Makes a channel: the agent starts (or, with `assign`, joins) a child for it. Repeated opens are ignored. */
export interface Open {
  readonly type: 'open'
  readonly ch: string
  /** `keep`: one session, its ids stay. `assign`: several clients, the agent gives each call a small sequential id. */
  readonly ids: 'keep' | 'assign'
  /** Whether the child may ask its client: `refuse` makes the agent answer every request but ping with -32601. */
  readonly asks: 'pass' | 'refuse'
}

/** A client's request. */
export interface Call {
  readonly type: 'call'
  readonly ch: string
  /** 32 hex digits. A key that was seen before never runs again. */
  readonly key: string
  readonly method: string
  /** Where the id and the progress token stand in the body. */
  readonly id: Span
  readonly token?: Span
  /** Return address: opaque, echoed with everything that belongs to this call. */
  readonly ra: string
  /** Names this call for a later cancellation, unique in its channel while it runs. */
  readonly tag: string
  /** Hold back later messages of this channel until this call is answered (a replayed handshake). */
  readonly gate?: true
  /** Bytes of the whole body. When they exceed the frame's, chunks with this key follow. */
  readonly size: number
}

/** A client's notification. Receipted by its key. */
export interface Notify {
  readonly type: 'notify'
  readonly ch: string
  readonly key: string
  readonly method: string
  /** For `notifications/cancelled`: the tag of the call it names, and where `params.requestId` stands. */
  readonly cancels?: string
  readonly requestId?: Span
  readonly size: number
}

/** A client's answer to a request of the server. Receipted by its key. */
export interface Respond {
  readonly type: 'respond'
  readonly ch: string
  readonly key: string
  /** The JSON text of the id it answers. */
  readonly rawId: string
  readonly size: number
}

/** More bytes of a call, notify or respond whose frame did not hold the whole body. */
export interface Upload {
  readonly type: 'upload'
  readonly ch: string
  readonly key: string
  readonly offset: number
}

/** The relay has every message of the channel up to number `n`; the agent may forget them. */
export interface Receipt {
  readonly type: 'receipt'
  readonly ch: string
  readonly n: number
}

/** The agent may send body bytes on this channel until its running total (`at`) reaches `upto`. Never decreases. */
export interface Credit {
  readonly type: 'credit'
  readonly ch: string
  readonly upto: number
}

/** Message `n` found no open stream: keep it until `resume`. */
export interface Hold {
  readonly type: 'hold'
  readonly ch: string
  readonly n: number
}

/** A stream for this channel is open now: send what was held, in order. */
export interface Resume {
  readonly type: 'resume'
  readonly ch: string
}

/** Send the channel's messages after number `after` again, as far as the tail reaches. */
export interface Replay {
  readonly type: 'replay'
  readonly ch: string
  readonly after: number
}

/** Ends the channel and its child. */
export interface Close {
  readonly type: 'close'
  readonly ch: string
}

/** The sender is leaving: start nothing new here. */
export interface Drain {
  readonly type: 'drain'
}

export type RelayFrame = Welcome | Open | Call | Notify | Respond | Upload | Receipt | Credit | Hold | Resume | Replay | Close | Drain

/** Fields of every message that came out of a child. */
interface ChannelMessage {
  readonly ch: string
  /** Number of the message in its channel, from 1. */
  readonly n: number
  /** Body bytes sent on this channel so far, this frame's included. */
  readonly at: number
  /** Bytes of the whole message. When they exceed the frame's, chunks with this number follow. */
  readonly size: number
  /** Asks for a receipt (and for credit). */
  readonly ack?: true
}

/** The child's answer to a call. */
export interface Answer extends ChannelMessage {
  readonly type: 'answer'
  readonly key: string
  readonly ra: string
  /** Where the id stands in the body. */
  readonly id: Span
  /** True for a JSON-RPC error. */
  readonly failed: boolean
}

/** A notification of the child. */
export interface Notification extends ChannelMessage {
  readonly type: 'notification'
  readonly method: string
  /** Return address of the call it belongs to, or of the newest call of a `keep` channel. */
  readonly ra?: string
  /** True when the call is certain: named by its progress token, or the only one running. */
  readonly sure?: true
  /** Where `params.progressToken` and `params.progress` stand. */
  readonly token?: Span
  readonly progress?: Span
  /** `params.uri`, for `notifications/resources/updated`. */
  readonly uri?: string
  /** `params._meta["io.modelcontextprotocol/subscriptionId"]`: where it stands. */
  readonly subscriptionId?: Span
}

/** A request of the child to its client. */
export interface Ask extends ChannelMessage {
  readonly type: 'ask'
  readonly method: string
  readonly id: Span
  readonly rawId: string
  readonly ra?: string
  readonly sure?: true
}

/** More bytes of the message `n`. Goes where its first frame went. */
export interface Chunk {
  readonly type: 'chunk'
  readonly ch: string
  readonly n: number
  readonly at: number
  readonly offset: number
  readonly ra?: string
  readonly sure?: true
  readonly last?: true
  readonly ack?: true
}

/** A call that ended without an answer of the child. Facts as in `Failure`. */
export interface Failed {
  readonly type: 'failed'
  readonly ch: string
  readonly key: string
  readonly ra: string
  readonly code: ErrorCode
  readonly executed: Executed
  readonly exitCode?: number | null
  readonly signal?: string | null
  readonly stderr?: string
  readonly detail?: string
}

/** The agent has taken over these calls, notifications and responses. */
export interface Receipts {
  readonly type: 'receipts'
  readonly keys: readonly string[]
}

/** The relay may send bytes of the chunked message `key` until `upto`. */
export interface UploadCredit {
  readonly type: 'upload_credit'
  readonly ch: string
  readonly key: string
  readonly upto: number
}

/** The channel's child is gone, whatever ended it. Calls that waited were failed before. */
export interface Died {
  readonly type: 'died'
  readonly ch: string
  readonly reason: 'start' | 'exit' | 'idle' | 'closed'
  readonly exitCode?: number | null
  readonly signal?: string | null
  readonly stderr?: string
}

/** The channel has been quiet for --idle-stop. The relay answers `close` when nobody listens. */
export interface Idle {
  readonly type: 'idle'
  readonly ch: string
}

export type AgentFrame = Hello | Answer | Notification | Ask | Chunk | Failed | Receipts | UploadCredit | Died | Idle | Drain

export type Frame = RelayFrame | AgentFrame

export interface DecodedFrame<F extends Frame> {
  readonly header: F
  readonly body: Uint8Array
}

export type FrameError = 'no_header' | 'header_too_long' | 'bad_header' | 'unknown_type' | 'bad_field' | 'bad_body'

const LINE_FEED = 0x0a
const NO_BODY = new Uint8Array(0)

/** The bytes of one WebSocket message. Escapes non-ASCII characters of the header, so its length is its byte count. */
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
const marks: Check = (value) =>
  Array.isArray(value) && value.every((mark: unknown) => isRecord(mark) && channel(mark['ch']) && count(mark['n']))
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const nullable =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value)
const flag = only(undefined, true)

const RELAY_SHAPES: Shapes<RelayFrame> = {
  welcome: { share: text, unwanted: channels },
  open: { ch: channel, ids: only('keep', 'assign'), asks: only('pass', 'refuse') },
  call: { ch: channel, key, method: text, id: span, token: optional(span), ra: text, tag: text, gate: flag, size: count },
  notify: { ch: channel, key, method: text, cancels: optional(text), requestId: optional(span), size: count },
  respond: { ch: channel, key, rawId, size: count },
  upload: { ch: channel, key, offset: count },
  receipt: { ch: channel, n: count },
  credit: { ch: channel, upto: count },
  hold: { ch: channel, n: number },
  resume: { ch: channel },
  replay: { ch: channel, after: count },
  close: { ch: channel },
  drain: {},
}

const SPAN_FIELDS = ['id', 'token', 'requestId', 'progress', 'subscriptionId'] as const

const message = { ch: channel, n: number, at: count, size: count, ack: flag }

const AGENT_SHAPES: Shapes<AgentFrame> = {
  hello: {
    agent: agentName,
    instance: text,
    join: only('primary', 'replica', 'replace'),
    isolation: only('session', 'share'),
    product: text,
    held: heldKeys,
    channels: marks,
  },
  answer: { ...message, key, ra: text, id: span, failed: truth },
  notification: {
    ...message,
    method: text,
    ra: optional(text),
    sure: flag,
    token: optional(span),
    progress: optional(span),
    uri: optional(text),
    subscriptionId: optional(span),
  },
  ask: { ...message, method: text, id: span, rawId, ra: optional(text), sure: flag },
  chunk: { ch: channel, n: number, at: count, offset: count, ra: optional(text), sure: flag, last: flag, ack: flag },
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
  },
  receipts: { keys },
  upload_credit: { ch: channel, key, upto: count },
  died: {
    ch: channel,
    reason: only('start', 'exit', 'idle', 'closed'),
    exitCode: nullable(count),
    signal: nullable(text),
    stderr: optional(text),
  },
  idle: { ch: channel },
  drain: {},
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
  let json = ''
  // In pieces: a call with 64 KiB of arguments would overflow the stack.
  for (let at = 0; at < line.length; at += 4096) json += String.fromCharCode(...line.subarray(at, at + 4096))
  // Raw UTF-8 would come out as other characters, so it is refused instead.
  if (/[\u0080-\u00ff]/.test(json)) return undefined
  try {
    const header: unknown = JSON.parse(json)
    return isRecord(header) ? header : undefined
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
