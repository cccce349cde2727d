import { beforeEach, describe, expect, test } from 'vitest'
import { CallMemory } from '../../../../agent/channel/call-memory.ts'
import { CallLog } from '../../../../agent/channel/call-log.ts'
import { Channel } from '../../../../agent/channel/channel.ts'
import { ChildLimit } from '../../../../agent/channel/child-limit.ts'
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

  open(): FakeChild {
    const channel = new Channel(
      { type: 'open', ch: `c${this.channels.length}`, ids: 'keep', asks: 'pass' },
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
    expect(limit.admit()).toBe(true)
    const newer = one.open()
    expect(oldest.stopped).toBe(false)
    expect(limit.admit()).toBe(true)
    expect([oldest.stopped, newer.stopped]).toEqual([true, false])
  })

  test('is false while as many children end as may run', () => {
    const limit = new ChildLimit(1)
    const lane = new LaneOfChannels(limit)
    const first = lane.open()
    expect(limit.admit()).toBe(true)
    lane.open()
    expect(limit.admit()).toBe(false)
    first.ends()
    expect(limit.admit()).toBe(true)
  })
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
