import { expect, test } from 'vitest'
import { isUnlisted, type ListPage, readPages, toolsOf, type Unlisted } from '../../../../worker/bridge/tool-pages.ts'
import { pageOf } from '../list-page.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { MAX_TOOL_PAGES } from '../../../../worker/limits.ts'

type Page = Record<string, unknown>

interface Read {
  readonly asked: (string | undefined)[]
  readonly pages: Page[]
  readonly unlisted: Unlisted | undefined
}

async function read(page: (cursor: string | undefined) => Page | Unlisted | undefined): Promise<Read> {
  const asked: (string | undefined)[] = []
  const list = (cursor: string | undefined): Promise<ListPage | Unlisted | undefined> => {
    asked.push(cursor)
    const given = page(cursor)
    return Promise.resolve(given !== undefined && isUnlisted(given) ? given : pageOf(given))
  }
  const pages: Page[] = []
  const unlisted = await readPages(list, ({ result }) => void pages.push(result))
  return { asked, pages, unlisted }
}

test('readPages() follows cursors until a page has none', async () => {
  const { asked, pages } = await read((cursor) => (cursor === undefined ? { nextCursor: 'b' } : { tools: [] }))
  expect(asked).toEqual([undefined, 'b'])
  expect(pages).toEqual([{ nextCursor: 'b' }, { tools: [] }])
})

test('readPages() takes an empty cursor for a cursor', async () => {
  expect((await read((cursor) => (cursor === undefined ? { nextCursor: '' } : {}))).asked).toEqual([undefined, ''])
})

test.each([{}, { nextCursor: null }, { nextCursor: 7 }])('readPages() takes %j for the last page', async (page) => {
  expect((await read(() => page)).asked).toEqual([undefined])
})

test('readPages() ends at a page that the server does not give, and gives those before it', async () => {
  const { asked, pages, unlisted } = await read((cursor) => (cursor === undefined ? { nextCursor: 'b' } : undefined))
  expect(asked).toEqual([undefined, 'b'])
  expect(pages).toEqual([{ nextCursor: 'b' }])
  expect(unlisted).toBeUndefined()
})

test.each<Unlisted>(['changed', { code: 'SERVER_UNREACHABLE', executed: 'no' }])(
  'readPages() says %j where the server cannot be asked for the rest',
  async (why) => {
    verifies('promise.7.list-failure')
    expect(await read((cursor) => (cursor === undefined ? { nextCursor: 'b' } : why))).toMatchObject({
      asked: [undefined, 'b'],
      unlisted: why,
    })
  },
)

test('readPages() asks for no more than MAX_TOOL_PAGES of a server that never ends', async () => {
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
