import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalId } from '../../../protocol/json-id.ts'
import { scanBatch, scanMessage, scanTornId, type MessageFacts, type ScanError } from '../../../protocol/json-scan.ts'
import { MAX_BATCH_MESSAGES, MAX_ROUTING_VALUE_BYTES } from '../../../protocol/limits.ts'
import type { Result } from '../../../protocol/result.ts'
import { verifies } from '../../requirements/verifies.ts'
import { idText, lay, numberText, space, spelled, stringText, valueText } from './json-arbitrary.ts'
import { anyMessage, request } from './message-arbitrary.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

const withoutMinusZero = (value: unknown): unknown => (value === 0 ? 0 : value)

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

describe('scanMessage(), scanBatch() and scanTornId() never throw', () => {
  const scans = (bytes: Uint8Array): void => {
    for (const run of [scanMessage, scanBatch, scanTornId]) expect(() => run(bytes)).not.toThrow()
  }

  test('on random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), scans), { numRuns: 1000 })
  })

  test('on tokens of JSON in any order', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      '"id"',
      '"\\u0069d"',
      '"method"',
      '"params"',
      '"_meta"',
      '"progressToken"',
      '"\\q"',
      '1',
      '-',
      'null',
      ' ',
      '\n',
      '\u0000',
      'я',
    )
    fc.assert(
      fc.property(fc.array(token, { maxLength: 40 }), (tokens) => scans(encoder.encode(tokens.join('')))),
      { numRuns: 2000 },
    )
  })

  test('on a message with some bytes changed, and what they then find can be used', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(request, fc.array(change, { minLength: 1, maxLength: 4 }), ({ bytes }, changes) => {
        const hostile = bytes.slice()
        for (const [at, byte] of changes) hostile[at % hostile.length] = byte
        scans(hostile)
        const scanned = scanMessage(hostile)
        if (!scanned.ok) return
        for (const value of [scanned.value.id, scanned.value.requestToken]) {
          if (value === undefined) continue
          expect(['string', 'number']).toContain(typeof JSON.parse(value.raw))
          expect(withoutMinusZero(JSON.parse(canonicalId(value.raw)))).toEqual(withoutMinusZero(JSON.parse(value.raw)))
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('scanTornId()', () => {
  const torn = (text: string): string | undefined => scanTornId(encoder.encode(text))

  test('names the id of an answer cut anywhere behind it', () => {
    fc.assert(
      fc.property(idText, spelled('id'), stringText, fc.nat(), (raw, key, payload, cut) => {
        const head = `{"jsonrpc":"2.0",${key}:${raw},`
        const rest = `"result":{"content":${payload}}`
        expect(torn(head + rest.slice(0, cut % rest.length))).toBe(raw)
      }),
    )
  })

  test('never names a part of an id, wherever the cut', () => {
    fc.assert(
      fc.property(idText, fc.nat(), (raw, cut) => {
        const { bytes } = lay(['{"jsonrpc":"2.0","id":', raw, ',"result":1}'])
        const found = scanTornId(bytes.subarray(0, cut % bytes.length))
        if (found !== undefined) expect(found).toBe(raw)
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['the id was not reached', '{"result":{"content":"abc'],
    ['the cut may be inside a number', '{"id":12'],
    ['the id is nested', '{"result":{"id":1,"a":"'],
    ['it is a request by its method', '{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":["'],
    ['it is a request by its parameters', '{"jsonrpc":"2.0","id":1,"params":{"messages":["'],
    ['two ids stand there', '{"id":1,"\\u0069d":2,"result":"'],
    ['the id is no id', '{"id":{"a":1},"result":"'],
    ['the id is no JSON', '{"id":"\\q","result":"'],
    ['the id is too long', `{"id":"${'x'.repeat(MAX_ROUTING_VALUE_BYTES)}","result":"`],
    ['it is no object', '[{"id":1},'],
    ['it is empty', ''],
  ])('is undefined when %s', (_, text) => {
    expect(torn(text)).toBeUndefined()
  })

  test('is undefined when the id is not UTF-8', () => {
    const bytes = encoder.encode('{"id":"#","result":"')
    bytes[bytes.indexOf(0x23)] = 0xff
    expect(scanTornId(bytes)).toBeUndefined()
  })
})

describe('scanBatch()', () => {
  test('points at exactly the elements of any array', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(space, valueText, space), { maxLength: 6 }), space, space, (items, before, after) => {
        const pieces = items.flatMap(([lead, raw, tail], at) => [at === 0 ? '' : ',', lead, { mark: String(at), raw }, tail])
        const { bytes, spans } = lay([before, '[', ...pieces, ']', after])
        expect(scanBatch(bytes)).toEqual({ ok: true, value: [...spans.values()].map(({ span }) => span) })
      }),
      { numRuns: 300 },
    )
  })

  test('is undefined for whatever is no array', () => {
    const other = valueText.filter((text) => !text.startsWith('['))
    fc.assert(
      fc.property(space, other, (gap, text) => {
        expect(scanBatch(encoder.encode(gap + text))).toEqual({ ok: true, value: undefined })
      }),
    )
  })

  test('gives spans that scanMessage() takes', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { minLength: 1, maxLength: 4 }), (messages) => {
        const bytes = encoder.encode(`[${messages.map(({ text }) => text).join(',')}]`)
        const batch = scanBatch(bytes)
        if (!batch.ok || batch.value === undefined) throw new Error('no batch')
        expect(batch.value.map((span) => factsOf(bytes.subarray(...span)).kind)).toEqual(messages.map(({ kind }) => kind))
      }),
    )
  })

  test.each(['[', '[1', '[1,', '[1,]', '[,1]', '[1 2]', '[1]]', '[1]x', '[}', '[{]', '["a]', '[[]', '[] []'])(
    'refuses %s as not_json',
    (text) => {
      expect(scanBatch(encoder.encode(text))).toEqual({ ok: false, error: 'not_json' })
    },
  )

  test('takes a batch at the limit and refuses a longer one before it has gathered it', () => {
    const batch = (count: number): Uint8Array => encoder.encode(`[${Array.from({ length: count }, () => '0').join(',')}]`)
    const whole = scanBatch(batch(MAX_BATCH_MESSAGES))
    expect(whole.ok && whole.value?.length).toBe(MAX_BATCH_MESSAGES)
    expect(scanBatch(batch(MAX_BATCH_MESSAGES + 1))).toEqual({ ok: false, error: 'batch_too_long' })
    // Torn behind the limit: nobody looked that far.
    expect(scanBatch(batch(MAX_BATCH_MESSAGES + 2).subarray(0, -1))).toEqual({ ok: false, error: 'batch_too_long' })
  })
})

describe('canonicalId()', () => {
  /** A number as sign, digits and power of ten, by long arithmetic: an oracle that shares nothing with the code. */
  const exactly = (raw: string): string => {
    const [, sign = '', whole = '', fraction = '', power = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(raw) ?? []
    const shift = 1100n + BigInt(power) - BigInt(fraction.length)
    const scaled = BigInt(whole + fraction) * 10n ** shift
    return scaled === 0n ? '0' : `${sign}${scaled}`
  }

  test('is one for all spellings of a string, and only for those', () => {
    fc.assert(
      fc.property(stringText, stringText, (a, b) => {
        expect(canonicalId(a)).toBe(canonicalId(JSON.stringify(JSON.parse(a))))
        expect(canonicalId(a) === canonicalId(b)).toBe(JSON.parse(a) === JSON.parse(b))
      }),
    )
  })

  test('is one for all spellings of a number, and only for those', () => {
    fc.assert(
      fc.property(numberText, numberText, (a, b) => {
        expect(canonicalId(a) === canonicalId(b)).toBe(exactly(a) === exactly(b))
      }),
      { numRuns: 1000 },
    )
  })

  test('is one for a number and for what a peer that parses it writes again', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(canonicalId(value.toExponential())).toBe(canonicalId(JSON.stringify(value)))
      }),
    )
  })

  test('is one for a number with zeros and powers of ten moved about', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(20), (value, zeros) => {
        const plain = canonicalId(String(value))
        expect(canonicalId(`${value}.${'0'.repeat(zeros + 1)}`)).toBe(plain)
        expect(canonicalId(`${value}${value === 0n ? '' : '0'.repeat(zeros)}E-${value === 0n ? 0 : zeros}`)).toBe(plain)
      }),
    )
  })

  test('is the plain digits of every safe integer, as an agent writes the ids that it assigns', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, 10, 1000, 2 ** 31, 9007199254740991)), (value) => {
        expect(canonicalId(JSON.stringify(value))).toBe(String(value))
      }),
    )
  })

  test('tells a number from the string of it', () => {
    verifies('promise.1.ids-distinct')
    fc.assert(
      fc.property(idText, (raw) => {
        expect(canonicalId(JSON.stringify(raw))).not.toBe(canonicalId(raw))
      }),
    )
  })

  test('is JSON of the same value, and its own canonical form', () => {
    fc.assert(
      fc.property(idText, (raw) => {
        const canonical = canonicalId(raw)
        expect(withoutMinusZero(JSON.parse(canonical))).toEqual(withoutMinusZero(JSON.parse(raw)))
        expect(canonicalId(canonical)).toBe(canonical)
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['1', '1.0'],
    ['1', '1e0'],
    ['100', '1e2'],
    ['100', '1E+2'],
    ['1', '100e-2'],
    ['0', '-0'],
    ['0', '0.000e7'],
    ['1.5', '1.50'],
    ['0.1', '1e-1'],
    ['1e20', '100000000000000000000'],
    ['"1"', '"\\u0031"'],
    ['"/"', '"\\/"'],
    ['"é"', '"\\u00e9"'],
    ['"😀"', '"\\ud83d\\uDE00"'],
  ])('holds %s and %s for one id', (a, b) => {
    expect(canonicalId(a)).toBe(canonicalId(b))
  })

  test.each([
    ['1', '"1"'],
    ['0', 'null'],
    ['9007199254740992', '9007199254740993'],
    ['1', '1.00000000000000000001'],
    ['1e400', '1e401'],
    ['"a"', '"A"'],
    ['"é"', '"e\\u0301"'],
    ['-1', '1'],
  ])('holds %s and %s for two', (a, b) => {
    expect(canonicalId(a)).not.toBe(canonicalId(b))
  })

  test('keeps text that is no id, and never throws', () => {
    const garbage = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((text) => `"${text}`),
      fc.constant('1e99999999999999999999'),
    )
    fc.assert(
      fc.property(garbage, (raw) => {
        expect(() => canonicalId(raw)).not.toThrow()
      }),
    )
    for (const raw of ['"\\q"', '"', '', '-', '0x10', ' 1 ', 'Infinity', 'null', '01']) expect(canonicalId(raw)).toBe(raw)
  })
})
