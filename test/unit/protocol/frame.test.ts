/** Frames of both sides: what is written is read back, and no bytes make a decoder throw. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Frame } from '../../../protocol/frame.ts'
import { decodeAgentFrame, decodeRelayFrame, encodeFrame, type DecodedFrame, type FrameError } from '../../../protocol/frame-codec.ts'
import { CHUNK_BYTES, MAX_HEADER_BYTES } from '../../../protocol/limits.ts'
import type { Result } from '../../../protocol/result.ts'
import { concat } from '../../../protocol/splice.ts'
import { AGENT_FRAMES, agentFrame, body, RELAY_FRAMES, relayFrame } from './frame-arbitrary.ts'

const encoder = new TextEncoder()

const KEY = '0123456789abcdef'.repeat(2)

type Decode = (frame: Uint8Array) => Result<DecodedFrame<Frame>, FrameError>

/** A frame as a peer of another make may write it. */
function written(header: unknown, bytes: Uint8Array = new Uint8Array(0)): Uint8Array {
  const line = encoder.encode(typeof header === 'string' ? header : JSON.stringify(header))
  return concat([line, Uint8Array.of(0x0a), bytes])
}

const ascii = (json: string): string => json.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

const SIDES: readonly (readonly [string, Decode, Readonly<Record<string, fc.Arbitrary<Frame>>>])[] = [
  ['decodeRelayFrame()', decodeRelayFrame, RELAY_FRAMES],
  ['decodeAgentFrame()', decodeAgentFrame, AGENT_FRAMES],
]

describe.each(SIDES)('%s', (_, decode, frames) => {
  const anyFrame = fc.oneof(...Object.values(frames))

  test.each(Object.keys(frames))('gives back every %s that encodeFrame() wrote, with its body', (type) => {
    fc.assert(
      fc.property(frames[type] ?? fc.constant({ type: 'drain' }), body, (header, bytes) => {
        const decoded = decode(encodeFrame(header, bytes))
        expect(decoded).toEqual({ ok: true, value: { header, body: bytes } })
      }),
    )
  })

  test('ignores unknown fields, whatever they are called and hold', () => {
    const name = fc.oneof(
      fc.string().map((text) => `x-${text}`),
      fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty'),
    )
    fc.assert(
      fc.property(anyFrame, body, fc.dictionary(name, fc.jsonValue()), (header, bytes, strangers) => {
        const decoded = decode(written(ascii(JSON.stringify({ ...strangers, ...header })), bytes))
        expect(decoded).toMatchObject({ ok: true, value: { header, body: bytes } })
      }),
    )
  })

  test('ignores fields that another frame type has, good or bad', () => {
    fc.assert(
      fc.property(fc.nat(), body, (size, bytes) => {
        const header = { type: 'drain', size, id: [5, 1], token: 'none', key: 1 }
        expect(decode(written(header, bytes))).toMatchObject({ ok: true, value: { body: bytes } })
      }),
    )
  })

  test('never throws on random bytes', () => {
    const line = fc.oneof(
      fc.uint8Array(),
      fc.string().map((text) => encoder.encode(text)),
      fc.json().map((text) => encoder.encode(text)),
    )
    fc.assert(
      fc.property(line, body, (start, rest) => {
        expect(() => decode(Uint8Array.of(...start, 0x0a, ...rest))).not.toThrow()
        expect(() => decode(start)).not.toThrow()
      }),
      { numRuns: 1000 },
    )
  })

  test('never throws on a frame with bytes changed, and never lets the body grow into the header', () => {
    fc.assert(
      fc.property(
        anyFrame,
        body,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 5 }),
        (header, bytes, changes) => {
          const frame = encodeFrame(header, bytes)
          for (const [at, byte] of changes) frame[at % frame.length] = byte
          const decoded = decode(frame)
          if (decoded.ok) expect(frame.length - decoded.value.body.length - 1).toBe(frame.indexOf(0x0a))
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('refuses a frame cut inside its header, as no_header', () => {
    fc.assert(
      fc.property(anyFrame, body, fc.nat(), (header, bytes, cut) => {
        const frame = encodeFrame(header, bytes)
        expect(decode(frame.subarray(0, cut % (frame.indexOf(0x0a) + 1)))).toEqual({ ok: false, error: 'no_header' })
      }),
    )
  })

  test('never throws on any value in any field', () => {
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(-1, 0.5, 1e308, 2 ** 53, true, false, null, '', [], [1], [2, 1], [0, 1, 2], {}, [[0, 1]], [{}], [{ ch: 'a' }]),
    )
    fc.assert(
      fc.property(anyFrame, fc.nat(), value, (header, turn, other) => {
        const fields = Object.keys(header)
        expect(() => decode(written({ ...header, [fields[turn % fields.length] ?? '']: other }))).not.toThrow()
      }),
      { numRuns: 1000 },
    )
  })

  test.each([
    ['no_header', new Uint8Array(0)],
    ['no_header', encoder.encode('{"type":"drain"}')],
    ['bad_header', written('')],
    ['bad_header', written('null')],
    ['bad_header', written('[]')],
    ['bad_header', written('"drain"')],
    ['bad_header', written('{"type":"drain"')],
    ['bad_header', written('{"type":"drain"}{}')],
    ['bad_header', written('{"type":"drain","note":"é"}')],
    ['bad_header', Uint8Array.of(...encoder.encode('{"type":"drain","note":"'), 0xff, 0x22, 0x7d, 0x0a)],
    ['unknown_type', written('{}')],
    ['unknown_type', written('{"type":null}')],
    ['unknown_type', written('{"type":["drain"]}')],
    ['unknown_type', written('{"type":"Drain"}')],
    ['unknown_type', written('{"type":"__proto__"}')],
    ['unknown_type', written('{"type":"constructor"}')],
    ['unknown_type', written('{"__proto__":{"type":"drain"}}')],
  ] as const)('refuses as %s %#', (error, frame) => {
    expect(decode(frame)).toEqual({ ok: false, error })
  })

  test('refuses a header over the limit before it parses it, and takes one at the limit', () => {
    const header = (bytes: number): Uint8Array => written(`{"type":"drain"${' '.repeat(bytes - 16)}}`)
    expect(decode(header(MAX_HEADER_BYTES)).ok).toBe(true)
    expect(decode(header(MAX_HEADER_BYTES + 1))).toEqual({ ok: false, error: 'header_too_long' })
  })

  test('never throws on a header nested as deep as its limit allows', () => {
    const deep = (MAX_HEADER_BYTES - 40) / 2
    expect(() => decode(written(`{"type":"drain","x":${'['.repeat(deep)}${']'.repeat(deep)}}`))).not.toThrow()
    expect(decode(written('['.repeat(MAX_HEADER_BYTES)))).toEqual({ ok: false, error: 'bad_header' })
  })

  test('refuses a body over the limit of one frame, and takes one at the limit', () => {
    const header =
      decode === decodeRelayFrame
        ? { type: 'upload', ch: 'c', key: KEY, offset: 0 }
        : { type: 'chunk', ch: 'c', n: 1, at: CHUNK_BYTES, offset: 0 }
    const frame = (bytes: number): Uint8Array => written(header, new Uint8Array(bytes))
    expect(decode(frame(CHUNK_BYTES)).ok).toBe(true)
    expect(decode(frame(CHUNK_BYTES + 1))).toEqual({ ok: false, error: 'bad_body' })
  })
})

describe('encodeFrame()', () => {
  test('writes an ASCII header on one line, then the body untouched', () => {
    fc.assert(
      fc.property(fc.oneof(relayFrame, agentFrame), body, (header, bytes) => {
        const frame = encodeFrame(header, bytes)
        const end = frame.length - bytes.length - 1
        expect(frame.indexOf(0x0a)).toBe(end)
        expect(frame.subarray(0, end).every((byte) => byte >= 0x20 && byte < 0x80)).toBe(true)
        expect([...frame.subarray(end + 1)]).toEqual([...bytes])
      }),
    )
  })

  test('leaves the body where it was: the frame is a copy', () => {
    const bytes = Uint8Array.of(1, 2, 3)
    encodeFrame({ type: 'drain' }, bytes).fill(0)
    expect([...bytes]).toEqual([1, 2, 3])
  })
})
