import { expect, test } from 'vitest'
import { subjectOf } from '../../../../protocol/policy/subject.ts'

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
  ['notifications/cancelled', {}, { kind: 'free' }],
])('subjectOf(%s, %j)', (method, params, subject) => {
  expect(subjectOf(method, params)).toEqual(subject)
})

test.each([
  ['tools/call', {}],
  ['tools/call', { name: ['a'] }],
  ['resources/read', { uri: 1 }],
  ['completion/complete', { ref: { type: 'ref/tool', name: 'a' } }],
  ['subscriptions/listen', { notifications: { resourceSubscriptions: [1] } }],
  ['subscriptions/listen', {}],
  ['tasks/result', { taskId: 'x' }],
  ['skills/list', {}],
  ['Tools/Call', { name: 'a' }],
  ['toString', {}],
])('subjectOf(%s, %j) is unknown', (method, params) => {
  expect(subjectOf(method, params)).toEqual({ kind: 'unknown' })
})
