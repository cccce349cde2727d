import { describe, expect, test } from 'vitest'
import type { ToolFacts } from '../../../../../protocol/policy/judge.ts'
import { judgeOf } from '../../../../../worker/mcp/policy/bounds.ts'
import { callVerdict, NOT_HELD } from '../../../../../worker/mcp/policy/held-call.ts'
import { ToolDigests } from '../../../../../worker/mcp/policy/tool-digests.ts'
import { messageOf } from '../client-message.ts'

const HARMLESS: ToolFacts = { isReadOnly: true, isDestructive: false }
const tools = new Map([
  ['look', HARMLESS],
  ['pay', HARMLESS],
])
const digests = new Map([['pay', 'd']])
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
    expect(callVerdict(judge, call(name, args), { tools, digests })).toEqual(verdict)
  })

  test('holds a tool in whatever spelling a policy that denies would meet it', () => {
    const alike = new Map([['PAY', HARMLESS]])
    expect(callVerdict(judge, call('PAY'), { tools: alike, digests: new Map([['PAY', 'd']]) })).toHaveProperty('hold.tool', 'PAY')
  })

  test('of a held tool is not known without the digests, and refuses one that has none', () => {
    expect(callVerdict(judge, call('pay'), { tools })).toBe('unknown')
    expect(callVerdict(judge, call('pay'), { tools, digests: new Map() })).toMatchObject({ code: 'APPROVAL_UNREADABLE', executed: 'no' })
  })

  test('refuses what another policy denies, and what is in no list, without a look at the digests', () => {
    const both = judgeOf(['{"hold":["p*"]}', '{"tools":{"deny":["pay"]}}'])
    expect(callVerdict(both, call('pay'), { tools })).toMatchObject({ code: 'NOT_OFFERED' })
    expect(callVerdict(judge, call('push'), { tools })).toMatchObject({ code: 'NOT_OFFERED' })
  })
})

describe('ToolDigests', () => {
  async function digestsOf(...pages: readonly string[]) {
    const noted = new ToolDigests()
    for (const page of pages) noted.note(new TextEncoder().encode(`{"jsonrpc":"2.0","id":1,"result":${page}}`))
    return noted.byName()
  }

  test('names the tools of all pages', async () => {
    const found = await digestsOf('{"tools":[{"name":"a"},{"name":"b"}]}', '{"tools":[{"name":"c"}]}')
    expect([...found.keys()]).toEqual(['a', 'b', 'c'])
    expect(new Set(found.values()).size).toBe(3)
  })

  test('takes one that is listed twice for another than either', async () => {
    const [one, other] = ['{"name":"a","x":1}', '{"name":"a","x":2}']
    const alone = (await digestsOf(`{"tools":[${one}]}`)).get('a')
    const both = (await digestsOf(`{"tools":[${one},${other}]}`)).get('a')
    expect(both).toBeDefined()
    expect(both).not.toBe(alone)
  })

  test.each([
    ['a key of it stands twice', '{"tools":[{"name":"a","x":1,"x":2}]}'],
    ['a key looks like its name', '{"tools":[{"name":"a","Name":"b"}]}'],
    ['one of its entries has none', '{"tools":[{"name":"a"},{"name":"a","x":1,"x":2}]}'],
    ['there is no list', '{"tools":{"name":"a"}}'],
  ])('has none of a tool where %s', async (_, page) => {
    expect((await digestsOf(page)).get('a')).toBeUndefined()
  })
})
