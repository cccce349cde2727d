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
