import { beforeEach, describe, expect, test } from 'vitest'
import { CallMemory } from '../../../../agent/channel/calls/call-memory.ts'
import { CallLog } from '../../../../agent/channel/calls/call-log.ts'
import { Channel } from '../../../../agent/channel/channel.ts'
import { ChildLimit } from '../../../../agent/channel/child-limit.ts'
import { LONG_IDLE_MS, MAX_RELAY_CHILDREN } from '../../../../agent/limits.ts'
import { RELAY_OWNER } from '../../../../protocol/frame.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { FakeChild } from '../fake-child.ts'
import { SILENT_LOG } from '../silent-log.ts'

let nowMs = 0

beforeEach(() => {
  nowMs = 0
})

/** A lane whose channels the limit sees, and their children. */
class LaneOfChannels {
  readonly channels: Channel[] = []
  readonly children: FakeChild[] = []

  constructor(limit: ChildLimit) {
    limit.add({ channels: () => this.channels, log: SILENT_LOG })
  }

  open(owner?: string, root?: string): FakeChild {
    const channel = new Channel(
      {
        type: 'open',
        ch: `c${this.channels.length}`,
        ids: 'keep',
        asks: 'pass',
        ...(owner === undefined ? {} : { owner }),
        ...(root === undefined ? {} : { root }),
      },
      {
        memory: new CallMemory(),
        log: SILENT_LOG,
        now: () => nowMs++,
        callLog: new CallLog(SILENT_LOG, () => 0),
        tellsStderr: false,
        startChild: (handlers) => {
          const child = new FakeChild(handlers)
          this.children.push(child)
          return child
        },
        link: undefined,
        changed: () => {},
      },
    )
    this.channels.push(channel)
    const child = this.children.at(-1)
    if (child === undefined) throw new Error('the channel started no child')
    return child
  }
}

describe('ChildLimit.admit()', () => {
  test('counts the children of all lanes, and ends the one that was idle longest, whichever lane it serves', () => {
    const limit = new ChildLimit(2)
    const [one, two] = [new LaneOfChannels(limit), new LaneOfChannels(limit)]
    const oldest = two.open()
    expect(limit.admit({}, nowMs)).toBe(true)
    const newer = one.open()
    expect(oldest.stopped).toBe(false)
    expect(limit.admit({}, nowMs)).toBe(true)
    expect([oldest.stopped, newer.stopped]).toEqual([true, false])
  })

  test('is false while as many children end as may run', () => {
    const limit = new ChildLimit(1)
    const lane = new LaneOfChannels(limit)
    const first = lane.open()
    expect(limit.admit({}, nowMs)).toBe(true)
    lane.open()
    expect(limit.admit({}, nowMs)).toBe(false)
    first.ends()
    expect(limit.admit({}, nowMs)).toBe(true)
  })
})

describe('ChildLimit.admit() of an owner', () => {
  /** Children of these owners, oldest first, as many as may run; what became of each once one more was asked for. */
  function stopped(owners: readonly string[], asking: string, laterMs = 0): { admitted: boolean; stopped: boolean[] } {
    const limit = new ChildLimit(owners.length)
    const lane = new LaneOfChannels(limit)
    const children = owners.map((owner) => lane.open(owner))
    const admitted = limit.admit({ owner: asking }, nowMs + laterMs)
    return { admitted, stopped: children.map((child) => child.stopped) }
  }

  test('who has more than an equal share loses its own oldest', () => {
    verifies('promise.10.own-first')
    expect(stopped(['a', 'b', 'b', 'b'], 'b')).toEqual({ admitted: true, stopped: [false, true, false, false] })
  })

  test('who has none gets room from who has most', () => {
    verifies('promise.10.own-first')
    expect(stopped(['a', 'a', 'b', 'b', 'b', 'b'], 'c')).toEqual({ admitted: true, stopped: [false, false, true, false, false, false] })
  })

  test('while all have an equal share one more is refused, until a child has been idle for LONG_IDLE_MS', () => {
    verifies('promise.10.own-first', 'promise.10.children')
    expect(stopped(['a', 'b'], 'c')).toEqual({ admitted: false, stopped: [false, false] })
    expect(stopped(['a', 'b'], 'c', LONG_IDLE_MS)).toEqual({ admitted: true, stopped: [true, false] })
  })
})

test('ChildLimit.admit() counts the children of all links that were narrowed from one as those of that one', () => {
  verifies('promise.10.root')
  const limit = new ChildLimit(4)
  const lane = new LaneOfChannels(limit)
  const theirs = lane.open('modest')
  const children = ['derived:1', 'derived:2', 'derived:3'].map((owner) => lane.open(owner, 'greedy'))
  // Each narrowing alone has no more than an equal share.
  expect(limit.admit({ owner: 'derived:4', root: 'greedy' }, nowMs)).toBe(true)
  expect([theirs, ...children].map((child) => child.stopped)).toEqual([false, true, false, false])
  expect(limit.admit({ owner: 'modest' }, nowMs)).toBe(true)
})

test('ChildLimit.admit() gives clients without a credential half of all children at most, for which only their own make room', () => {
  verifies('promise.10.guests')
  const limit = new ChildLimit(4)
  const lane = new LaneOfChannels(limit)
  const guests = ['anonymous:1', 'anonymous:2'].map((owner) => lane.open(owner, 'anonymous'))
  const theirs = lane.open('client:1')
  // There is room for one more, but not of theirs.
  expect(limit.admit({ owner: 'anonymous:3', root: 'anonymous' }, nowMs)).toBe(true)
  expect([...guests, theirs].map((child) => child.stopped)).toEqual([true, false, false])
  lane.open('anonymous:3', 'anonymous')
  for (const channel of lane.channels) Object.defineProperty(channel, 'idleSinceMs', { get: () => undefined })
  expect(limit.admit({ owner: 'anonymous:4', root: 'anonymous' }, nowMs)).toBe(false)
  expect(limit.admit({ owner: 'client:2' }, nowMs)).toBe(true)
})

test('ChildLimit.hasRoom counts children that still end', () => {
  const limit = new ChildLimit(1)
  const lane = new LaneOfChannels(limit)
  expect(limit.hasRoom).toBe(true)
  const child = lane.open()
  void lane.channels[0]?.stop('closed')
  expect(limit.hasRoom).toBe(false)
  child.ends()
  expect(limit.hasRoom).toBe(true)
})

test("the relay's own children take no client's place, and none makes room for them; there are few of them", () => {
  const limit = new ChildLimit(1)
  const lane = new LaneOfChannels(limit)
  for (let count = 0; count < MAX_RELAY_CHILDREN; count++) {
    expect(limit.admit({ owner: RELAY_OWNER }, nowMs)).toBe(true)
    lane.open(RELAY_OWNER)
  }
  expect(limit.admit({ owner: RELAY_OWNER }, nowMs)).toBe(false)
  expect(limit.admit({ owner: 'ann' }, nowMs)).toBe(true)
  const child = lane.open('ann')
  lane.channels.shift()
  expect(limit.admit({ owner: RELAY_OWNER }, nowMs)).toBe(true)
  expect(child.stopped).toBe(false)
})
