import { expect, test, vi } from 'vitest'
import { MAX_LIST_PAGES } from '../../../../../agent/limits.ts'
import { ListMemory } from '../../../../../agent/server/merged/list-memory.ts'

const LIST = 'tools/list'
const page = (text: string): Buffer => Buffer.from(text)

test('ListMemory tells page by page whether a list is another than was shown', () => {
  const memory = new ListMemory()
  memory.note(LIST, undefined, page('1'), 'two')
  memory.note(LIST, 'two', page('2'), undefined)
  expect(memory.methods).toEqual([LIST])
  // Cursors may be others after a restart.
  expect([memory.differs(LIST, 0, page('1'), 'x'), memory.differs(LIST, 1, page('2'), undefined)]).toEqual([undefined, false])
  expect([
    memory.differs(LIST, 0, page('0'), 'two'),
    memory.differs(LIST, 0, page('1'), undefined),
    memory.differs(LIST, 1, page('2'), 'x'),
  ]).toEqual([true, true, true])
})

test('ListMemory looks no further than its client has, and forgets what was listed before', () => {
  const memory = new ListMemory()
  memory.note(LIST, undefined, page('1'), 'two')
  expect([memory.differs(LIST, 0, page('1'), 'two'), memory.differs(LIST, 1, page('other'), undefined)]).toEqual([undefined, false])
  memory.note(LIST, 'two', page('2'), undefined)
  memory.note(LIST, undefined, page('3'), 'two')
  expect(memory.differs(LIST, 1, page('other'), undefined)).toBe(false)
  memory.forget(LIST)
  expect([memory.methods, memory.differs(LIST, 0, page('x'), undefined)]).toEqual([[], false])
})

test('ListMemory keeps so many pages', () => {
  const memory = new ListMemory()
  for (let n = 0; n <= MAX_LIST_PAGES; n++) memory.note(LIST, n === 0 ? undefined : String(n), page(String(n)), String(n + 1))
  expect(memory.differs(LIST, MAX_LIST_PAGES - 1, page('x'), 'y')).toBe(true)
  expect(memory.differs(LIST, MAX_LIST_PAGES, page('x'), 'y')).toBe(false)
})

test('ListMemory keeps no cursor, however long one is', () => {
  const memory = new ListMemory()
  const cursor = 'c'.repeat(1_000_000)
  memory.note(LIST, undefined, page('1'), cursor)
  memory.note(LIST, cursor, page('2'), cursor)
  expect(memory.differs(LIST, 1, page('2'), 'x')).toBeUndefined()
  const set = vi.spyOn(Map.prototype, 'set')
  memory.note(LIST, cursor, page('2'), `${cursor}d`)
  const kept = set.mock.calls.map((call) => JSON.stringify(call).length)
  set.mockRestore()
  expect(kept.length).toBeGreaterThan(0)
  expect(Math.max(...kept)).toBeLessThan(200)
})
