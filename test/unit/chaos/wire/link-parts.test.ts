import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutPoint, LinkReader, type SeenFrame, type Stretch } from '../../../chaos/wire/link-parts.ts'
import { LINK_PARTS, type LinkPart } from '../../../chaos/plan-faults.ts'

const UPGRADE = Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n')

/** One WebSocket frame (RFC 6455 §5.2), and what each of its bytes is. */
function frame(opcode: number, payload: Buffer, mask?: Buffer): { bytes: Buffer; parts: Stretch['part'][] } {
  const { length } = payload
  const maskBit = mask === undefined ? 0 : 0x80
  const size =
    length < 126
      ? [length]
      : length < 65_536
        ? [126, length >> 8, length & 0xff]
        : [127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 0xff, length & 0xff]
  const head = Buffer.from([0x80 | opcode, maskBit | (size[0] ?? 0), ...size.slice(1), ...(mask ?? [])])
  const sent = Buffer.from(payload.map((byte, at) => byte ^ (mask?.[at % 4] ?? 0)))
  const line = opcode === 2 ? payload.indexOf(10) + 1 : 0
  const ofPayload = Array.from(payload, (_, at) => (at < line ? ('header-line' as const) : ('body' as const)))
  return { bytes: Buffer.concat([head, sent]), parts: [...Array.from(head, () => 'frame-header' as const), ...ofPayload] }
}

const frames = fc.array(
  fc.record({
    isBinary: fc.boolean(),
    mask: fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 }), { nil: undefined }),
    header: fc.string({ maxLength: 200, unit: 'grapheme-ascii' }),
    bodyBytes: fc.oneof(fc.nat(300), fc.constantFrom(0, 125, 126, 70_000)),
  }),
  { maxLength: 5 },
)

/** Reads a stream in chunks that end at these shares of it; gives the part of each byte, and the frames that were seen. */
function read(stream: Buffer, ends: readonly number[]): { parts: Stretch['part'][]; seen: SeenFrame[]; begins: number[] } {
  const seen: SeenFrame[] = []
  const reader = new LinkReader((one) => seen.push(one))
  const parts: Stretch['part'][] = []
  const begins: number[] = []
  const cuts = [0, ...ends.map((share) => Math.floor(share * stream.length)).toSorted((a, b) => a - b), stream.length]
  cuts.slice(1).forEach((to, at) => {
    const from = cuts[at] ?? 0
    for (const stretch of reader.read(stream.subarray(from, to))) {
      if (stretch.begins) begins.push(from + stretch.from)
      for (let byte = stretch.from; byte < stretch.to; byte++) parts.push(stretch.part)
    }
  })
  return { parts, seen, begins }
}

test('LinkReader knows the part of every byte, however the stream is cut into chunks', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }), (sent, ends) => {
      const made = sent.map(({ isBinary, mask, header, bodyBytes }) =>
        frame(
          isBinary ? 2 : 1,
          Buffer.concat([Buffer.from(isBinary ? `${header}\n` : 'pong'), Buffer.alloc(bodyBytes, 'x')]),
          mask && Buffer.from(mask),
        ),
      )
      const { parts, seen, begins } = read(Buffer.concat([UPGRADE, ...made.map(({ bytes }) => bytes)]), ends)
      expect(parts).toEqual([...Array.from(UPGRADE, () => 'upgrade'), ...made.flatMap((one) => one.parts)])
      expect(seen.map(({ header }) => header)).toEqual(sent.filter(({ isBinary }) => isBinary).map(({ header }) => header))
      expect(begins).toHaveLength(made.length)
    }),
    { numRuns: 60 },
  )
})

test.each<[LinkPart, number | undefined]>([
  ['upgrade', 5],
  ['between', 10],
  ['frame-header', 11],
  ['header-line', 22],
  ['body', 65],
])('cutPoint() finds a place for a cut in %s', (wanted, place) => {
  const stretches: Stretch[] = [
    { part: 'upgrade', from: 0, to: 10, begins: false },
    { part: 'frame-header', from: 10, to: 12, begins: true },
    { part: 'header-line', from: 12, to: 32, begins: false },
    { part: 'body', from: 32, to: 99, begins: false },
  ]
  expect(cutPoint(stretches, wanted)).toBe(place)
})

test('cutPoint() finds none where the part is not, or is a single byte', () => {
  for (const part of LINK_PARTS)
    expect(cutPoint([{ part: part === 'body' ? 'upgrade' : 'body', from: 0, to: 9, begins: false }], part)).toBeUndefined()
  expect(cutPoint([{ part: 'body', from: 0, to: 1, begins: false }], 'body')).toBeUndefined()
})
