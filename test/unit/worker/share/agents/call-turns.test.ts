import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Call } from '../../../../../protocol/frame.ts'
import { AGENT_TURN_WAIT_MS, MAX_QUEUED_BYTES, MAX_QUEUED_CALLS, MAX_QUEUED_CALLS_OF_ONE } from '../../../../../worker/routing-limits.ts'
import type { AgentLink } from '../../../../../worker/share/agents/agent-link.ts'
import { CallTurns, type ReadyCall } from '../../../../../worker/share/agents/call-turns.ts'
import { verifies } from '../../../../requirements/verifies.ts'

function linkOf(maxCalls: number | undefined): AgentLink {
  return { socket: {}, name: 'a', maxCalls } as unknown as AgentLink
}

/** Turns whose calls are named by their keys. A principal counts as its first letter. */
class Stage {
  readonly started: string[] = []
  readonly refused: string[] = []
  readonly givenBack: string[] = []
  awaited: readonly string[] = []
  readonly unwanted = new Set<string>()
  readonly turns = new CallTurns({
    awaited: () => this.awaited,
    rootOf: (principal) => principal.slice(0, 1),
    isWanted: ({ key }) => !this.unwanted.has(key),
    refused: ({ key }, code) => void this.refused.push(`${key} ${code}`),
    givenBack: ({ key }) => void this.givenBack.push(key),
  })

  take(link: AgentLink, key: string, principal = 'p', more: Partial<ReadyCall> = {}): void {
    const call = { ch: 'c.1', key, tag: `tag ${key}` } as Call
    const start = (): void => void this.started.push(key)
    this.turns.take(link, { call, principal, bytes: 10, mayBeThere: false, isWhole: true, start, ...more })
  }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('CallTurns.take()', () => {
  test('sends as many calls as the agent takes, and each other when one has ended, in the order in which they came', () => {
    verifies('promise.10.agent-calls')
    const stage = new Stage()
    const link = linkOf(2)
    for (const key of ['1', '2', '3', '4']) stage.take(link, key)
    expect(stage.started).toEqual(['1', '2'])
    stage.turns.ended(link, '2')
    expect(stage.started).toEqual(['1', '2', '3'])
    stage.turns.ended(link, 'unknown')
    stage.turns.ended(link, '2')
    expect(stage.started).toEqual(['1', '2', '3'])
    stage.turns.ended(link, '1')
    expect(stage.started).toEqual(['1', '2', '3', '4'])
    expect(stage.refused).toEqual([])
  })

  test('holds no timer but for what waits', () => {
    verifies('promise.6.no-timer')
    const stage = new Stage()
    const link = linkOf(1)
    stage.take(link, '1')
    expect(vi.getTimerCount()).toBe(0)
    stage.take(link, '2')
    expect(vi.getTimerCount()).toBe(1)
    stage.turns.ended(link, '1')
    expect(vi.getTimerCount()).toBe(0)
  })

  test('refuses a call that has waited for its time, and never sends it', () => {
    verifies('promise.10.agent-calls')
    const stage = new Stage()
    const link = linkOf(1)
    stage.take(link, '1')
    stage.take(link, '2')
    vi.advanceTimersByTime(AGENT_TURN_WAIT_MS - 1)
    expect(stage.refused).toEqual([])
    vi.advanceTimersByTime(1)
    expect(stage.refused).toEqual(['2 AGENT_BUSY'])
    stage.turns.ended(link, '1')
    expect(stage.started).toEqual(['1'])
  })

  test('lets the call of who has least running go first, all that count as one together', () => {
    verifies('promise.10.agent-calls')
    const stage = new Stage()
    const link = linkOf(2)
    stage.take(link, '1', 'a1')
    stage.take(link, '2', 'a1')
    stage.take(link, '3', 'a2')
    stage.take(link, '4', 'b')
    stage.turns.ended(link, '1')
    expect(stage.started).toEqual(['1', '2', '4'])
  })

  test('does not overtake what waits, though there is room', () => {
    const stage = new Stage()
    const link = linkOf(1)
    stage.take(link, '1')
    stage.take(link, '2')
    stage.unwanted.add('2')
    stage.take(link, '3')
    stage.turns.ended(link, '1')
    expect(stage.started).toEqual(['1', '3'])
  })

  test('sends at once what the agent may have already, what runs there, and what is its own again', () => {
    verifies('promise.2.never-twice')
    const stage = new Stage()
    const link = linkOf(1)
    stage.take(link, '1')
    stage.take(link, '1')
    stage.take(link, '2', 'p', { mayBeThere: true })
    expect(stage.started).toEqual(['1', '1', '2'])
    stage.take(link, '3')
    stage.take(link, '3')
    stage.turns.ended(link, '1')
    stage.turns.ended(link, '2')
    expect(stage.started).toEqual(['1', '1', '2', '3'])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('refuses at once where too many wait, of one or of all, or too much, and what is not whole', () => {
    verifies('promise.10.named')
    const stage = new Stage()
    const link = linkOf(1)
    stage.take(link, 'running')
    stage.take(link, 'in parts', 'p', { isWhole: false })
    stage.take(link, 'large', 'p', { bytes: MAX_QUEUED_BYTES + 1 })
    expect(stage.refused).toEqual(['in parts AGENT_BUSY', 'large AGENT_BUSY'])
    for (let at = 0; at < MAX_QUEUED_CALLS_OF_ONE; at++) stage.take(link, `a${at}`, 'a')
    expect(stage.refused).toHaveLength(2)
    stage.take(link, 'one more', 'a2')
    expect(stage.refused.slice(2)).toEqual(['one more AGENT_BUSY'])
    for (let at = MAX_QUEUED_CALLS_OF_ONE; at < MAX_QUEUED_CALLS; at++) stage.take(link, `x${at}`, String.fromCharCode(200 + at))
    expect(stage.refused).toHaveLength(3)
    stage.take(link, 'last', 'z')
    expect(stage.refused.slice(3)).toEqual(['last AGENT_BUSY'])
  })

  test('counts what was sent before only while somebody waits for it', () => {
    verifies('promise.6.state-survives')
    const stage = new Stage()
    const link = linkOf(1)
    stage.awaited = ['before']
    stage.take(link, '1')
    expect(stage.started).toEqual([])
    stage.turns.ended(link, 'before')
    expect(stage.started).toEqual(['1'])
    const other = linkOf(1)
    expect(stage.turns.isFull(other)).toBe(true)
    stage.awaited = []
    expect(stage.turns.isFull(other)).toBe(false)
    stage.take(other, '2')
    expect(stage.started).toEqual(['1', '2'])
  })
})

test('CallTurns.isFull() is so for an agent that runs as many as it takes, and for none that takes any number', () => {
  const stage = new Stage()
  const [link, open] = [linkOf(1), linkOf(undefined)]
  stage.awaited = ['x', 'y']
  expect(stage.turns.isFull(open)).toBe(false)
  stage.awaited = []
  expect(stage.turns.isFull(link)).toBe(false)
  stage.take(link, '1')
  expect(stage.turns.isFull(link)).toBe(true)
  stage.turns.ended(link, '1')
  expect(stage.turns.isFull(link)).toBe(false)
})

test('CallTurns.cancelled() refuses what waits, and leaves alone what runs and what is of another channel', () => {
  const stage = new Stage()
  const link = linkOf(1)
  stage.take(link, '1')
  stage.take(link, '2')
  stage.turns.cancelled(link, 'c.1', 'tag 1')
  stage.turns.cancelled(link, 'c.2', 'tag 2')
  expect(stage.refused).toEqual([])
  stage.turns.cancelled(link, 'c.1', 'tag 2')
  expect(stage.refused).toEqual(['2 CANCELLED'])
  expect(vi.getTimerCount()).toBe(0)
})

test('CallTurns.closed() gives back what waits, once, and begins anew', () => {
  verifies('promise.2.nothing-lost')
  const stage = new Stage()
  const link = linkOf(1)
  for (const key of ['1', '2', '3']) stage.take(link, key)
  stage.turns.closed(link)
  stage.turns.closed(link)
  expect(stage.givenBack).toEqual(['2', '3'])
  expect(vi.getTimerCount()).toBe(0)
  stage.take(link, '4')
  expect(stage.started).toEqual(['1', '4'])
})
