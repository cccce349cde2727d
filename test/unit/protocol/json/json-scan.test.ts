/** One message: what scanMessage() finds in it, and what it refuses. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scanMessage, type MessageFacts, type ScanError } from '../../../../protocol/json/json-scan.ts'
import { MAX_ROUTING_VALUE_BYTES } from '../../../../protocol/limits.ts'
import type { Result } from '../../../../protocol/result.ts'
import { space, spelled, valueText } from '../json-arbitrary.ts'
import { anyMessage } from '../message-arbitrary.ts'

const encoder = new TextEncoder()

const decoder = new TextDecoder('utf-8', { fatal: true })

const scan = (text: string): Result<MessageFacts, ScanError> => scanMessage(encoder.encode(text))

function factsOf(bytes: Uint8Array): MessageFacts {
  const scanned = scanMessage(bytes)
  if (!scanned.ok) throw new Error(`refused as ${scanned.error}: ${decoder.decode(bytes)}`)
  return scanned.value
}

/** Slots that carry a routing value, and when the message is one that has it. */
const CARRIED = {
  requestToken: (facts: MessageFacts) => facts.kind === 'request',
  progressToken: (facts: MessageFacts) => facts.method === 'notifications/progress',
  progress: (facts: MessageFacts) => facts.method === 'notifications/progress',
  requestId: (facts: MessageFacts) => facts.method === 'notifications/cancelled',
  subscriptionId: (facts: MessageFacts) => facts.kind === 'request' || facts.kind === 'notification',
} as const

describe('scanMessage() of any JSON-RPC message', () => {
  test('agrees with JSON.parse on kind, id and method', () => {
    fc.assert(
      fc.property(anyMessage, ({ bytes, text, kind }) => {
        const facts = factsOf(bytes)
        const parsed = JSON.parse(text)
        expect(facts.kind).toBe(kind)
        expect(facts.method).toBe(parsed.method ?? '')
        expect(facts.id === undefined ? undefined : JSON.parse(facts.id.raw)).toEqual(parsed.id)
      }),
      { numRuns: 500 },
    )
  })

  test('points at exactly the raw text of the id and of every routing value', () => {
    fc.assert(
      fc.property(anyMessage, ({ bytes, spans }) => {
        const facts = factsOf(bytes)
        expect(facts.id).toEqual(spans.get('id'))
        for (const slot of ['requestToken', 'progressToken', 'progress', 'requestId', 'subscriptionId'] as const) {
          const value = facts[slot]
          expect(value, slot).toEqual(CARRIED[slot](facts) ? spans.get(slot) : undefined)
          if (value !== undefined) expect(decoder.decode(bytes.subarray(...value.span))).toBe(value.raw)
        }
        const uri = spans.get('uri')
        expect(facts.uri).toBe(uri === undefined ? undefined : JSON.parse(uri.raw))
      }),
      { numRuns: 500 },
    )
  })

  test('finds the same in a message that stands alone and in one among others in a buffer', () => {
    fc.assert(
      fc.property(anyMessage, fc.uint8Array({ maxLength: 8 }), ({ bytes }, padding) => {
        const buffer = new Uint8Array([...padding, ...bytes, ...padding])
        expect(scanMessage(buffer.subarray(padding.length, padding.length + bytes.length))).toEqual(scanMessage(bytes))
      }),
    )
  })

  test('refuses it cut anywhere before its end, as not_json', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), ({ bytes, text }, cut) => {
        const body = encoder.encode(text.trimEnd())
        expect(scanMessage(bytes.subarray(0, cut % body.length))).toEqual({ ok: false, error: 'not_json' })
      }),
    )
  })

  test('refuses it with anything but white space behind it, as not_json', () => {
    fc.assert(
      fc.property(
        anyMessage,
        space,
        fc.oneof(valueText, fc.constantFrom(',', '}', ']', '\u0000', '\u00a0', '\ufeff')),
        ({ text }, gap, tail) => {
          expect(scan(text + gap + tail)).toEqual({ ok: false, error: 'not_json' })
        },
      ),
    )
  })
})

describe('scanMessage() and keys that stand twice', () => {
  const WHERE = [
    ['', 'jsonrpc', '"2.0"'],
    ['', 'id', '7'],
    ['', 'method', '"ping"'],
    ['', 'params', '{}'],
    ['params', 'progressToken', '1'],
    ['params', 'progress', '0.5'],
    ['params', 'requestId', '"a"'],
    ['params', 'uri', '"file:///a"'],
    ['params', '_meta', '{}'],
    ['_meta', 'progressToken', '1'],
    ['_meta', 'io.modelcontextprotocol/subscriptionId', '1'],
  ] as const

  const wrap = (level: string, members: string): string => {
    if (level === '_meta') return `{"params":{"_meta":{${members}}},"method":"m","id":1,"jsonrpc":"2.0"}`
    if (level === 'params') return `{"params":{${members}},"method":"m","id":1,"jsonrpc":"2.0"}`
    const rest = Object.entries({ jsonrpc: '"2.0"', id: '1', method: '"m"' }).filter(([name]) => !members.startsWith(`"${name}"`))
    return `{${[members, ...rest.map(([name, value]) => `"${name}":${value}`)].join(',')}}`
  }

  test.each(WHERE)('refuses %s %s twice, however the second is spelled', (level, name, value) => {
    fc.assert(
      fc.property(spelled(name), fc.oneof(fc.constant(value), valueText), (again, other) => {
        expect(scan(wrap(level, `"${name}":${value},${again}:${other}`))).toEqual({ ok: false, error: 'duplicate_key' })
      }),
    )
  })

  test('refuses "\\u0069d" beside "id"', () => {
    expect(scan('{"jsonrpc":"2.0","id":1,"method":"m","\\u0069d":2}')).toEqual({ ok: false, error: 'duplicate_key' })
  })

  test.each(['{"result":1,"result":2,"id":1}', '{"error":{},"error":{},"id":1}', '{"result":1,"r\\u0065sult":2,"id":1}'])(
    'refuses %s',
    (text) => {
      expect(scan(text)).toEqual({ ok: false, error: 'duplicate_key' })
    },
  )

  test('lets the same name stand at different levels, and strangers stand twice', () => {
    const facts = factsOf(
      encoder.encode(
        '{"x":1,"x":2,"id":1,"method":"m","params":{"id":2,"id":3,"_meta":{"id":4,"progressToken":5},"arguments":{"id":6,"id":7}}}',
      ),
    )
    expect(facts.id?.raw).toBe('1')
    expect(facts.requestToken?.raw).toBe('5')
  })
})

describe('scanMessage() refuses', () => {
  const REFUSED: readonly (readonly [ScanError, string])[] = [
    ['not_json', ''],
    ['not_json', '  '],
    ['not_json', 'null'],
    ['not_json', '1'],
    ['not_json', '[]'],
    ['not_json', '\ufeff{"method":"m"}'],
    ['not_json', '{"id" 1}'],
    ['not_json', '{"id":1,}'],
    ['not_json', '{,"id":1}'],
    ['not_json', '{"id":}'],
    ['not_json', '{id:1}'],
    ['not_json', "{'id':1}"],
    ['not_json', '{"method":"m","id":"\\q"}'],
    ['not_json', '{"method":"m","id":"\\u12"}'],
    ['not_json', '{"method":"m","id":"a\u0001b"}'],
    ['not_json', '{"method":"m","id":"a\nb"}'],
    ['not_json', '{"method":"\\q"}'],
    ['not_json', '{"method":"m","\\q":1}'],
    ['not_json', '{"method":"m","id":01}'],
    ['not_json', '{"method":"m","id":1.}'],
    ['not_json', '{"method":"m","id":-}'],
    ['not_json', '{"method":"m","id":1e}'],
    ['not_json', '{"method":"m","id":1true}'],
    ['not_json', '{"method":"m","params":{"_meta":{"progressToken":"\\q"}}} '.replace('"params"', '"id":1,"params"')],
    ['not_json', '{"method":"notifications/cancelled","params":{"requestId":0x1}}'],
    ['not_a_message', '{}'],
    ['not_a_message', '{"jsonrpc":"2.0"}'],
    ['not_a_message', '{"jsonrpc":"2.0","id":1}'],
    ['not_a_message', '{"jsonrpc":"2.0","params":{"method":"m","id":1}}'],
    ['not_a_message', '{"jsonrpc":"2.0","method":1,"params":"bar"}'],
    ['not_a_message', '{"jsonrpc":"2.0","method":null,"id":1}'],
    ['not_a_message', '{"jsonrpc":"2.0","method":{"a":[]},"id":1}'],
    ['not_a_message', '{"method":"m","id":null}'],
    ['not_a_message', '{"method":"m","id":true}'],
    ['not_a_message', '{"method":"m","id":{}}'],
    ['not_a_message', '{"method":"m","id":[1]}'],
    ['not_a_message', '{"result":{}}'],
    ['not_a_message', '{"error":{}}'],
    ['not_a_message', '{"result":{},"id":null}'],
    // A peer that looks for `result` first would take these for the answer to a question of its own.
    ['not_a_message', '{"method":"m","id":1,"result":{}}'],
    ['not_a_message', '{"method":"m","id":1,"error":{}}'],
    ['not_a_message', '{"method":"m","result":{}}'],
  ]

  test.each(REFUSED)('%s: %s', (error, text) => {
    expect(scan(text)).toEqual({ ok: false, error })
  })

  test.each([
    ['an id', (long: string) => `{"method":"m","id":${long}}`],
    ['a method', (long: string) => `{"method":${long},"id":1}`],
    ['a progress token', (long: string) => `{"method":"m","id":1,"params":{"_meta":{"progressToken":${long}}}}`],
    ['a cancelled id', (long: string) => `{"method":"notifications/cancelled","params":{"requestId":${long}}}`],
    ['the URI of a subscription', (long: string) => `{"method":"resources/subscribe","id":1,"params":{"uri":${long}}}`],
    ['the URI of an update', (long: string) => `{"method":"notifications/resources/updated","params":{"uri":${long}}}`],
  ])('value_too_long: %s over the limit, and not one at the limit', (_, message) => {
    const value = (size: number): string => `"${'x'.repeat(size - 2)}"`
    expect(scan(message(value(MAX_ROUTING_VALUE_BYTES))).ok).toBe(true)
    expect(scan(message(value(MAX_ROUTING_VALUE_BYTES + 1)))).toEqual({ ok: false, error: 'value_too_long' })
  })

  test.each(['id', 'method'])('not_json: %s that is not UTF-8', (key) => {
    const bytes = encoder.encode(`{"method":"m","id":"1","${key}":"##"}`.replace(key === 'id' ? ',"id":"1"' : '"method":"m",', ''))
    const at = bytes.indexOf(0x23)
    for (const pair of [
      [0xff, 0x20],
      [0xc0, 0x80],
      [0xc3, 0x28],
    ] as const) {
      bytes.set(pair, at)
      expect(scanMessage(bytes)).toEqual({ ok: false, error: 'not_json' })
    }
  })
})

describe('scanMessage() lets pass', () => {
  test('an error answer without a known id', () => {
    expect(factsOf(encoder.encode('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}'))).toMatchObject({
      kind: 'error',
      id: { raw: 'null' },
    })
  })

  test.each(['progress', 'requestId', 'progressToken', 'uri'])('a tool call whose own parameter %s is as long as it likes', (name) => {
    const facts = factsOf(
      encoder.encode(`{"jsonrpc":"2.0","id":1,"method":"x/own","params":{"${name}":"${'x'.repeat(MAX_ROUTING_VALUE_BYTES)}"}}`),
    )
    expect(Object.keys(facts).toSorted()).toEqual(['id', 'kind', 'method'])
  })

  test.each(['null', 'true', '{"a":1}', '[1]'])('a progress token that is no token (%s), as if there were none', (token) => {
    expect(factsOf(encoder.encode(`{"id":1,"method":"m","params":{"_meta":{"progressToken":${token}}}}`)).requestToken).toBeUndefined()
  })

  test.each(['{"id":1,"method":"m","params":{"uri":7}}', '{"id":1,"method":"m","params":{"uri":null}}'])(
    'a URI that is no text, as if there were none: %s',
    (text) => {
      expect(factsOf(encoder.encode(text)).uri).toBeUndefined()
    },
  )

  test('nesting deeper than any stack', () => {
    const deep = 200_000
    for (const text of [`${'['.repeat(deep)}${']'.repeat(deep)}`, `${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`]) {
      expect(
        factsOf(encoder.encode(`{"params":{"_meta":${text.startsWith('{') ? '{"x":1}' : '[]'},"deep":${text}},"method":"m","id":9}`)).id
          ?.raw,
      ).toBe('9')
    }
  })
})
