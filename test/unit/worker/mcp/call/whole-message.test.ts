import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Answer, Chunk } from '../../../../../protocol/frame.ts'
import { WholeMessage } from '../../../../../worker/mcp/call/whole-message.ts'

function headerOf(n: number, size: number): Answer {
  return { type: 'answer', ch: 'c.1', n, at: 0, size, key: '0', ra: 'c0', id: [0, 1], failed: false }
}

/** Cuts a body at these places; the offsets of its parts with them. */
function cut(body: Uint8Array, places: readonly number[]): { readonly offset: number; readonly part: Uint8Array }[] {
  const ends = [...new Set(places.map((place) => place % body.length)), body.length].filter((end) => end > 0).toSorted((a, b) => a - b)
  return ends.map((end, index) => ({ offset: ends[index - 1] ?? 0, part: body.subarray(ends[index - 1] ?? 0, end) }))
}

/** Feeds the parts in order; what came of the last one. */
function feed(answer: WholeMessage<Answer>, n: number, body: Uint8Array, parts: ReturnType<typeof cut>): Uint8Array | undefined {
  let whole: Uint8Array | undefined
  for (const { offset, part } of parts) {
    const chunk: Chunk = { type: 'chunk', ch: 'c.1', n, at: 0, offset }
    expect(whole).toBeUndefined()
    if (offset > 0) expect(answer.owns(chunk)).toBe(true)
    whole = (offset === 0 ? answer.begin(headerOf(n, body.length), part) : answer.goOn(chunk, part))?.body
  }
  return whole
}

const body = fc.uint8Array({ minLength: 1, maxLength: 60 })
const places = fc.array(fc.nat(1000), { maxLength: 6 })

test('WholeMessage gives the body once its last part has come, however it was cut', () => {
  fc.assert(
    fc.property(body, places, (bytes, at) => {
      expect(feed(new WholeMessage<Answer>(), 1, bytes, cut(bytes, at))).toEqual(bytes)
    }),
  )
})

test('WholeMessage begins again with what is sent again, under the same number or another, in other parts', () => {
  fc.assert(
    fc.property(body, places, places, fc.integer({ min: 1, max: 2 }), (bytes, first, second, n) => {
      const answer = new WholeMessage<Answer>()
      feed(answer, 1, bytes, cut(bytes, first).slice(0, -1))
      expect(feed(answer, n, bytes, cut(bytes, second))).toEqual(bytes)
    }),
  )
})

test('WholeMessage passes over what it has, and a part behind a gap', () => {
  const answer = new WholeMessage<Answer>()
  const bytes = new Uint8Array([1, 2, 3, 4])
  const chunk = (offset: number): Chunk => ({ type: 'chunk', ch: 'c.1', n: 1, at: 0, offset })
  answer.begin(headerOf(1, 4), bytes.subarray(0, 2))
  expect(answer.goOn(chunk(3), bytes.subarray(3))).toBeUndefined()
  expect(answer.goOn(chunk(1), bytes.subarray(1, 2))).toBeUndefined()
  expect(answer.goOn(chunk(1), bytes.subarray(1))?.body).toEqual(bytes)
  expect(answer.owns({ ...chunk(0), n: 2 })).toBe(false)
})
