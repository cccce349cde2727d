import { expect, test } from 'vitest'
import { type ListPage, pagesOf, toolsOf } from '../../../../worker/bridge/tool-pages.ts'
import { pageOf } from '../list-page.ts'
import { MAX_TOOL_PAGES } from '../../../../worker/limits.ts'

type Page = Record<string, unknown>

async function read(page: (cursor: string | undefined) => Page | undefined): Promise<{ asked: (string | undefined)[]; pages: Page[] }> {
  const asked: (string | undefined)[] = []
  const list = (cursor: string | undefined): Promise<ListPage | undefined> => {
    asked.push(cursor)
    return Promise.resolve(pageOf(page(cursor)))
  }
  const pages: Page[] = []
  for await (const one of pagesOf(list)) pages.push(one.result)
  return { asked, pages }
}

test('pagesOf() follows cursors until a page has none', async () => {
  const { asked, pages } = await read((cursor) => (cursor === undefined ? { nextCursor: 'b' } : { tools: [] }))
  expect(asked).toEqual([undefined, 'b'])
  expect(pages).toEqual([{ nextCursor: 'b' }, { tools: [] }])
})

test('pagesOf() takes an empty cursor for a cursor', async () => {
  expect((await read((cursor) => (cursor === undefined ? { nextCursor: '' } : {}))).asked).toEqual([undefined, ''])
})

test.each([{}, { nextCursor: null }, { nextCursor: 7 }])('pagesOf() takes %j for the last page', async (page) => {
  expect((await read(() => page)).asked).toEqual([undefined])
})

test('pagesOf() ends at a page that cannot be had, and gives those before it', async () => {
  const { asked, pages } = await read((cursor) => (cursor === undefined ? { nextCursor: 'b' } : undefined))
  expect(asked).toEqual([undefined, 'b'])
  expect(pages).toEqual([{ nextCursor: 'b' }])
})

test('pagesOf() asks for no more than MAX_TOOL_PAGES of a server that never ends', async () => {
  expect((await read(() => ({ nextCursor: 'x' }))).asked).toHaveLength(MAX_TOOL_PAGES)
})

test.each([
  [undefined, []],
  [{}, []],
  [{ tools: {} }, []],
  [{ tools: [{ name: 'a' }] }, [{ name: 'a' }]],
])('toolsOf() of %j is %j', (page, tools) => {
  expect(toolsOf(page)).toEqual(tools)
})
