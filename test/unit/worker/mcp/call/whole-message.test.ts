import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AgentFrame, Answer, Chunk } from '../../../../../protocol/frame.ts'
import { type Item, type ItemSource, SoleItem } from '../../../../../worker/mcp/call/item.ts'
import { readAnswer, WholeMessage } from '../../../../../worker/mcp/call/whole-message.ts'
import { MAX_BRIDGED_ANSWER_BYTES } from '../../../../../worker/limits.ts'
import { verifies } from '../../../../requirements/verifies.ts'

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

describe('readAnswer()', () => {
  const NOTIFICATION: AgentFrame = { type: 'notification', ch: 'c.1', n: 1, at: 0, size: 1, method: 'm' }

  /** A source of these frames, whose bodies are what follows them. */
  function sourceOf(...frames: readonly (readonly [AgentFrame, number])[]) {
    const left = frames.map(([header, size]): Item => ({ kind: 'frame', header, body: new Uint8Array(size).fill(7), restarted: false }))
    const source = { taken: 0, isClosed: false }
    const items: ItemSource = {
      next: () => (left.length === 0 ? new Promise(() => undefined) : Promise.resolve(left.shift())),
      taken: (bytes) => (source.taken += bytes),
      close: () => (source.isClosed = true),
    }
    return Object.assign(source, { items })
  }

  test('does not assemble an answer that is longer than one that is translated', async () => {
    verifies('promise.10.small-heap')
    const source = sourceOf([headerOf(2, MAX_BRIDGED_ANSWER_BYTES + 1), 2])
    expect(await readAnswer(source.items)).toBeUndefined()
    expect(source).toMatchObject({ taken: 2, isClosed: true })
  })

  test('assembles the answer, passes over other messages, and closes its source', async () => {
    const source = sourceOf([NOTIFICATION, 1], [headerOf(2, 3), 2], [{ type: 'chunk', ch: 'c.1', n: 2, at: 0, offset: 2 }, 1])
    expect(await readAnswer(source.items)).toEqual(new Uint8Array([7, 7, 7]))
    expect(source).toMatchObject({ taken: 4, isClosed: true })
  })

  test('is the failure of a call that the agent or the Share fails', async () => {
    const source = sourceOf([{ type: 'failed', ch: 'c.1', key: '0', ra: 'c0', code: 'CHILD_DIED', executed: 'no' }, 0])
    expect(await readAnswer(source.items)).toEqual({ code: 'CHILD_DIED', executed: 'no' })
    expect(source.isClosed).toBe(true)
    const failure = { code: 'AGENT_AWAY', executed: 'no', retryAfterMs: 1 } as const
    expect(await readAnswer(new SoleItem({ kind: 'failed', failure }))).toEqual(failure)
  })
})
