import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineSplitter } from '../../../../agent/server/line-splitter.ts'
import { OVERSIZED_HEAD_BYTES, OVERSIZED_TAIL_BYTES } from '../../../../agent/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'

interface Torn {
  readonly head: string
  readonly tail: string
  readonly size: number
}

function split(chunks: readonly Uint8Array[], maxBytes = 1024): (string | Torn)[] {
  const got: (string | Torn)[] = []
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
  const splitter = new LineSplitter(maxBytes, {
    line: (bytes) => got.push(text(bytes)),
    tooLong: (head, tail, size) => got.push({ head: text(head), tail: text(tail), size }),
  })
  for (const chunk of chunks) splitter.push(chunk)
  splitter.end()
  return got
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b)
  return [0, ...at].map((from, index) => bytes.slice(from, at[index] ?? bytes.length))
}

test('LineSplitter gives the same lines however the bytes are cut', () => {
  verifies('stdio.utf8')
  const bytes = fc.array(fc.oneof(fc.constantFrom(0x0a, 0x0d, 0x20), fc.nat(255)), { maxLength: 400 }).map((all) => Uint8Array.from(all))
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(400), { maxLength: 30 }), fc.integer({ min: 1, max: 40 }), (all, places, maxBytes) => {
      expect(split(cut(all, places), maxBytes)).toEqual(split([all], maxBytes))
    }),
    { numRuns: 500 },
  )
})

test('LineSplitter gives what splitting the whole would give', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '漢', '🙂', '\r', ' ') }), { minLength: 1 }),
      fc.array(fc.nat(400)),
      (lines, places) => {
        const whole = Buffer.from(lines.map((line) => `${line}\n`).join(''))
        const expected = lines.map((line) => Buffer.from(line.replace(/\r+$/, '').replaceAll('\r', ' ')).toString('latin1'))
        expect(split(cut(whole, places), 1 << 20)).toEqual(expected)
      },
    ),
  )
})

test('LineSplitter.end() gives an unfinished line, and nothing after a finished one', () => {
  expect(split([Buffer.from('a\nb')])).toEqual(['a', 'b'])
  expect(split([Buffer.from('a\n')])).toEqual(['a'])
  expect(split([])).toEqual([])
})

test('LineSplitter reports a line over the limit with both ends, and goes on with the next', () => {
  verifies('promise.10.line')
  const long = `{"id":1,${'x'.repeat(200_000)}"end"}`
  const expected = [{ head: long.slice(0, OVERSIZED_HEAD_BYTES), tail: long.slice(-OVERSIZED_TAIL_BYTES), size: long.length }, 'next']
  expect(split([Buffer.from(`${long}\nnext\n`)], 100_000)).toEqual(expected)
  const bits = cut(
    Buffer.from(`${long}\nnext\n`),
    Array.from({ length: 200 }, (_, index) => index * 997),
  )
  expect(split(bits, 100_000)).toEqual(expected)
})

test('LineSplitter takes a line of exactly the limit', () => {
  expect(split([Buffer.from('abcd\nabcde\n')], 4)).toEqual(['abcd', { head: 'abcde', tail: 'abcde', size: 5 }])
})

test('LineSplitter hands out bytes of its own', () => {
  const chunk = Buffer.from('abc\n')
  const got: Uint8Array[] = []
  new LineSplitter(10, { line: (bytes) => got.push(bytes), tooLong: () => {} }).push(chunk)
  chunk.fill(0)
  expect(Buffer.from(got[0] ?? []).toString()).toBe('abc')
})

test('LineSplitter keeps a line that comes byte by byte without an object for each', () => {
  const got: number[] = []
  const splitter = new LineSplitter(1 << 20, { line: (bytes) => got.push(bytes.length), tooLong: () => {} })
  const byte = Buffer.from('x')
  for (let count = 0; count < 300_000; count++) splitter.push(byte)
  splitter.push(Buffer.from('\n'))
  expect(got).toEqual([300_000])
})

test('LineSplitter drops a byte order mark before a line, and nowhere else', () => {
  verifies('promise.1.odd-servers')
  const bytes = Buffer.from('\uFEFFone\n\uFEFFtwo\uFEFF\n \uFEFF\n\uFEFF')
  const lines = ['one', Buffer.from('two\uFEFF').toString('latin1'), Buffer.from(' \uFEFF').toString('latin1'), '']
  expect(split([bytes])).toEqual(lines)
  expect(split([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(lines)
})

test('LineSplitter.unfinished() shows a line whose end has not come, up to a size', () => {
  const splitter = new LineSplitter(1024, { line: () => {}, tooLong: () => {} })
  splitter.push(Buffer.from('one\ntw'))
  splitter.push(Buffer.from('o'))
  expect(Buffer.from(splitter.unfinished(3) ?? []).toString()).toBe('two')
  expect(splitter.unfinished(2)).toBeUndefined()
  splitter.push(Buffer.from('\n'))
  expect(splitter.unfinished(2)).toHaveLength(0)
})

test('LineSplitter hands over what the edit makes of a line, however it came', () => {
  const got: string[] = []
  const handlers = { line: (bytes: Uint8Array): unknown => got.push(String(bytes)), tooLong: (): unknown => got.push('too long') }
  const splitter = new LineSplitter(4, handlers, (line) => Uint8Array.of(line.length, 7))
  for (const chunk of ['ab\n', 'a', 'bc\r\n', '12345\n']) splitter.push(Buffer.from(chunk))
  expect(got).toEqual(['2,7', '3,7', 'too long'])
})
