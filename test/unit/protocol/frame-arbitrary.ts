/** One arbitrary of every frame type, with any strings; a type that is missing here does not compile. */
import fc from 'fast-check'
import { ERRORS } from '../../../protocol/error-table.ts'
import { isErrorCode } from '../../../protocol/errors.ts'
import type { AgentFrame, Frame, RelayFrame } from '../../../protocol/frame.ts'
import type { Span } from '../../../protocol/json/json-scan.ts'
import { WEB_FAILURES } from '../../../protocol/web/web-frames.ts'
import { idText } from './json-arbitrary.ts'

type Each<F extends Frame> = { readonly [T in F['type']]: fc.Arbitrary<Extract<F, { type: T }>> }

export const BODY_BYTES = 64

/** Any UTF-16 code units at all: line feeds, quotes, controls, emoji, lone surrogates. */
const unit = fc.oneof(
  fc.constantFrom('\n', '\r', '"', '\\', '\u0000', '\u007f', '\u0080', 'я', '\ud83d', '\ude00', '\u2028', ' '),
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
)
const text = fc.string({ unit, maxLength: 20 })
const hexDigit = fc.constantFrom(...'0123456789abcdef')
export const key = fc.string({ unit: hexDigit, minLength: 32, maxLength: 32 })
const count = fc.maxSafeNat()
const n = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const size = fc.integer({ min: BODY_BYTES, max: Number.MAX_SAFE_INTEGER })
const flag = fc.constant(true as const)
const ch = fc.string({ unit, maxLength: 64 })
const auth = fc.stringMatching(/^Bearer [\x21-\x7e]{1,20}$/)
const challenge = fc.stringMatching(/^Bearer[\x20-\x7e]{0,20}$/)
const type = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name)

const header = fc.tuple(
  fc.stringMatching(/^[\w!#$%&'*+.^`|~-]{1,12}$/),
  fc.string({ unit: unit.filter((u) => !/[\0\r\n]/.test(u)), maxLength: 20 }),
)
const headers = fc.array(header, { maxLength: 4 })
const target = fc.stringMatching(/^\/[\w.~%?=&;:@!,'*+-]{0,20}$/)
const token = fc.stringMatching(/^[\w!#$%&'*+.^`|~-]{1,12}$/)
const WEB_STREAM = {
  web_data: fc.record({ type: type('web_data'), x: key, at: count }),
  web_message: fc.record(
    { type: type('web_message'), x: key, at: count, kind: fc.constantFrom('text', 'binary'), more: flag },
    { requiredKeys: ['type', 'x', 'at', 'kind'] },
  ),
  web_end: fc.record({ type: type('web_end'), x: key }),
  web_close: fc.record({ type: type('web_close'), x: key, code: fc.integer({ min: 1000, max: 4999 }), reason: text }),
  web_credit: fc.record({ type: type('web_credit'), x: key, upto: count }),
} as const

const SPANS = ['id', 'token', 'requestId', 'progress', 'subscriptionId'] as const
type SpanField = (typeof SPANS)[number]

/** Spans of one body: none empty, none overlapping, all within its size. */
const places = fc.uniqueArray(fc.nat({ max: 1e6 }), { minLength: 2 * SPANS.length, maxLength: 2 * SPANS.length }).chain((cuts) => {
  const ordered = cuts.toSorted((a, b) => a - b)
  const spans = SPANS.map((_, at): Span => [ordered[2 * at] ?? 0, ordered[2 * at + 1] ?? 1])
  return fc.shuffledSubarray(spans, { minLength: spans.length, maxLength: spans.length })
})

/** Puts non-overlapping spans into the fields that the frame has, and makes its size hold them. */
function placed<F extends { readonly size: number }>(frame: fc.Arbitrary<F>): fc.Arbitrary<F> {
  return fc.tuple(frame, places).map(([given, spans]) => {
    const set = new Map<SpanField, Span>(SPANS.flatMap((field, at) => (field in given ? [[field, spans[at] ?? [0, 1]]] : [])))
    return { ...given, ...Object.fromEntries(set), size: set.size === 0 ? given.size : Math.max(given.size, 1_000_001) }
  })
}

const anySpan = fc.constant([0, 1] as const)

export const RELAY_FRAMES: Each<RelayFrame> = {
  welcome: fc.record(
    {
      type: type('welcome'),
      share: text,
      unwanted: fc.array(ch, { maxLength: 4 }),
      lanes: fc.integer({ min: 1, max: 64 }),
      replaced: fc.array(fc.stringMatching(/^[\w.-]{1,64}$/), { maxLength: 2 }),
    },
    { requiredKeys: ['type', 'share', 'unwanted'] },
  ),
  open: fc.record(
    { type: type('open'), ch, ids: fc.constantFrom('keep', 'assign'), asks: fc.constantFrom('pass', 'refuse'), auth },
    { requiredKeys: ['type', 'ch', 'ids', 'asks'] },
  ),
  call: placed(
    fc.record(
      {
        type: type('call'),
        ch,
        key,
        method: text,
        id: anySpan,
        token: anySpan,
        ra: text,
        tag: text,
        gate: flag,
        repeats: flag,
        mayBeginTask: flag,
        auth,
        size,
      },
      { requiredKeys: ['type', 'ch', 'key', 'method', 'id', 'ra', 'tag', 'size'] },
    ),
  ),
  notify: placed(
    fc.record(
      { type: type('notify'), ch, key, method: text, cancels: text, requestId: anySpan, auth, size },
      { requiredKeys: ['type', 'ch', 'key', 'method', 'size'] },
    ),
  ),
  respond: fc.record(
    { type: type('respond'), ch, key, rawId: idText, auth, size },
    { requiredKeys: ['type', 'ch', 'key', 'rawId', 'size'] },
  ),
  upload: fc.record({ type: type('upload'), ch, key, offset: count }),
  receipt: fc.record({ type: type('receipt'), ch, n: count }),
  credit: fc.record({ type: type('credit'), ch, upto: count }),
  hold: fc.record({ type: type('hold'), ch, n }),
  resume: fc.record({ type: type('resume'), ch }),
  replay: fc.record(
    { type: type('replay'), ch, after: count, to: text, key, ra: text, calls: text, follow: flag },
    { requiredKeys: ['type', 'ch', 'after'] },
  ),
  close: fc.record({ type: type('close'), ch }),
  unaccepted: fc.record({ type: type('unaccepted'), count }),
  metadata_ask: fc.record({ type: type('metadata_ask'), key }),
  drain: fc.record({ type: type('drain') }),
  web_open: fc.record(
    {
      type: type('web_open'),
      x: key,
      method: token,
      target,
      headers,
      origin: text,
      hasBody: flag,
      upgrade: flag,
      protocols: fc.array(token, { maxLength: 3 }),
    },
    { requiredKeys: ['type', 'x', 'method', 'target', 'headers', 'origin'] },
  ),
  ...WEB_STREAM,
  web_gone: fc.record({ type: type('web_gone'), x: key }),
}

const message = { ch, n, at: count, size, ack: flag }
const hint = { ra: text, sure: flag }
const end = { exitCode: fc.option(fc.nat()), signal: fc.option(text), stderr: text }
const code = fc.constantFrom(...Object.keys(ERRORS).filter(isErrorCode))

export const AGENT_FRAMES: Each<AgentFrame> = {
  hello: fc.record({
    type: type('hello'),
    agent: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/),
    instance: text,
    join: fc.constantFrom('primary', 'replica', 'replace'),
    isolation: fc.constantFrom('session', 'share'),
    product: text,
    held: fc.array(key, { maxLength: 4 }),
    channels: fc.array(fc.record({ ch, n: count }), { maxLength: 4 }),
  }),
  answer: placed(
    fc.record(
      { type: type('answer'), ...message, key, ra: text, id: anySpan, failed: fc.boolean() },
      { requiredKeys: ['type', 'ch', 'n', 'at', 'size', 'key', 'ra', 'id', 'failed'] },
    ),
  ),
  notification: placed(
    fc.record(
      {
        type: type('notification'),
        ...message,
        method: text,
        ...hint,
        token: anySpan,
        progress: anySpan,
        uri: text,
        task: text,
        subscriptionId: anySpan,
      },
      { requiredKeys: ['type', 'ch', 'n', 'at', 'size', 'method'] },
    ),
  ),
  ask: placed(
    fc.record(
      { type: type('ask'), ...message, method: text, id: anySpan, rawId: idText, ...hint },
      { requiredKeys: ['type', 'ch', 'n', 'at', 'size', 'method', 'id', 'rawId'] },
    ),
  ),
  chunk: fc.record(
    { type: type('chunk'), ch, n, at: count, offset: count, ...hint, last: flag, ack: flag },
    { requiredKeys: ['type', 'ch', 'n', 'at', 'offset'] },
  ),
  failed: fc.record(
    { type: type('failed'), ch, key, ra: text, code, executed: fc.constantFrom('no', 'yes', 'unknown'), ...end, detail: text, challenge },
    { requiredKeys: ['type', 'ch', 'key', 'ra', 'code', 'executed'] },
  ),
  receipts: fc.record({ type: type('receipts'), keys: fc.array(key, { maxLength: 4 }) }),
  upload_credit: fc.record({ type: type('upload_credit'), ch, key, upto: count }),
  died: fc.record(
    { type: type('died'), ch, reason: fc.constantFrom('start', 'exit', 'idle', 'closed'), ...end },
    { requiredKeys: ['type', 'ch', 'reason'] },
  ),
  idle: fc.record({ type: type('idle'), ch }),
  metadata: fc.record(
    { type: type('metadata'), key, lacks: fc.constantFrom('metadata', 'issuer', 'server') },
    { requiredKeys: ['type', 'key'] },
  ),
  drain: fc.record({ type: type('drain') }),
  web_head: fc.record(
    { type: type('web_head'), x: key, status: fc.integer({ min: 100, max: 999 }), headers, protocol: token },
    { requiredKeys: ['type', 'x', 'status', 'headers'] },
  ),
  ...WEB_STREAM,
  web_failed: fc.record(
    { type: type('web_failed'), x: key, code: fc.constantFrom(...WEB_FAILURES), detail: text },
    { requiredKeys: ['type', 'x', 'code'] },
  ),
}

export const body = fc.uint8Array({ maxLength: BODY_BYTES })
export const relayFrame: fc.Arbitrary<RelayFrame> = fc.oneof(...Object.values(RELAY_FRAMES))
export const agentFrame: fc.Arbitrary<AgentFrame> = fc.oneof(...Object.values(AGENT_FRAMES))
