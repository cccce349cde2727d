import { expect, test } from 'vitest'
import type { ToolFacts } from '../../../../../protocol/policy/judge.ts'
import { AcceptedEntries } from '../../../../../worker/carry/known-grants.ts'
import { judgeOf } from '../../../../../worker/mcp/policy/bounds.ts'
import { isInspected, neededList, refusalOf } from '../../../../../worker/mcp/policy/message-verdict.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { messageOf } from '../client-message.ts'

const TOOLS = new Map<string, ToolFacts>([
  ['look', { isReadOnly: true, isDestructive: true }],
  ['pay', { isReadOnly: false, isDestructive: true }],
])

function codeOf(policy: unknown, message: Record<string, unknown>): unknown {
  return refusalOf(judgeOf([JSON.stringify(policy)]), messageOf(message), TOOLS)?.code
}

const call = (name: string, args: unknown = {}): Record<string, unknown> => ({
  id: 1,
  method: 'tools/call',
  params: { name, arguments: args },
})

test.each([
  ['a tool that only reads', { access: 'read' }, call('look'), undefined],
  ['a tool that writes', { access: 'read' }, call('pay'), 'NOT_OFFERED'],
  ['a tool that is not listed', { access: 'read' }, call('other'), 'NOT_OFFERED'],
  ['a tool that is held for its owner', { hold: ['pay'] }, call('pay'), 'NOT_OFFERED'],
  ['arguments within a rule', { arguments: ['pay(to=ann)'] }, call('pay', { to: 'ann' }), undefined],
  ['arguments outside of a rule', { arguments: ['pay(to=ann)'] }, call('pay', { to: 'bob' }), 'NOT_OFFERED'],
  ['a denied prompt', { prompts: { deny: ['*'] } }, { id: 1, method: 'prompts/get', params: { name: 'x' } }, 'NOT_OFFERED'],
  [
    'completion for a denied prompt',
    { prompts: { deny: ['*'] } },
    { id: 1, method: 'completion/complete', params: { ref: { type: 'ref/prompt', name: 'x' } } },
    'NOT_OFFERED',
  ],
  [
    'a resource outside',
    { resources: { allow: ['a:*'] } },
    { id: 1, method: 'resources/subscribe', params: { uri: 'b:x' } },
    'NOT_OFFERED',
  ],
  [
    'a listen for a resource outside',
    { resources: { allow: ['a:*'] } },
    { id: 1, method: 'subscriptions/listen', params: { notifications: { resourceSubscriptions: ['a:x', 'b:x'] } } },
    'NOT_OFFERED',
  ],
  ['an unknown method', { access: 'read' }, { id: 1, method: 'tasks/other', params: { taskId: 't' } }, 'METHOD_UNKNOWN'],
  ['an unknown notification', { access: 'read' }, { method: 'notifications/vendor' }, 'INVALID_REQUEST'],
  ['a cancellation', { access: 'read' }, { method: 'notifications/cancelled', params: { requestId: 1 } }, undefined],
  ['an answer', { access: 'read' }, { id: 1, result: {} }, undefined],
  ['a list', { access: 'read' }, { id: 1, method: 'tools/list' }, undefined],
  ['an unknown method where nothing is bounded', { access: 'admin' }, { id: 1, method: 'vendor/do' }, undefined],
])('refusalOf() %s', (_name, policy, message, code) => {
  verifies('promise.11.hidden')
  expect(codeOf(policy, message)).toBe(code)
})

test('refusalOf() of a tool while no tools are known refuses', () => {
  expect(refusalOf(judgeOf(['{"access":"read"}']), messageOf(call('look')))?.code).toBe('NOT_OFFERED')
})

test('judgeOf() of a policy that it cannot read allows nothing', () => {
  const judge = judgeOf(['{"access":"read","later":true}'])
  for (const message of [
    call('look'),
    { id: 1, method: 'prompts/get', params: { name: 'x' } },
    { id: 1, method: 'resources/read', params: { uri: 'a:b' } },
  ])
    expect(refusalOf(judge, messageOf(message), TOOLS)?.code).toBe('NOT_OFFERED')
})

test('judgeOf() holds each of several policies', () => {
  verifies('promise.11.strictest')
  const judge = judgeOf(['{"tools":{"deny":["look"]}}', '{"access":"read"}'])
  expect(refusalOf(judge, messageOf(call('look')), TOOLS)?.code).toBe('NOT_OFFERED')
  expect(refusalOf(judge, messageOf(call('pay')), TOOLS)?.code).toBe('NOT_OFFERED')
  expect(neededList(judge, messageOf(call('look')))).toBe('tools/list')
  expect(neededList(judgeOf([]), messageOf(call('look')))).toBeUndefined()
})

test('refusalOf() a template that may stand where a list of templates was cut refuses', () => {
  verifies('promise.11.pinned')
  const judge = judgeOf([], new AcceptedEntries('{"resourceTemplates":["d"]}'))
  const complete = messageOf({ id: 1, method: 'completion/complete', params: { ref: { type: 'ref/resource', uri: 'x:{y}' } } })
  expect(neededList(judge, complete)).toBe('resources/templates/list')
  expect(refusalOf(judge, complete, new Map())).toBeUndefined()
  expect(refusalOf(judge, complete, { get: () => undefined, isCut: true })?.code).toBe('NOT_OFFERED')
})

test.each(['ui://app', 'UI:x', 'docs__ui://app', 'a__docs__ui:x', 'docs__'.repeat(40)])(
  'what is read as %s is looked at, as a page of an app',
  (uri) => {
    expect(isInspected(messageOf({ id: 1, method: 'resources/read', params: { uri } }))).toBe(true)
    expect(isInspected(messageOf({ id: 1, method: 'resources/read', params: { uri: 'file:///ui:/x' } }))).toBe(false)
  },
)
