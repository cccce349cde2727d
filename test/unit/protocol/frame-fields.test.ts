/** Fields of frames: each value that a decoder must refuse. */
import { describe, expect, test } from 'vitest'
import type { Frame } from '../../../protocol/frame.ts'
import { decodeAgentFrame, decodeRelayFrame, type DecodedFrame, type FrameError } from '../../../protocol/frame-codec.ts'
import { MAX_HELD_KEYS } from '../../../protocol/limits.ts'
import { MAX_SERVED_PATTERNS } from '../../../protocol/served-names.ts'
import { MAX_WEB_HEADERS } from '../../../protocol/web/web-limits.ts'
import type { Result } from '../../../protocol/result.ts'
import { concat } from '../../../protocol/splice.ts'
import { AGENT_FRAMES, RELAY_FRAMES } from './frame-arbitrary.ts'

const encoder = new TextEncoder()

const KEY = '0123456789abcdef'.repeat(2)

type Decode = (frame: Uint8Array) => Result<DecodedFrame<Frame>, FrameError>

/** A frame as a peer of another make may write it. */
function written(header: unknown, bytes: Uint8Array = new Uint8Array(0)): Uint8Array {
  const line = encoder.encode(typeof header === 'string' ? header : JSON.stringify(header))
  return concat([line, Uint8Array.of(0x0a), bytes])
}

const CALL = { type: 'call', ch: 'c1', key: KEY, method: 'tools/call', id: [6, 7], token: [20, 21], ra: '', tag: 't', size: 100 }

const NOTIFY = { type: 'notify', ch: 'c1', key: KEY, method: 'notifications/cancelled', cancels: 't', requestId: [6, 7], size: 100 }

const RESPOND = { type: 'respond', ch: 'c1', key: KEY, rawId: '1', size: 100 }

const ANSWER = { type: 'answer', ch: 'c1', n: 1, at: 0, size: 100, key: KEY, ra: '', id: [6, 7], failed: false }

const NOTIFICATION = {
  type: 'notification',
  ch: 'c1',
  n: 1,
  at: 0,
  size: 100,
  method: 'm',
  token: [6, 7],
  progress: [10, 11],
  subscriptionId: [20, 21],
}

const ASK = { type: 'ask', ch: 'c1', n: 1, at: 0, size: 100, method: 'm', id: [6, 7], rawId: '1' }

const HELLO = { type: 'hello', agent: 'a', instance: 'i', join: 'primary', isolation: 'session', product: 'p', held: [], channels: [] }

const FAILED = { type: 'failed', ch: 'c1', key: KEY, ra: '', code: 'CHILD_DIED', executed: 'no' }

const DIED = { type: 'died', ch: 'c1', reason: 'exit' }

const NO_COUNTS = [-1, 0.5, '1', null, 2 ** 53, [1], true]

const NO_CREDENTIALS = ['', 'x', 'Bearer ', 'Bearer a b', 'Basic x', 'Bearer x\r\nA: b', `Bearer ${'x'.repeat(8186)}`, 1, null]

const NO_SPANS = [
  [],
  [1],
  [2, 1],
  [3, 3],
  [-1, 2],
  [0, 1, 2],
  [0.5, 2],
  ['0', '1'],
  { 0: 0, 1: 1, length: 2 },
  null,
  'ab',
  [99, 101],
  [0, 2 ** 53],
]

const NO_TEXTS = [1, null, true, [], {}, ['a']]

const NO_KEYS = ['', KEY.slice(1), `${KEY}0`, KEY.toUpperCase(), `${KEY.slice(1)}g`, `${KEY}\n`, 1, null, [KEY]]

const NO_FLAGS = [false, 1, 'true', null]

const NO_IDS = ['', ' 1', '1 ', '01', 'null', 'true', '{}', '[1]', '"a', '"a" ', '"\\q"', '"a\u0001"', '1,"x":2', '1}', 'NaN', 1, null]

const NO_CHANNELS = ['x'.repeat(65), ...NO_TEXTS]

const NO_HEADERS = [
  'a',
  null,
  {},
  [['a']],
  [['a', 'b', 'c']],
  [['a b', 'c']],
  [['', 'c']],
  [['a:', 'c']],
  [['a', 'c\r\nx: y']],
  [['a', 'c\0']],
  [['a', 1]],
  Array.from({ length: MAX_WEB_HEADERS + 1 }, () => ['a', 'b']),
]

/** What an app, or a proxy before it, could take for another host, another request, or another path. */
const NO_TARGETS = [
  '',
  'x',
  'http://evil.example/',
  '@evil.example/',
  '*',
  '/a b',
  '/a\r\nHost: evil.example',
  '/a\tb',
  '/a#b',
  '/a\\b',
  '/a\u007f',
  1,
  null,
]

const WEB_OPEN = { type: 'web_open', x: KEY, method: 'GET', target: '/', headers: [['a', 'b']], origin: 'https://a.example' }
const WEB_HEAD = { type: 'web_head', x: KEY, status: 200, headers: [], protocol: 'chat' }

/** Of either side. */
const WEB_STREAM = [decodeRelayFrame, decodeAgentFrame].flatMap((decode) => [
  [decode, { type: 'web_data', x: KEY, at: 0 }, { x: NO_KEYS, at: NO_COUNTS }] as const,
  [
    decode,
    { type: 'web_message', x: KEY, at: 0, kind: 'text', more: true },
    { x: NO_KEYS, at: NO_COUNTS, kind: ['Text', '', null], more: NO_FLAGS },
  ] as const,
  [decode, { type: 'web_end', x: KEY }, { x: NO_KEYS }] as const,
  [
    decode,
    { type: 'web_close', x: KEY, code: 1000, reason: '' },
    { x: NO_KEYS, code: [...NO_COUNTS, 999, 5000], reason: [...NO_TEXTS, 'x'.repeat(124)] },
  ] as const,
  [decode, { type: 'web_credit', x: KEY, upto: 0 }, { x: NO_KEYS, upto: NO_COUNTS }] as const,
])

const REFUSED: readonly (readonly [Decode, Readonly<Record<string, unknown>>, Readonly<Record<string, readonly unknown[]>>])[] = [
  [
    decodeRelayFrame,
    { type: 'welcome', share: 's', unwanted: [] },
    { share: NO_TEXTS, unwanted: ['a', null, [1], [null], {}, ['x'.repeat(65)]], lanes: [...NO_COUNTS, 0, 65] },
  ],
  [
    decodeRelayFrame,
    { type: 'open', ch: 'c1', ids: 'keep', asks: 'pass', owner: 'p', auth: 'Bearer x' },
    { ch: NO_CHANNELS, ids: ['Keep', '', null, true], asks: ['keep', 1, null], auth: NO_CREDENTIALS },
  ],
  [
    decodeRelayFrame,
    CALL,
    {
      auth: NO_CREDENTIALS,
      ch: NO_CHANNELS,
      key: NO_KEYS,
      method: NO_TEXTS,
      id: NO_SPANS,
      token: [...NO_SPANS, [6, 7], [5, 7], [6, 8], [0, 50]],
      ra: NO_TEXTS,
      tag: NO_TEXTS,
      gate: NO_FLAGS,
      repeats: NO_FLAGS,
      size: [...NO_COUNTS, 0, 20],
    },
  ],
  [
    decodeRelayFrame,
    NOTIFY,
    {
      ch: NO_CHANNELS,
      key: NO_KEYS,
      method: NO_TEXTS,
      cancels: NO_TEXTS,
      requestId: NO_SPANS,
      auth: NO_CREDENTIALS,
      size: [...NO_COUNTS, 6],
    },
  ],
  [decodeRelayFrame, RESPOND, { ch: NO_CHANNELS, key: NO_KEYS, rawId: NO_IDS, auth: NO_CREDENTIALS, size: NO_COUNTS }],
  [decodeRelayFrame, { type: 'upload', ch: 'c1', key: KEY, offset: 0 }, { ch: NO_CHANNELS, key: NO_KEYS, offset: NO_COUNTS }],
  [decodeRelayFrame, { type: 'receipt', ch: 'c1', n: 0 }, { ch: NO_CHANNELS, n: NO_COUNTS }],
  [decodeRelayFrame, { type: 'credit', ch: 'c1', upto: 0 }, { ch: NO_CHANNELS, upto: NO_COUNTS }],
  [decodeRelayFrame, { type: 'hold', ch: 'c1', n: 1 }, { ch: NO_CHANNELS, n: [...NO_COUNTS, 0] }],
  [decodeRelayFrame, { type: 'resume', ch: 'c1' }, { ch: NO_CHANNELS }],
  [decodeRelayFrame, { type: 'replay', ch: 'c1', after: 0 }, { ch: NO_CHANNELS, after: NO_COUNTS }],
  [decodeRelayFrame, { type: 'close', ch: 'c1' }, { ch: NO_CHANNELS }],
  [
    decodeAgentFrame,
    HELLO,
    {
      maxCalls: [...NO_COUNTS, 0],
      patterns: ['a', null, {}, [], [''], [1], ['a b'], ['a,b'], Array.from({ length: MAX_SERVED_PATTERNS + 1 }, (_, at) => `${at}`)],
      spreads: NO_FLAGS,
      agent: ['', 'x'.repeat(65), 'a b', 'a/b', '\u007f', 'a\n', 1, null],
      instance: NO_TEXTS,
      join: ['Primary', '', null],
      isolation: ['none', null],
      product: NO_TEXTS,
      app: [...NO_TEXTS, 'localhost:3000', 'ftp://a', 'http://', 'http://a/', 'http://a@b', 'http://a b', `http://${'a'.repeat(270)}`],
      held: ['a', null, [1], [KEY, ''], {}, Array.from({ length: MAX_HELD_KEYS + 1 }, () => KEY)],
      channels: [
        'a',
        null,
        [1],
        [null],
        [[]],
        [{ ch: 'a' }],
        [{ n: 1 }],
        [{ ch: 'a', n: -1 }],
        [
          { ch: 'a', n: 1 },
          { ch: 1, n: 1 },
        ],
        [{ ch: 'x'.repeat(65), n: 1 }],
      ],
    },
  ],
  [decodeRelayFrame, { type: 'metadata_ask', key: KEY }, { key: NO_KEYS }],
  [decodeAgentFrame, { type: 'metadata', key: KEY, lacks: 'issuer' }, { key: NO_KEYS, lacks: ['Issuer', '', null] }],
  [
    decodeAgentFrame,
    ANSWER,
    {
      ch: NO_CHANNELS,
      n: [...NO_COUNTS, 0],
      at: NO_COUNTS,
      size: [...NO_COUNTS, 6],
      ack: NO_FLAGS,
      key: NO_KEYS,
      ra: NO_TEXTS,
      id: NO_SPANS,
      failed: [0, 'false', null],
    },
  ],
  [
    decodeAgentFrame,
    NOTIFICATION,
    {
      ch: NO_CHANNELS,
      n: [...NO_COUNTS, 0],
      at: NO_COUNTS,
      size: [...NO_COUNTS, 20],
      method: NO_TEXTS,
      ra: NO_TEXTS,
      sure: NO_FLAGS,
      token: [...NO_SPANS, [6, 11], [10, 11]],
      progress: [...NO_SPANS, [6, 7], [0, 50]],
      subscriptionId: [...NO_SPANS, [6, 7]],
      uri: NO_TEXTS,
    },
  ],
  [
    decodeAgentFrame,
    ASK,
    {
      ch: NO_CHANNELS,
      n: [...NO_COUNTS, 0],
      at: NO_COUNTS,
      size: NO_COUNTS,
      method: NO_TEXTS,
      id: NO_SPANS,
      rawId: NO_IDS,
      ra: NO_TEXTS,
      sure: NO_FLAGS,
    },
  ],
  [
    decodeAgentFrame,
    { type: 'chunk', ch: 'c1', n: 1, at: 0, offset: 0 },
    {
      ch: NO_CHANNELS,
      n: [...NO_COUNTS, 0],
      at: NO_COUNTS,
      offset: NO_COUNTS,
      ra: NO_TEXTS,
      sure: NO_FLAGS,
      last: NO_FLAGS,
      ack: NO_FLAGS,
    },
  ],
  [
    decodeAgentFrame,
    FAILED,
    {
      challenge: ['Basic', 'Bearer \n', 'bearer', `Bearer ${'x'.repeat(4096)}`, 1, null],
      ch: NO_CHANNELS,
      key: NO_KEYS,
      ra: NO_TEXTS,
      code: ['', 'child_died', 'toString', '__proto__', 1, null],
      executed: ['maybe', true, null],
      exitCode: [-1, 0.5, '1', [1]],
      signal: [1, true, []],
      stderr: NO_TEXTS,
      detail: NO_TEXTS,
    },
  ],
  [decodeAgentFrame, { type: 'receipts', keys: [] }, { keys: ['a', null, [1], [''], [KEY, KEY.slice(1)], {}] }],
  [decodeAgentFrame, { type: 'upload_credit', ch: 'c1', key: KEY, upto: 0 }, { ch: NO_CHANNELS, key: NO_KEYS, upto: NO_COUNTS }],
  [decodeAgentFrame, DIED, { ch: NO_CHANNELS, reason: ['crash', null], exitCode: [-1, 0.5, '1'], signal: [1, []], stderr: NO_TEXTS }],
  [decodeAgentFrame, { type: 'idle', ch: 'c1' }, { ch: NO_CHANNELS }],
  [
    decodeRelayFrame,
    WEB_OPEN,
    {
      x: NO_KEYS,
      method: ['', 'G T', 'GET\r\n', 'GET /', 1, null],
      target: NO_TARGETS,
      headers: NO_HEADERS,
      origin: NO_TEXTS,
      hasBody: NO_FLAGS,
      upgrade: NO_FLAGS,
      protocols: ['a', null, [''], ['a b'], ['a,b'], [1]],
    },
  ],
  [decodeRelayFrame, { type: 'unaccepted', count: 1 }, { count: NO_COUNTS }],
  [decodeRelayFrame, { type: 'web_gone', x: KEY }, { x: NO_KEYS }],
  [
    decodeAgentFrame,
    WEB_HEAD,
    { x: NO_KEYS, status: [...NO_COUNTS, 99, 1000], headers: NO_HEADERS, protocol: ['', 'a b', 'a,b', 1, null] },
  ],
  [
    decodeAgentFrame,
    { type: 'web_failed', x: KEY, code: 'APP_BROKEN' },
    { x: NO_KEYS, code: ['', 'CHILD_DIED', 'toString', 1, null], detail: NO_TEXTS },
  ],
  ...WEB_STREAM,
]

const CASES = REFUSED.flatMap(([decode, header, fields]) =>
  Object.entries(fields).map(([field, values]) => ({ title: `${String(header['type'])}.${field}`, decode, header, field, values })),
)

describe('a decoder refuses as bad_field', () => {
  test.each(CASES)('$title', ({ decode, header, field, values }) => {
    expect(decode(written(header))).toMatchObject({ ok: true })
    for (const value of values)
      expect(decode(written({ ...header, [field]: value })), JSON.stringify(value)).toEqual({ ok: false, error: 'bad_field' })
  })

  const OPTIONAL = new Set([
    'auth',
    'challenge',
    'lacks',
    'lanes',
    'maxCalls',
    'patterns',
    'spreads',
    'hasBody',
    'upgrade',
    'protocols',
    'protocol',
    'more',
    'token',
    'gate',
    'repeats',
    'cancels',
    'requestId',
    'ack',
    'sure',
    'progress',
    'subscriptionId',
    'uri',
    'last',
    'exitCode',
    'signal',
    'stderr',
    'detail',
    'app',
  ])

  test.each(CASES)('$title left out, unless it may be', ({ decode, header, field }) => {
    const { [field]: _, ...rest } = header
    const mayBe = OPTIONAL.has(field) || (field === 'ra' && ['notification', 'ask', 'chunk'].includes(String(header['type'])))
    expect(decode(written(rest)).ok).toBe(mayBe)
  })

  test('no frame type is missing from this table', () => {
    const named = REFUSED.map(([, header]) => header['type'])
    const types = [...Object.keys(RELAY_FRAMES), ...Object.keys(AGENT_FRAMES)]
    for (const type of types)
      expect(named.filter((name) => name === type).length + (type === 'drain' ? 2 : 0)).toBe(types.filter((name) => name === type).length)
  })
})

describe('a decoder refuses as bad_body', () => {
  test.each([
    [decodeRelayFrame, CALL],
    [decodeRelayFrame, RESPOND],
    [decodeAgentFrame, ANSWER],
    [decodeAgentFrame, ASK],
  ] as const)('more body than size says, and takes as much %#', (decode, header) => {
    expect(decode(written(header, new Uint8Array(header.size))).ok).toBe(true)
    expect(decode(written(header, new Uint8Array(header.size + 1)))).toEqual({ ok: false, error: 'bad_body' })
  })
})
