import { describe, expect, test } from 'vitest'
import { changeMessages, changesWanted, listenMessages } from '../../../../../worker/mcp/call/list-changes.ts'

const TOOLS = 'notifications/tools/list_changed'
const PROMPTS = 'notifications/prompts/list_changed'

test('changeMessages() is one notification for each list', () => {
  expect(changeMessages([TOOLS, PROMPTS]).map((text) => JSON.parse(text) as unknown)).toEqual([
    { jsonrpc: '2.0', method: TOOLS },
    { jsonrpc: '2.0', method: PROMPTS },
  ])
})

test('listenMessages() names the listen as its client does', () => {
  const [text = ''] = listenMessages([TOOLS], '"l\\u0041"')
  expect(text).toContain('"l\\u0041"')
  expect(JSON.parse(text)).toEqual({
    jsonrpc: '2.0',
    method: TOOLS,
    params: { _meta: { 'io.modelcontextprotocol/subscriptionId': 'lA' } },
  })
})

describe('changesWanted()', () => {
  const wanted = (params: unknown) => changesWanted([TOOLS, PROMPTS], new TextEncoder().encode(JSON.stringify({ params })))

  test('is what the listen asks for', () => {
    expect(wanted({ notifications: { promptsListChanged: true, toolsListChanged: false } })).toEqual([PROMPTS])
  })

  test.each([{}, 7, { notifications: { toolsListChanged: 'yes' } }])('is nothing for a listen with the parameters %j', (params) => {
    expect(wanted(params)).toEqual([])
  })
})
