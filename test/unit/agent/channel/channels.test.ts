import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CallMemory } from '../../../../agent/channel/calls/call-memory.ts'
import { Channels } from '../../../../agent/channel/channels.ts'
import { DEAD_CHANNEL_MS } from '../../../../agent/limits.ts'
import { ChildLimit } from '../../../../agent/channel/child-limit.ts'
import { type AgentFrame, RELAY_OWNER } from '../../../../protocol/frame.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { FakeChild } from '../fake-child.ts'
import { SILENT_LOG } from '../silent-log.ts'
import { keyOf } from '../scripted-relay.ts'

class Agent {
  readonly children: FakeChild[] = []
  readonly sent: AgentFrame[] = []
  readonly channels: Channels
  nowMs = 0

  constructor({ maxChildren = 2, idleStopMs = 0 }: { maxChildren?: number; idleStopMs?: number } = {}) {
    this.channels = new Channels({
      childLimit: new ChildLimit(maxChildren),
      memory: new CallMemory(),
      idleStopMs,
      log: SILENT_LOG,
      now: () => this.nowMs,
      tellsStderr: false,
      startChild: (handlers) => {
        const child = new FakeChild(handlers)
        this.children.push(child)
        return child
      },
    })
    this.attach()
  }

  attach(unwanted: string[] = []): void {
    this.channels.attach({ writable: true, send: (frame) => this.sent.push(frame) }, { type: 'welcome', share: 's', unwanted })
  }

  open(ch: string, more: { readonly owner?: string } = {}): void {
    this.channels.receive({ type: 'open', ch, ids: 'keep', asks: 'pass', ...more }, new Uint8Array(0))
  }

  close(ch: string): void {
    this.channels.receive({ type: 'close', ch }, new Uint8Array(0))
  }

  call(ch: string, label: number, method = 'm', more: { readonly mayBeginTask?: true } = {}): void {
    const body = Buffer.from(`{"jsonrpc":"2.0","id":${label},"method":"${method}"}`)
    this.channels.receive(
      {
        type: 'call',
        ch,
        key: keyOf(label),
        method,
        id: [22, 22 + String(label).length],
        ra: `ra${label}`,
        tag: '',
        size: body.length,
        ...more,
      },
      body,
    )
  }

  answer(child: number, label: number): void {
    this.children[child]?.says({ jsonrpc: '2.0', id: label, result: 1 })
  }

  of<T extends AgentFrame['type']>(type: T): Extract<AgentFrame, { type: T }>[] {
    return this.sent.filter((frame): frame is Extract<AgentFrame, { type: T }> => frame.type === type)
  }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('Channels.receive()', () => {
  test('starts one child a channel, and none for a repeated open', () => {
    const agent = new Agent()
    agent.open('a')
    agent.open('a')
    agent.open('b')
    expect(agent.children).toHaveLength(2)
  })

  test('fails a call for a channel that was never opened, and repeats that for the same key', () => {
    const agent = new Agent()
    agent.call('nowhere', 1)
    agent.call('nowhere', 1)
    expect(agent.of('failed')).toMatchObject([
      { code: 'CHANNEL_CLOSED', executed: 'no' },
      { code: 'CHANNEL_CLOSED', executed: 'no' },
    ])
  })

  test('receipts a notification for a channel that is not there', () => {
    const agent = new Agent()
    agent.channels.receive({ type: 'notify', ch: 'nowhere', key: keyOf(1), method: 'n', size: 2 }, Buffer.from('{}'))
    expect(agent.of('receipts')).toEqual([{ type: 'receipts', keys: [keyOf(1)] }])
  })

  test('says of a call that ran on a channel now forgotten that it ran', () => {
    const agent = new Agent()
    agent.open('a')
    agent.call('a', 1)
    agent.answer(0, 1)
    agent.children[0]?.ends()
    agent.nowMs = DEAD_CHANNEL_MS + 1
    vi.advanceTimersByTime(60_000)
    agent.call('a', 1)
    expect(agent.of('failed')).toMatchObject([{ code: 'ALREADY_EXECUTED', executed: 'yes' }])
  })
})

test('Channels.attach() says again how calls have failed, but not of one that runs on another channel since', () => {
  verifies('promise.3.says-executed')
  const agent = new Agent()
  agent.open('a')
  agent.children[0]?.ends()
  for (const label of [1, 2]) agent.call('a', label)
  agent.open('b')
  agent.call('b', 1)
  agent.channels.detach()
  agent.attach()
  expect(agent.of('failed').map(({ key }) => key)).toEqual([keyOf(1), keyOf(2), keyOf(2)])
})

describe('--max-children', () => {
  test('ends the channel that was idle longest', () => {
    const agent = new Agent()
    agent.open('a')
    agent.nowMs = 1
    agent.open('b')
    agent.nowMs = 2
    agent.call('a', 1)
    agent.answer(0, 1)
    agent.open('c')
    expect(agent.children.map(({ stopped }) => stopped)).toEqual([false, true, false])
    agent.children[1]?.ends()
    expect(agent.of('died')).toMatchObject([{ ch: 'b', reason: 'idle' }])
  })

  test('ends a channel that is listened to after one that is not, and before refusing', () => {
    const agent = new Agent()
    agent.open('a')
    agent.call('a', 1, 'subscriptions/listen')
    agent.nowMs = 1
    agent.open('b')
    agent.nowMs = 2
    agent.open('c')
    expect(agent.children.map(({ stopped }) => stopped)).toEqual([false, true, false])
    agent.call('c', 2)
    agent.children[1]?.ends()
    agent.open('d')
    expect(agent.children.map(({ stopped }) => stopped)).toEqual([true, true, false, false])
    expect(agent.of('failed')).toMatchObject([{ key: keyOf(1), code: 'CHANNEL_CLOSED' }])
  })

  test('refuses a channel while all are busy, fails its calls, and takes it when asked again', () => {
    verifies('promise.10.children')
    const agent = new Agent()
    for (const [ch, label] of [
      ['a', 1],
      ['b', 2],
    ] as const) {
      agent.open(ch)
      agent.call(ch, label)
    }
    agent.open('c')
    agent.call('c', 3)
    expect(agent.of('died')).toEqual([{ type: 'died', ch: 'c', reason: 'start' }])
    expect(agent.of('failed')).toMatchObject([{ key: keyOf(3), code: 'TOO_MANY_CHILDREN', executed: 'no' }])
    agent.answer(0, 1)
    agent.open('c')
    agent.call('c', 4)
    expect(agent.children).toHaveLength(3)
    expect(agent.children[2]?.written).toHaveLength(1)
  })

  test('counts children that are still ending: a storm of sessions does not start more than twice as many', () => {
    const agent = new Agent()
    for (const ch of ['a', 'b', 'c', 'd', 'e', 'f']) agent.open(ch)
    expect(agent.children).toHaveLength(4)
    agent.children[0]?.ends()
    agent.open('g')
    expect(agent.children).toHaveLength(5)
  })
})

describe('links', () => {
  test('Channels.helloFields() names the channels whose children run, and their last numbers', () => {
    const agent = new Agent({ maxChildren: 9 })
    for (const ch of ['a', 'b', 'c']) agent.open(ch)
    agent.call('a', 1)
    agent.answer(0, 1)
    agent.children[1]?.ends()
    agent.close('c')
    expect(agent.channels.helloFields()).toEqual({ held: [keyOf(1)], channels: [{ ch: 'a', n: 1 }] })
  })

  test('Channels.attach() sends what was not receipted, also of the dead, and ends what is unwanted without a word', () => {
    verifies('promise.2.receipts')
    const agent = new Agent({ maxChildren: 9 })
    for (const [index, ch] of ['a', 'b', 'c'].entries()) {
      agent.open(ch)
      agent.call(ch, index)
      agent.answer(index, index)
    }
    agent.children[1]?.ends()
    agent.channels.detach()
    agent.sent.length = 0
    agent.attach(['c'])
    expect(agent.of('answer').map(({ ch, n }) => [ch, n])).toEqual([
      ['a', 1],
      ['b', 1],
    ])
    expect(agent.of('died')).toMatchObject([{ ch: 'b' }])
    expect(agent.children[2]?.stopped).toBe(true)
  })

  test('Channels.quiet() waits for calls to be answered, or for the signal', async () => {
    const agent = new Agent()
    agent.open('a')
    agent.call('a', 1)
    const quiet = agent.channels.quiet(new AbortController().signal)
    agent.answer(0, 1)
    await quiet
    agent.call('a', 2)
    const abort = new AbortController()
    const given = agent.channels.quiet(abort.signal)
    abort.abort()
    await given
  })

  test('Channels.quiet() does not wait for a call that only listens', async () => {
    const agent = new Agent()
    agent.open('a')
    agent.call('a', 1, 'subscriptions/listen')
    await agent.channels.quiet(new AbortController().signal)
  })

  test('Channels.quiet() does not wait for what the relay asks in its own name', async () => {
    const agent = new Agent()
    agent.open('a', { owner: RELAY_OWNER })
    agent.call('a', 1)
    expect(agent.channels.runningCalls).toBe(0)
    await agent.channels.quiet(new AbortController().signal)
    agent.open('b', { owner: 'client:1' })
    agent.call('b', 2)
    expect(agent.channels.runningCalls).toBe(1)
  })

  test('Channels.stop() resolves when all children are gone', async () => {
    const agent = new Agent()
    agent.open('a')
    agent.open('b')
    const stopped = agent.channels.stop()
    expect(agent.children.every((child) => child.stopped)).toBe(true)
    for (const child of agent.children) child.ends()
    await stopped
    expect(agent.of('died')).toHaveLength(2)
  })
})

describe('a child that works on a task', () => {
  test.each(['--idle-stop', '--max-children'])('is not ended for %s until the task has ended', (option) => {
    verifies('promise.13.working')
    const agent = new Agent(option === '--idle-stop' ? { idleStopMs: 1000 } : { maxChildren: 1 })
    agent.open('a')
    agent.call('a', 1, 'tools/call', { mayBeginTask: true })
    agent.children[0]?.says({ jsonrpc: '2.0', id: 1, result: { task: { taskId: 't', status: 'working', ttl: 3_600_000 } } })
    const isEnded = (): boolean => (option === '--idle-stop' ? agent.of('idle').length > 0 : agent.children[0]?.stopped === true)
    const tempt = (channel: string): void => {
      agent.nowMs += 600_000
      vi.advanceTimersByTime(2000)
      if (option === '--max-children') agent.open(channel)
    }
    tempt('b')
    expect(isEnded()).toBe(false)
    agent.children[0]?.says({ jsonrpc: '2.0', method: 'notifications/tasks/status', params: { taskId: 't', status: 'completed' } })
    tempt('c')
    expect(isEnded()).toBe(true)
  })
})

describe('--idle-stop', () => {
  test.each(['initialize', 'server/discover'])(
    'reports a channel too that has never answered its %s, but does not make room with it',
    (method) => {
      verifies('promise.6.idle-children')
      vi.useFakeTimers()
      const agent = new Agent({ maxChildren: 1, idleStopMs: 1000 })
      agent.open('a')
      agent.call('a', 1, method)
      agent.nowMs += 1000
      vi.advanceTimersByTime(1000)
      expect(agent.of('idle')).toEqual([{ type: 'idle', ch: 'a' }])
      agent.open('b')
      expect(agent.children.map(({ stopped }) => stopped)).toEqual([false])
      vi.useRealTimers()
    },
  )

  test('reports a channel after so long without traffic, not while a call runs, and once each time', () => {
    verifies('promise.6.idle-children')
    const agent = new Agent({ idleStopMs: 1000 })
    const pass = (ms: number): void => {
      agent.nowMs += ms
      vi.advanceTimersByTime(250)
    }
    agent.open('a')
    agent.call('a', 1)
    pass(5000)
    expect(agent.of('idle')).toEqual([])
    agent.answer(0, 1)
    pass(999)
    expect(agent.of('idle')).toEqual([])
    pass(1)
    pass(500)
    expect(agent.of('idle')).toEqual([{ type: 'idle', ch: 'a' }])
    pass(500)
    expect(agent.of('idle')).toHaveLength(2)
  })

  test('reports a channel that is only listened to: the relay knows whether it may end', () => {
    const agent = new Agent({ idleStopMs: 1000 })
    agent.open('a')
    agent.call('a', 1, 'subscriptions/listen')
    agent.nowMs = 1000
    vi.advanceTimersByTime(250)
    expect(agent.of('idle')).toEqual([{ type: 'idle', ch: 'a' }])
  })
})
