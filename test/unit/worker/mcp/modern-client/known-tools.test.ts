import { describe, expect, test } from 'vitest'
import { bytesOf } from '../response/recorded-body.ts'
import { pageOf } from '../../list-page.ts'
import { checkToolHeaders, knownTools, learnTools } from '../../../../../worker/mcp/modern-client/known-tools.ts'

const MIRRORS = { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } }
const MISPLACED = { type: 'array', 'x-mcp-header': 'Region' }

const PAGES = [
  {
    tools: [{ name: 'a', inputSchema: MIRRORS }, { name: 'plain', inputSchema: {} }, 'no tool', { inputSchema: MIRRORS }],
    nextCursor: '2',
  },
  {
    tools: [
      { name: 'b', inputSchema: MIRRORS },
      { name: 'broken', inputSchema: MISPLACED },
    ],
  },
]

function learn(share: string, version = 'v1'): ReturnType<typeof learnTools> {
  return learnTools(share, version, (cursor) => Promise.resolve(pageOf(PAGES[cursor === '2' ? 1 : 0])))
}

describe('learnTools()', () => {
  test('keeps the tools of all pages whose annotations are valid', async () => {
    const { version, mirrored } = await learn('s1')
    expect([version, mirrored.names()]).toEqual(['v1', ['a', 'b']])
  })

  test('of a server that gives no list leaves nothing to check by', async () => {
    expect((await learnTools('s1', 'v1', () => Promise.resolve(undefined))).mirrored.names()).toEqual([])
  })
})

test('knownTools() gives what was learned last of this share', async () => {
  expect(knownTools('s2')).toBeUndefined()
  await learn('s2')
  const newest = await learn('s2', 'v2')
  await learn('s3', 'v3')
  expect(knownTools('s2')).toBe(newest)
})

describe('checkToolHeaders()', () => {
  test.each([
    ['a', { region: 'eu' }, { 'mcp-param-region': 'eu' }, undefined],
    ['a', { region: 'eu' }, {}, 'missing'],
    ['a', { region: 'eu' }, { 'mcp-param-region': 'us' }, 'not the value of the body'],
    ['a', {}, {}, undefined],
    ['plain', { region: 'eu' }, {}, undefined],
    ['broken', { region: 'eu' }, {}, undefined],
    [7, { region: 'eu' }, {}, undefined],
  ])('of %j with %j and the headers %j finds %j', async (name, args, headers, detail) => {
    const checked = checkToolHeaders(
      await learn('s1'),
      { bytes: bytesOf(JSON.stringify({ params: { name, arguments: args } })), params: { name } },
      new Headers(headers),
    )
    expect(checked).toEqual(
      detail === undefined ? { ok: true } : { ok: false, error: { code: 'HEADER_MISMATCH', at: 'Mcp-Param-Region', detail } },
    )
  })
})
