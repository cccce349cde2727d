import { describe, expect, test } from 'vitest'
import type { ToolFacts } from '../../../../../protocol/policy/judge.ts'
import type { PolicyJudge } from '../../../../../protocol/policy/judge.ts'
import { AcceptedEntries } from '../../../../../worker/carry/known-grants.ts'
import { judgeOf } from '../../../../../worker/mcp/policy/bounds.ts'
import { callVerdict, NOT_HELD } from '../../../../../worker/mcp/policy/held-call.ts'
import { messageOf } from '../client-message.ts'

const HARMLESS: ToolFacts = { isReadOnly: true, isDestructive: false }
const tools = new Map([
  ['look', HARMLESS],
  ['pay', { ...HARMLESS, digest: 'd' }],
])
const judge = judgeOf(['{"hold":["p*"]}'])

function call(name: string, args?: unknown) {
  return messageOf({ id: 1, method: 'tools/call', params: { name, ...(args === undefined ? {} : { arguments: args }) } })
}

describe('callVerdict()', () => {
  test.each([
    ['a tool that is not held', 'look', { b: 1 }, NOT_HELD],
    ['a tool that is held', 'pay', { b: 1, a: 'x' }, { hold: { tool: 'pay', toolDigest: 'd', arguments: '{"a":"x","b":1}' } }],
    ['a held tool without arguments', 'pay', undefined, { hold: { tool: 'pay', toolDigest: 'd', arguments: '' } }],
  ])('of %s', (_, name, args, verdict) => {
    expect(callVerdict(judge, call(name, args), { tools })).toEqual(verdict)
  })

  test.each([
    ['what names a single call only', { _meta: { progressToken: 1, traceparent: '00-a', 'claudecode/toolUseId': 't' } }, undefined],
    ['more in _meta', { _meta: { z: 1, progressToken: 1, a: { c: 1, b: 2 } } }, '{"_meta":{"a":{"b":2,"c":1},"z":1}}'],
    ['more members', { task: {}, 'Name ': 'x', requestState: 's' }, '{"Name ":"x","requestState":"s","task":{}}'],
  ])('of params with %s', (_, more, otherParams) => {
    const message = messageOf({ id: 1, method: 'tools/call', params: { name: 'pay', arguments: {}, ...more } })
    const hold = { tool: 'pay', toolDigest: 'd', arguments: '{}', ...(otherParams === undefined ? {} : { otherParams }) }
    expect(callVerdict(judge, message, { tools })).toEqual({ hold })
  })

  test('of a call of 2026-07-28 that brings input tells with which other it goes on', () => {
    const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', a: 1 }
    const params = { name: 'pay', _meta, requestState: 's', inputResponses: { b: 1 } }
    expect(callVerdict(judge, messageOf({ id: 1, method: 'tools/call', params }), { tools })).toMatchObject({
      hold: {
        otherParams: '{"_meta":{"a":1},"inputResponses":{"b":1},"requestState":"s"}',
        further: { otherParams: '{"_meta":{"a":1}}' },
      },
    })
  })

  test('refuses params that can be read in two ways', () => {
    const text = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","x":1,"x":2}}'
    const message = { ...call('pay'), bytes: new TextEncoder().encode(text) }
    expect(callVerdict(judge, message, { tools })).toMatchObject({ code: 'APPROVAL_UNREADABLE' })
  })

  test('holds a tool in whatever spelling a policy that denies would meet it', () => {
    const alike = new Map([['PAY', { ...HARMLESS, digest: 'd' }]])
    expect(callVerdict(judge, call('PAY'), { tools: alike })).toHaveProperty('hold.tool', 'PAY')
  })

  test('refuses a held tool that has no digest', () => {
    expect(callVerdict(judge, call('pay'), { tools: new Map([['pay', HARMLESS]]) })).toMatchObject({
      code: 'APPROVAL_UNREADABLE',
      executed: 'no',
    })
  })

  test('refuses a held tool that has changed since it was pinned: nobody is asked about what is not offered', () => {
    const pinned = (digest: string): PolicyJudge => judgeOf(['{"hold":["p*"]}'], new AcceptedEntries(JSON.stringify({ tools: [digest] })))
    expect(callVerdict(pinned('other'), call('pay'), { tools })).toMatchObject({ code: 'NOT_OFFERED' })
    expect(callVerdict(pinned('d'), call('pay'), { tools })).toHaveProperty('hold.tool', 'pay')
  })

  test('refuses what another policy denies, and what is in no list', () => {
    const both = judgeOf(['{"hold":["p*"]}', '{"tools":{"deny":["pay"]}}'])
    expect(callVerdict(both, call('pay'), { tools })).toMatchObject({ code: 'NOT_OFFERED' })
    expect(callVerdict(judge, call('push'), { tools })).toMatchObject({ code: 'NOT_OFFERED' })
  })
})
