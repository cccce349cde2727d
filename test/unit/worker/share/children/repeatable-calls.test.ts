import { describe, expect, test } from 'vitest'
import type { RepeatFacts } from '../../../../../worker/contract/share-rpc.ts'
import { MAX_ATTACHED_DECLARATION_CHARS, MAX_PARSED_VALUES } from '../../../../../worker/limits.ts'
import type { GroupChannels } from '../../../../../worker/share/children/group-channels.ts'
import { repeatFacts, RepeatableCalls } from '../../../../../worker/share/children/repeatable-calls.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import type { AgentLink } from '../../../../../worker/share/agents/agent-link.ts'

const OTHER = { name: 'other' } as AgentLink
const CLIENT = { principal: 'p', session: 's' }
const REQUEST = { ...CLIENT, key: 'k', method: 'tools/list', rawId: '1', id: [0, 0], body: new Uint8Array(0), size: 0 } as const

function calls(tools: readonly object[], link: AgentLink | undefined = OTHER): RepeatableCalls {
  const page = new TextEncoder().encode(JSON.stringify({ jsonrpc: '2.0', id: 0, result: { tools } }))
  const channels: Pick<GroupChannels, 'chooseLink'> = { chooseLink: () => link }
  return new RepeatableCalls(channels as GroupChannels, { toolsFor: () => [page] }, { mayRun: () => true })
}

function toolCall(tool: string): RepeatFacts {
  return { ...CLIENT, method: 'tools/call', tool }
}

describe('RepeatableCalls', () => {
  test.each([
    ['a request that only reads', { ...CLIENT, method: 'resources/read' }, true],
    ['ping', { ...CLIENT, method: 'ping' }, true],
    ['a tool that is annotated as read-only', toolCall('reads'), true],
    ['a tool that is annotated as idempotent', toolCall('sets'), true],
    ['a tool that is annotated as neither', toolCall('adds'), false],
    ['a tool without annotations', toolCall('plain'), false],
    ['a tool that is not in the list', toolCall('unknown'), false],
    ['a tool whose name is too long to be told', { ...CLIENT, method: 'tools/call' }, false],
    ['initialize', { ...CLIENT, method: 'initialize' }, false],
  ])('mayRepeat() of %s', (_, call, expected) => {
    const tools = [
      { name: 'reads', annotations: { readOnlyHint: true } },
      { name: 'sets', annotations: { idempotentHint: true } },
      { name: 'adds', annotations: { readOnlyHint: false, idempotentHint: false } },
      { name: 'plain' },
    ]
    expect(calls(tools).mayRepeat(call)).toBe(expected)
  })

  test('repeatFacts() has no more of what a client says of itself than an attachment has room for; its tools run once then', () => {
    const client = { principal: 'p', group: 'g', capabilities: [], delivery: 'stream' } as const
    const call = { key: 'k', method: 'tools/call', tool: 'reads', rawId: '1', id: [0, 0], body: new Uint8Array(0), size: 0 } as const
    const short = repeatFacts({ ...client, ...call, declared: 'x'.repeat(MAX_ATTACHED_DECLARATION_CHARS) })
    const long = repeatFacts({ ...client, ...call, declared: 'x'.repeat(MAX_ATTACHED_DECLARATION_CHARS + 1) })
    const known = calls([{ name: 'reads', annotations: { readOnlyHint: true } }])
    expect([short, long].map((facts) => known.mayRepeat(facts))).toEqual([true, false])
    expect(JSON.stringify(long).length).toBeLessThan(200)
  })

  test('mayRepeat() makes nothing of a list of more values than there is memory for', () => {
    verifies('promise.10.small-heap')
    const filler = { name: 'filler', inputSchema: Array.from({ length: MAX_PARSED_VALUES }, () => 0) }
    const reads = { name: 'reads', annotations: { readOnlyHint: true } }
    expect(calls([reads]).mayRepeat(toolCall('reads'))).toBe(true)
    expect(calls([reads, filler]).mayRepeat(toolCall('reads'))).toBe(false)
  })

  test('otherAgentFor() names no agent for a call over HTTP+SSE, nor for one that may run once only', () => {
    const repeatable = calls([])
    expect(repeatable.otherAgentFor({ ...REQUEST, delivery: 'stream' })).toBe(OTHER)
    expect(repeatable.otherAgentFor({ ...REQUEST, delivery: 'session' })).toBeUndefined()
    expect(repeatable.otherAgentFor({ ...REQUEST, delivery: 'stream', method: 'initialize' })).toBeUndefined()
  })

  test('otherAgentFor() names no agent for what only one process has, which may be asked for it again', () => {
    for (const method of [
      'ping',
      'logging/setLevel',
      'resources/subscribe',
      'resources/unsubscribe',
      'tasks/get',
      'tasks/result',
      'tasks/list',
    ]) {
      expect(calls([]).otherAgentFor({ ...REQUEST, delivery: 'stream', method })).toBeUndefined()
      expect(calls([]).canRepeatNow({ ...CLIENT, method })).toBe(true)
    }
    expect(calls([]).canRepeatNow({ ...CLIENT, method: 'tasks/cancel' })).toBe(false)
  })

  test('canRepeatNow() needs an agent, and a call of which the facts are known', () => {
    const read = { ...CLIENT, method: 'resources/read' }
    expect(calls([]).canRepeatNow(read)).toBe(true)
    expect(calls([]).canRepeatNow(undefined)).toBe(false)
    const channels: Pick<GroupChannels, 'chooseLink'> = { chooseLink: () => undefined }
    expect(new RepeatableCalls(channels as GroupChannels, { toolsFor: () => [] }, { mayRun: () => true }).canRepeatNow(read)).toBe(false)
  })
})

test('repeatFacts() keeps whose call it is, its method and its tool, and nothing else', () => {
  expect(repeatFacts({ ...REQUEST, delivery: 'stream', method: 'tools/call', tool: 't' })).toEqual(toolCall('t'))
  const { session: _, ...facts } = REQUEST
  expect(repeatFacts({ ...facts, group: 'g', capabilities: ['roots'], delivery: 'single' })).toEqual({
    principal: 'p',
    capabilities: ['roots'],
    method: 'tools/list',
  })
})

test('RepeatableCalls.marks() says of a call that is sent again whether it may run twice, and looks at no list for a first try', () => {
  expect(calls([]).marks({ ...REQUEST, delivery: 'stream', isResend: true })).toEqual({ repeats: true })
  expect(calls([]).marks({ ...REQUEST, delivery: 'stream' })).toEqual({})
  expect(calls([]).marks({ ...REQUEST, method: 'initialize', delivery: 'stream', isResend: true })).toEqual({})
})
