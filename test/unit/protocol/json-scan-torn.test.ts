/** Batches, torn messages and garbage: what the scanner finds in them without throwing. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalId } from '../../../protocol/json/json-id.ts'
import { scanBatch, scanMessage, scanTornId, type MessageFacts } from '../../../protocol/json/json-scan.ts'
import { MAX_BATCH_MESSAGES, MAX_ROUTING_VALUE_BYTES } from '../../../protocol/limits.ts'
import { idText, lay, space, spelled, stringText, valueText } from './json-arbitrary.ts'
import { anyMessage, request } from './message-arbitrary.ts'

const encoder = new TextEncoder()

const decoder = new TextDecoder('utf-8', { fatal: true })

const withoutMinusZero = (value: unknown): unknown => (value === 0 ? 0 : value)

function factsOf(bytes: Uint8Array): MessageFacts {
  const scanned = scanMessage(bytes)
  if (!scanned.ok) throw new Error(`refused as ${scanned.error}: ${decoder.decode(bytes)}`)
  return scanned.value
}

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
