import { describe, expect, test } from 'vitest'
import {
  childNotificationVerdict,
  legacyNotificationEdits,
  legacyNotificationVerdict,
  legacyResultEdits,
  legacyVerdict,
  modernRequest,
  resultKind,
  toLegacyError,
  toModernRequest,
} from '../../../../worker/bridge/legacy-to-modern.ts'
import { bytesOf, editedBy, textOf } from './bytes.ts'

test.each([
  ['initialize', 'discover'],
  ['ping', 'empty'],
  ['logging/setLevel', 'level'],
  ['resources/subscribe', 'subscriptions'],
  ['resources/unsubscribe', 'subscriptions'],
  ...['tools/list', 'tools/call', 'prompts/get', 'resources/read', 'completion/complete', 'vendor/extension', 'constructor'].map(
    (method) => [method, 'forward'],
  ),
  ...['tasks/get', 'tasks/result', 'tasks/list', 'tasks/cancel', 'subscriptions/listen', 'server/discover'].map((method) => [
    method,
    'unknown',
  ]),
])('legacyVerdict() of %s is %s', (method, verdict) => {
  expect(legacyVerdict(method)).toBe(verdict)
})

test('notification verdicts let through what the other era knows', () => {
  expect(legacyNotificationVerdict('notifications/cancelled')).toBe('cancel')
  for (const method of ['notifications/com.example/m', 'notifications/tasks', 'x'])
    expect(legacyNotificationVerdict(method)).toBe('forward')
  for (const method of ['notifications/initialized', 'notifications/roots/list_changed', 'notifications/progress'])
    expect(legacyNotificationVerdict(method), method).toBe('drop')
  for (const method of [
    'notifications/progress',
    'notifications/message',
    'notifications/tools/list_changed',
    'notifications/resources/updated',
  ])
    expect(childNotificationVerdict(method), method).toBe('forward')
  for (const method of ['notifications/subscriptions/acknowledged', 'notifications/tasks'])
    expect(childNotificationVerdict(method), method).toBe('drop')
})

describe('toModernRequest()', () => {
  test.each([
    ['{"id":1,"method":"tools/list"}', '{"params":{"_meta":{"io.modelcontextprotocol/x":1}},"id":1,"method":"tools/list"}'],
    ['{"id":1,"params":{}}', '{"id":1,"params":{"_meta":{"io.modelcontextprotocol/x":1}}}'],
    [
      '{"id":1,"params":{"arguments":{"n":1e2},"task":{"ttl":1}}}',
      '{"id":1,"params":{"_meta":{"io.modelcontextprotocol/x":1},"arguments":{"n":1e2}}}',
    ],
    [
      '{"id":1,"params":{"_meta":{"progressToken":9007199254740993,"io.modelcontextprotocol/related-task":{}}}}',
      '{"id":1,"params":{"_meta":{"io.modelcontextprotocol/x":1,"progressToken":9007199254740993}}}',
    ],
  ])('puts the envelope into %s', (given, expected) => {
    expect(textOf(toModernRequest(bytesOf(given), 'tools/call', { 'io.modelcontextprotocol/x': '1' }))).toBe(expected)
  })
})

test('modernRequest() makes a request of the relay', () => {
  expect(modernRequest('"l"', 'subscriptions/listen', { a: '1' }, { notifications: '{"toolsListChanged":true}' })).toBe(
    '{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{"a":1}}}',
  )
})

test.each([
  ['{"result":{}}', 'complete'],
  ['{"result":{"resultType":"complete"}}', 'complete'],
  ['{"result":{"resultType":"input_required"}}', 'input_required'],
  ['{"result":{"resultType":"task"}}', 'other'],
  ['{"result":{"resultType":null}}', 'other'],
  ['{"result":{"resultType":{}}}', 'other'],
  ['{"result":{"resultType":[]}}', 'other'],
  ['{"result":{"content":[{"resultType":"task"}]}}', 'complete'],
])('resultKind() of %s is %s', (answer, kind) => {
  expect(resultKind(bytesOf(answer))).toBe(kind)
})

describe('legacyResultEdits()', () => {
  const edited = (text: string, method: string, isSchemaWrapped = false): string =>
    editedBy(text, (bytes) => legacyResultEdits(bytes, { method, isSchemaWrapped }))

  test.each([
    [
      'tools/list',
      '{"result":{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{}}}}',
      '{"result":{"tools":[]}}',
    ],
    [
      'tools/call',
      '{"result":{"content":[],"ttlMs":1,"structuredContent":{"n":1.0},"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{},"k":1}}}',
      '{"result":{"content":[],"ttlMs":1,"structuredContent":{"n":1.0},"_meta":{"k":1}}}',
    ],
    [
      'resources/read',
      '{"result":{"contents":[{"text":"resultType"}],"resultType":"complete","ttlMs":0}}',
      '{"result":{"contents":[{"text":"resultType"}]}}',
    ],
    ['tools/call', '{"error":{"code":1}}', '{"error":{"code":1}}'],
  ])('of %s takes off %s what only the modern era has', (method, given, expected) => {
    expect(edited(given, method)).toBe(expected)
  })
})

test('legacyNotificationEdits() takes the mark of a listen off, and nothing else', () => {
  const given = '{"method":"m","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1},"uri":"a:1"}}'
  expect(editedBy(given, legacyNotificationEdits)).toBe('{"method":"m","params":{"uri":"a:1"}}')
  expect(editedBy('{"method":"m"}', legacyNotificationEdits)).toBe('{"method":"m"}')
})

test.each([
  ['tools/call', -32020, {}, -32603],
  ['tools/call', -32021, {}, -32603],
  ['tools/call', -32022, {}, -32603],
  ['tools/call', -32602, { uri: 'a:1' }, -32602],
  ['resources/read', -32602, { uri: 'a:1' }, -32002],
  ['resources/read', -32602, {}, -32602],
  ['resources/read', -32000, {}, -32000],
])('toLegacyError() of %s maps %d with data %j to %d', (method, code, data, mapped) => {
  const error = (value: number): string => JSON.stringify({ id: 1, error: { code: value, message: 'm', data } })
  expect(textOf(toLegacyError(bytesOf(error(code)), method))).toBe(error(mapped))
})
