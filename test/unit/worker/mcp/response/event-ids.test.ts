import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AgentFrame } from '../../../../../protocol/frame.ts'
import { EventIds, readEventId } from '../../../../../worker/mcp/response/event-ids.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const SESSION = 'abcdefghijklmnop234567abcd'
const KEY = '0123456789abcdef0123456789abcdef'

const rawName = fc.oneof(
  fc.string({ maxLength: 40, unit: 'grapheme' }).map((text) => JSON.stringify(text)),
  fc.integer().map(String),
  fc.constantFrom('0', '1.0', '9007199254740993', '"\\u0031"'),
)
const mark = fc.record(
  {
    child: fc.constantFrom('own' as const, 'shared' as const, 'modern' as const),
    generation: fc.nat(1e9 - 1),
    n: fc.maxSafeNat(),
    route: fc.stringMatching(/^[0-9a-z]{1,7}$/),
  },
  { requiredKeys: ['child', 'generation', 'n'] },
)

const words = fc.oneof(
  fc.record({ attempt: fc.integer({ min: 1, max: 9 }), method: fc.string({ maxLength: 40 }) }),
  fc.record({ attempt: fc.constant(1), method: fc.constant('tools/call'), tool: fc.string({ maxLength: 40, unit: 'grapheme' }) }),
)
const CALL = { attempt: 1, method: 'tools/call', tool: 't' }
const WORDS = btoa('[1,"tools/call","t"]').replaceAll('=', '')

function notification(ch: string, n: number): AgentFrame {
  return { type: 'notification', ch, n, at: 1, size: 1, method: 'm' }
}

test('readEventId() reads what EventIds makes, names as the client wrote them, in characters that a header can hold', () => {
  verifies('http.resume.unique', 'http.resume.names-stream')
  fc.assert(
    fc.property(rawName, fc.option(rawName, { nil: undefined }), words, mark, (rawId, rawToken, what, seen) => {
      const ids = EventIds.ofCall(SESSION, { key: KEY, rawId, rawToken, what })
      if (ids === undefined) return
      const place = { stream: 'call', key: KEY, rawId, rawToken, what }
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
  `c.${KEY}.${WORDS}.MQ`,
  `c.${KEY}.MQ.0`,
  `c.${KEY}.${WORDS}.MQ.MQ.MQ.0`,
  `c.${KEY.toUpperCase()}.${WORDS}.MQ.0`,
  `c.${KEY}.${WORDS}.${btoa('{}')}.0`,
  `c.${KEY}.${WORDS}.${btoa('"a')}.0`,
  `c.${KEY}.${WORDS}.${btoa('1 ')}.0`,
  `c.${KEY}.${WORDS}.__8.0`,
  ...['[]', '[1]', '[0,"m"]', '[1.5,"m"]', '[1,2]', '[1,"m",3]', '[1,"m","t",4]', '{}', '1', '"'].map(
    (text) => `c.${KEY}.${btoa(text).replaceAll('=', '')}.MQ.0`,
  ),
])('readEventId() refuses %j', (text) => {
  expect(readEventId(text)).toBeUndefined()
})

describe('EventIds', () => {
  test('are not given to a call whose names are too long for a header', () => {
    expect(EventIds.ofCall(SESSION, { key: KEY, what: CALL, rawId: `"${'x'.repeat(400)}"` })).toBeUndefined()
    expect(EventIds.ofCall(SESSION, { key: KEY, what: CALL, rawId: `"${'x'.repeat(300)}"` })).toBeDefined()
  })

  test('of() names messages of the own and of the shared children, and the answer as the end', () => {
    verifies('promise.5.numbered')
    const ids = EventIds.ofCall(SESSION, { key: KEY, what: CALL, rawId: '1' })
    expect(ids?.of(notification(`${SESSION}.3`, 8))).toBe(ids?.after({ child: 'own', generation: 3, n: 8 }))
    expect(ids?.of(notification('shared.3', 8))).toBe(ids?.after({ child: 'shared', generation: 3, n: 8 }))
    expect(ids?.of(notification('m-all.3', 8))).toBe(ids?.after({ child: 'modern', generation: 3, n: 8 }))
    expect(ids?.of(notification('m-other.3', 8))).toBeUndefined()
    expect(ids?.of({ type: 'answer', ch: 'shared.1', n: 1, at: 1, size: 1, key: KEY, ra: 'c', id: [0, 1], failed: false })).toBe(
      ids?.last(),
    )
  })
})
