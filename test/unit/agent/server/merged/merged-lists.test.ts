import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MERGED_PAGE_BYTES } from '../../../../../agent/limits.ts'
import {
  decodeCursor,
  encodeCursor,
  LIST_KINDS,
  mergedPage,
  readPage,
  type ShownPage,
  withCursor,
} from '../../../../../agent/server/merged/merged-lists.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const TOOLS = LIST_KINDS['tools/list'] ?? { member: '', capability: [], changed: undefined }

function pageOf(pages: readonly ShownPage[]): { entries: unknown[]; next: string | undefined; text: string } {
  const bytes = mergedPage('"a"', TOOLS, pages)
  const { id, result } = JSON.parse(Buffer.from(bytes).toString()) as { id: unknown; result: { tools: unknown[]; nextCursor?: string } }
  expect(id).toBe('a')
  return { entries: result.tools, next: result.nextCursor, text: Buffer.from(bytes).toString() }
}

test('following the cursors of mergedPage() gives every entry of every server once, in order', () => {
  verifies('promise.merged.lists')
  const listsOf = fc.array(fc.array(fc.array(fc.integer(), { maxLength: 4 }), { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 4,
  })
  fc.assert(
    fc.property(listsOf, (servers) => {
      const all: unknown[] = []
      let start: ReturnType<typeof decodeCursor> = { server: '0' }
      for (let rounds = 0; start !== undefined; rounds++) {
        expect(rounds).toBeLessThan(20)
        const { server, cursor } = start
        const pages = servers.slice(Number(server)).map((own, index): ShownPage => {
          const at = index === 0 ? Number(cursor ?? 0) : 0
          const entries = (own[at] ?? []).map((entry) => Buffer.from(String(entry)))
          return { server: String(Number(server) + index), entries, next: at + 1 < own.length ? String(at + 1) : undefined }
        })
        const page = pageOf(pages)
        all.push(...page.entries)
        start = page.next === undefined ? undefined : decodeCursor(page.next)
      }
      expect(all).toEqual(servers.flat(2))
    }),
  )
})

test('mergedPage() leaves to the next page what would be too much for one, and never everything', () => {
  const big = (server: string, size: number): ShownPage => ({ server, entries: [Buffer.from(`"${'x'.repeat(size)}"`)], next: undefined })
  const page = pageOf([big('a', MERGED_PAGE_BYTES), big('b', 10)])
  expect(page.entries).toHaveLength(1)
  expect(decodeCursor(page.next ?? '')).toEqual({ server: 'b', cursor: undefined })
  expect(pageOf([big('a', 10), big('b', 10)]).next).toBeUndefined()
})

test('a cursor is read as it was written, and nothing else is one', () => {
  for (const start of [{ server: 'a' }, { server: 'a-1', cursor: '' }, { server: 'b', cursor: 'ä"\\' }])
    expect(decodeCursor(encodeCursor(start))).toEqual({ cursor: undefined, ...start })
  for (const text of ['', 'x', 'e30', Buffer.from('[1]').toString('base64url'), Buffer.from('["a",1]').toString('base64url')])
    expect(decodeCursor(text)).toBeUndefined()
})

test.each([
  ['{"params":{"cursor":"o","_meta":{"x":1.0}}}', 'c', '{"params":{"cursor":"c","_meta":{"x":1.0}}}'],
  ['{"params":{"cursor":"o","_meta":{"x":1.0}}}', undefined, '{"params":{"_meta":{"x":1.0}}}'],
  ['{"params":{"_meta":{"x":1.0}, "cursor":"o"}}', undefined, '{"params":{"_meta":{"x":1.0}}}'],
  ['{"params":{"cursor":"o"}}', undefined, '{"params":{}}'],
  ['{"params":{}}', undefined, '{"params":{}}'],
  ['{}', 'c', '{}'],
])('withCursor(%s, %s)', (request, cursor, expected) => {
  expect(Buffer.from(withCursor(Buffer.from(request), cursor)).toString()).toBe(expected)
})

test('readPage() reads what is a list, and nothing of what is none', () => {
  const read = (text: string): unknown => {
    const page = readPage(Buffer.from(text), TOOLS)
    return page && [page.entries.map((entry) => Buffer.from(entry).toString()), page.next]
  }
  expect(read('{"result":{"tools":[1.0, {"a":[1]}],"nextCursor":"n"}}')).toEqual([['1.0', '{"a":[1]}'], 'n'])
  expect(read('{"result":{"tools":{}}}')).toEqual([[], undefined])
  expect(read('{"result":{}}')).toBeUndefined()
})
