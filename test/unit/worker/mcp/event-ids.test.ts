import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AgentFrame } from '../../../../protocol/frame.ts'
import { EventIds, markOf, readEventId } from '../../../../worker/mcp/event-ids.ts'

const SESSION = 'abcdefghijklmnop234567abcd'
const KEY = '0123456789abcdef0123456789abcdef'

const rawName = fc.oneof(
  fc.string({ maxLength: 40, unit: 'grapheme' }).map((text) => JSON.stringify(text)),
  fc.integer().map(String),
  fc.constantFrom('0', '1.0', '9007199254740993', '"\\u0031"'),
)
const mark = fc.record({ isShared: fc.boolean(), generation: fc.nat(1e9 - 1), n: fc.nat() })

function notification(ch: string, n: number): AgentFrame {
  return { type: 'notification', ch, n, at: 1, size: 1, method: 'm' }
}

test('readEventId() reads what EventIds makes, names as the client wrote them, in characters that a header can hold', () => {
  fc.assert(
    fc.property(rawName, fc.option(rawName, { nil: undefined }), mark, (rawId, rawToken, seen) => {
      const ids = EventIds.ofCall(SESSION, { key: KEY, rawId, rawToken })
      if (ids === undefined) return
      const place = { stream: 'call', key: KEY, rawId, rawToken }
      expect(readEventId(ids.first())).toEqual({ ...place, mark: undefined, isOver: false })
      expect(readEventId(ids.after(seen))).toEqual({ ...place, mark: seen, isOver: false })
      expect(readEventId(ids.last())).toEqual({ ...place, mark: undefined, isOver: true })
      for (const id of [ids.first(), ids.after(seen), ids.last()]) expect(id).toMatch(/^[\w.-]{1,600}$/)
      expect(readEventId(EventIds.ofSession(SESSION).after(seen))).toEqual({ stream: 'session', mark: seen })
    }),
  )
})

test('readEventId() takes nothing else, whatever a client sends', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (text) => {
      expect(readEventId(text)).toBeUndefined()
    }),
  )
})

test.each([
  '',
  'g',
  'g.0',
  'g.end',
  'g.o1-2.o1-2',
  'g.x1-2',
  `c.${KEY}.MQ`,
  `c.${KEY}.MQ.MQ.MQ.0`,
  `c.${KEY.toUpperCase()}.MQ.0`,
  `c.${KEY}.${btoa('{}')}.0`,
  `c.${KEY}.${btoa('"a')}.0`,
  `c.${KEY}.${btoa('1 ')}.0`,
  `c.${KEY}.__8.0`,
])('readEventId() refuses %j', (text) => {
  expect(readEventId(text)).toBeUndefined()
})

describe('EventIds', () => {
  test('are not given to a call whose names are too long for a header', () => {
    expect(EventIds.ofCall(SESSION, { key: KEY, rawId: `"${'x'.repeat(400)}"` })).toBeUndefined()
    expect(EventIds.ofCall(SESSION, { key: KEY, rawId: `"${'x'.repeat(300)}"` })).toBeDefined()
  })

  test('of() names messages of the own and of the shared child, and the answer as the end', () => {
    const ids = EventIds.ofCall(SESSION, { key: KEY, rawId: '1' })
    expect(ids?.of(notification(`${SESSION}.3`, 8))).toBe(ids?.after({ isShared: false, generation: 3, n: 8 }))
    expect(ids?.of(notification('shared.3', 8))).toBe(ids?.after({ isShared: true, generation: 3, n: 8 }))
    expect(ids?.of(notification('m-other.3', 8))).toBeUndefined()
    expect(ids?.of({ type: 'answer', ch: 'shared.1', n: 1, at: 1, size: 1, key: KEY, ra: 'c', id: [0, 1], failed: false })).toBe(
      ids?.last(),
    )
  })
})

test('markOf() knows no place of a frame without a number', () => {
  expect(markOf({ type: 'failed', ch: 'shared.1', key: KEY, ra: 'c', code: 'CHILD_DIED', executed: 'no' }, SESSION)).toBeUndefined()
})
