import { describe, expect, test } from 'vitest'
import { bytesOf } from '../response/recorded-body.ts'
import { pageOf } from '../../list-page.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { isUnlisted, type ListTools } from '../../../../../worker/bridge/tool-pages.ts'
import { checkToolHeaders, knownTools, learnTools, type ToolSet } from '../../../../../worker/mcp/modern-client/known-tools.ts'

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

function learn(share: string, version = 'v1'): Promise<ToolSet> {
  return listed(share, version, (cursor) => Promise.resolve(pageOf(PAGES[cursor === '2' ? 1 : 0])))
}

async function listed(share: string, version: string, list: ListTools): Promise<ToolSet> {
  const tools = await learnTools(share, version, list)
  if (isUnlisted(tools)) throw new Error(`no list: ${JSON.stringify(tools)}`)
  return tools
}

describe('learnTools()', () => {
  test('keeps the tools of all pages whose annotations are valid', async () => {
    const { version, mirrored } = await learn('s1')
    expect([version, mirrored.names()]).toEqual(['v1', ['a', 'b']])
  })

  test('of a server that gives no list leaves nothing to check by', async () => {
    expect((await listed('s1', 'v1', () => Promise.resolve(undefined))).mirrored.names()).toEqual([])
  })

  test('remembers nothing of a list that could not be asked for to its end, and says why', async () => {
    verifies('promise.7.list-failure')
    const failure = { code: 'SERVER_UNREACHABLE', executed: 'no' } as const
    const half: ListTools = (cursor) => Promise.resolve(cursor === undefined ? pageOf(PAGES[0]) : failure)
    expect(await learnTools('s4', 'v1', half)).toBe(failure)
    expect(knownTools('s4')).toBeUndefined()
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
