import { describe, expect, test } from 'vitest'
import { concat, splice } from '../../../../protocol/splice.ts'
import {
  isCacheable,
  mayAsk,
  modernResultEdits,
  modernVerdict,
  toLegacyRequest,
  toModernError,
  withoutTaskTools,
} from '../../../../worker/bridge/modern-to-legacy.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { bytesOf, editedBy, textOf } from './bytes.ts'

const INFO = '{"name":"s","version":"1.0"}'

test.each([
  ['server/discover', 'discover'],
  ['subscriptions/listen', 'listen'],
  ...['tools/list', 'tools/call', 'prompts/list', 'prompts/get', 'resources/list', 'resources/templates/list', 'resources/read'].map(
    (method) => [method, 'forward'],
  ),
  ['completion/complete', 'forward'],
  ['vendor/extension', 'forward'],
  ...['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe'].map((method) => [method, 'unknown']),
  ...['tasks/get', 'tasks/update', 'tasks/cancel', 'tasks/list', 'tasks/result'].map((method) => [method, 'unknown']),
])('modernVerdict() of %s is %s', (method, verdict) => {
  expect(modernVerdict(method)).toBe(verdict)
})

test('mayAsk() and isCacheable() name the methods of SEP-2322, SEP-2549 and of skills (SEP-2640)', () => {
  verifies('modern.input.methods')
  const methods = [
    'server/discover',
    'tools/list',
    'tools/call',
    'prompts/list',
    'prompts/get',
    'resources/list',
    'resources/templates/list',
    'resources/read',
    'completion/complete',
    'skills/list',
    'skills/get',
    'resources/directory/read',
    'toString',
  ]
  expect(methods.filter(mayAsk)).toEqual(['tools/call', 'prompts/get', 'resources/read'])
  expect(methods.filter(isCacheable)).toEqual([
    'server/discover',
    'tools/list',
    'prompts/list',
    'resources/list',
    'resources/templates/list',
    'resources/read',
    'skills/list',
    'skills/get',
    'resources/directory/read',
  ])
})

describe('toLegacyRequest()', () => {
  test.each([
    [
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"n":9007199254740993,"requestState":"kept"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":1,"io.modelcontextprotocol/clientCapabilities":{},"traceparent":"t"},"inputResponses":{},"requestState":"s","task":{}}}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"n":9007199254740993,"requestState":"kept"},"_meta":{"progressToken":1,"traceparent":"t"}}}',
    ],
    ['{"id":1,"params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"x"}}}', '{"id":1,"params":{}}'],
    ['{"id":1,"params":{"a":1.0 , "_meta":{"io.modelcontextprotocol/logLevel":"x"}}}', '{"id":1,"params":{"a":1.0}}'],
    ['{"id":1}', '{"id":1}'],
  ])('makes of %s what a legacy child knows', (given, expected) => {
    expect(textOf(toLegacyRequest(bytesOf(given), 'tools/call'))).toBe(expected)
  })
})

describe('modernResultEdits()', () => {
  const edited = (text: string, method: string): string => editedBy(text, (bytes) => modernResultEdits(bytes, { method, serverInfo: INFO }))

  test.each([
    [
      'tools/call',
      '{"id":1,"result":{"content":[],"structuredContent":{"n":1e2}}}',
      `{"id":1,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":${INFO}},"content":[],"structuredContent":{"n":1e2}}}`,
    ],
    [
      'resources/read',
      '{"id":1,"result":{"contents":[],"_meta":{"k":1.0}}}',
      `{"id":1,"result":{"resultType":"complete","ttlMs":0,"cacheScope":"private","contents":[],"_meta":{"io.modelcontextprotocol/serverInfo":${INFO},"k":1.0}}}`,
    ],
    [
      'completion/complete',
      '{"id":1,"result":{"resultType":"task","completion":{}}}',
      `{"id":1,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":${INFO}},"completion":{}}}`,
    ],
    [
      'prompts/list',
      '{"id":1,"result":{"prompts":[],"nextCursor":"c","ttlMs":9,"cacheScope":"public"}}',
      `{"id":1,"result":{"resultType":"complete","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":${INFO}},"prompts":[],"nextCursor":"c"}}`,
    ],
    ['tools/call', '{"id":1,"error":{"code":1}}', '{"id":1,"error":{"code":1}}'],
    ['tools/call', '{"id":1,"result":[]}', '{"id":1,"result":[]}'],
  ])('of %s decorates %s and changes nothing else', (method, given, expected) => {
    expect(edited(given, method)).toBe(expected)
  })

  test('drops tool.execution and related tasks', () => {
    verifies('modern.extension-fallback')
    const given =
      '{"result":{"tools":[{"execution":{},"name":"a","inputSchema":{"maximum":9007199254740993}}, {"name":"b","execution":{"taskSupport":"required"}}],"_meta":{"io.modelcontextprotocol/related-task":{}}}}'
    expect(JSON.parse(edited(given, 'tools/list'))).toMatchObject({ result: { tools: [{ name: 'a' }, { name: 'b' }] } })
    expect(edited(given, 'tools/list')).not.toMatch(/execution|related-task/)
    expect(edited(given, 'tools/list')).toContain('9007199254740993')
  })

  test('withoutTaskTools() leaves out the tools that can be called only as a task, and nothing else', () => {
    const listed = (tools: string): string => `{"result":{"x":1.0,"tools":${tools},"nextCursor":"2"},"id":1}`
    const cut = (tools: string): string => textOf(withoutTaskTools(bytesOf(listed(tools))))
    const [a, b] = ['{"name":"a","execution":{"taskSupport":"optional"}}', '{"name":"b","execution":{"n":1,"taskSupport":"required"}}']
    expect(cut(`[${b}, ${a} ,${b}]`)).toBe(listed(`[${a}]`))
    expect(cut(`[${b}]`)).toBe(listed('[]'))
    for (const tools of [`[${a} ]`, '[{"name":"c"},7,{"execution":"required"}]', '7', '[]']) expect(cut(tools)).toBe(listed(tools))
  })

  test('keeps a kind of result of an extension for a client that has declared some', () => {
    const edits = (isExtended: boolean) => (bytes: Uint8Array) => modernResultEdits(bytes, { method: 'tools/call', isExtended })
    const kind = (type: string, isExtended: boolean): unknown =>
      JSON.parse(editedBy(`{"result":{"resultType":${type}}}`, edits(isExtended)))
    expect(kind('"x/y"', true)).toEqual({ result: { resultType: 'x/y' } })
    for (const [type, isExtended] of [
      ['"x/y"', false],
      ['"task"', true],
      ['"input_required"', true],
      ['1', true],
    ] as const)
      expect(kind(type, isExtended)).toEqual({ result: { resultType: 'complete' } })
  })

  test('adds marks of the relay to the same _meta', () => {
    const text = editedBy('{"result":{}}', (bytes) =>
      modernResultEdits(bytes, { method: 'tools/call', marks: { 'mcp-edge/restarted': 'true' } }),
    )
    expect(text).toBe('{"result":{"resultType":"complete","_meta":{"mcp-edge/restarted":true}}}')
  })

  test('of the first part of a long answer holds for the whole', () => {
    const whole = bytesOf(`{"id":1,"result":{"contents":[{"text":"${'ж'.repeat(100)}"}],"_meta":{"k":1}}}`)
    const cut = 60
    const edits = modernResultEdits(whole.subarray(0, cut), { method: 'resources/read', serverInfo: INFO })
    const parts = [splice(whole.subarray(0, cut), edits), splice(whole.subarray(cut), edits, cut)]
    expect(JSON.parse(textOf(concat(parts)))).toEqual({
      id: 1,
      result: { resultType: 'complete', ttlMs: 0, cacheScope: 'private', contents: [{ text: 'ж'.repeat(100) }], _meta: { k: 1 } },
    })
  })
})

describe('toModernError()', () => {
  test.each([
    [-32002, -32602, 200],
    [-32601, -32601, 404],
    [-32602, -32602, 200],
    [-32603, -32603, 200],
    [-32000, -32000, 200],
    // A child that says so without naming anything to elicit.
    [-32042, -32603, 200],
  ])('maps %d to %d with HTTP %d', (code, mapped, http) => {
    const error = toModernError(bytesOf(`{"id":1,"error":{"code":${code},"message":"m","data":{"n":1.0}}}`))
    expect(error).toEqual({ kind: 'error', http, body: bytesOf(`{"id":1,"error":{"code":${mapped},"message":"m","data":{"n":1.0}}}`) })
  })

  test('makes of a required URL elicitation what a client can be asked', () => {
    const elicitations = [{ mode: 'url', elicitationId: 'e', url: 'https://x', message: 'go', _meta: { k: 1 } }, null, { url: 7 }]
    const error = toModernError(bytesOf(JSON.stringify({ id: 1, error: { code: -32042, message: '', data: { elicitations } } })))
    expect(error).toEqual({
      kind: 'elicitations',
      requests: ['{"method":"elicitation/create","params":{"mode":"url","url":"https://x","message":"go","_meta":{"k":1}}}'],
    })
  })
})
