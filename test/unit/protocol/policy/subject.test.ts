import { expect, test } from 'vitest'
import { subjectOf } from '../../../../protocol/policy/subject.ts'

const encoder = new TextEncoder()

function messageOf(params: object): Uint8Array {
  return encoder.encode(JSON.stringify({ jsonrpc: '2.0', id: 1, params }))
}

test.each([
  ['tools/call', { name: 'a' }, { kind: 'tool', name: 'a' }],
  ['prompts/get', { name: 'a' }, { kind: 'prompt', name: 'a' }],
  ['resources/read', { uri: 'x:/a' }, { kind: 'resources', uris: ['x:/a'] }],
  ['resources/subscribe', { uri: 'x:/a' }, { kind: 'resources', uris: ['x:/a'] }],
  ['resources/directory/read', { uri: 'x:/a' }, { kind: 'resources', uris: ['x:/a'] }],
  ['completion/complete', { ref: { type: 'ref/prompt', name: 'a' } }, { kind: 'prompt', name: 'a' }],
  ['completion/complete', { ref: { type: 'ref/resource', uri: 'x:/{a}' } }, { kind: 'resources', uris: ['x:/{a}'] }],
  ['subscriptions/listen', { notifications: { toolsListChanged: true } }, { kind: 'resources', uris: [] }],
  ['subscriptions/listen', { notifications: { resourceSubscriptions: ['x:/a'] } }, { kind: 'resources', uris: ['x:/a'] }],
  ['tools/list', {}, { kind: 'free' }],
  ['tasks/result', { taskId: 'x' }, { kind: 'free' }],
  ['notifications/cancelled', {}, { kind: 'free' }],
])('subjectOf(%s, %j)', (method, params, subject) => {
  expect(subjectOf(method, params, messageOf(params))).toEqual(subject)
})

test.each([
  ['tools/call', {}],
  ['tools/call', { name: ['a'] }],
  ['resources/read', { uri: 1 }],
  ['completion/complete', { ref: { type: 'ref/tool', name: 'a' } }],
  ['subscriptions/listen', { notifications: { resourceSubscriptions: [1] } }],
  ['subscriptions/listen', {}],
  ['tasks/other', { taskId: 'x' }],
  ['skills/list', {}],
  ['Tools/Call', { name: 'a' }],
  ['toString', {}],
])('subjectOf(%s, %j) is unknown', (method, params) => {
  expect(subjectOf(method, params, messageOf(params))).toEqual({ kind: 'unknown' })
})

test.each([
  ['completion/complete', '{"ref":{"type":"ref/prompt","name":"hidden","name":"a"}}'],
  ['completion/complete', '{"ref":{"type":"ref/prompt","name":"a","Name":"hidden"}}'],
  ['completion/complete', '{"ref":{"type":"ref/prompt","name":"a"},"Ref":{"type":"ref/prompt","name":"hidden"}}'],
  ['completion/complete', '{"ref":{"type":"ref/resource","uri":"x:/a","ＵＲＩ":"x:/hidden"}}'],
  ['subscriptions/listen', '{"notifications":{"resourceSubscriptions":["x:/hidden"],"resourceSubscriptions":["x:/a"]}}'],
  ['subscriptions/listen', '{"notifications":{"resource_subscriptions":["x:/hidden"],"resourceSubscriptions":["x:/a"]}}'],
  ['subscriptions/listen', '{"notifications":{},"Notifications":{"resourceSubscriptions":["x:/hidden"]}}'],
])('subjectOf(%s, %s), which another reader would read otherwise, is unknown', (method, text) => {
  const params = JSON.parse(text) as Readonly<Record<string, unknown>>
  expect(subjectOf(method, params, encoder.encode(`{"jsonrpc":"2.0","id":1,"params":${text}}`))).toEqual({ kind: 'unknown' })
})
