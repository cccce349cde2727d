import { expect, test } from 'vitest'
import { LEAVING_MS } from '../../../../../worker/limits.ts'
import type { GroupChannels } from '../../../../../worker/share/children/group-channels.ts'
import { IdleChildren } from '../../../../../worker/share/children/idle-children.ts'
import type { Streams } from '../../../../../worker/share/clients/streams.ts'
import { Waiters } from '../../../../../worker/share/clients/waiters.ts'

/** One group `g`, whose listening streams are `listeners`. */
function stage(): { idle: IdleChildren; waiters: Waiters; listeners: WebSocket[]; probes: string[]; closed: string[] } {
  const [listeners, probes, closed]: [WebSocket[], string[], string[]] = [[], [], []]
  const waiters = new Waiters(() => {})
  const streams: Pick<Streams, 'listeners' | 'callsOfGroup'> = { listeners: () => listeners, callsOfGroup: () => [] }
  const channels: Pick<GroupChannels, 'close'> = { close: (group) => void closed.push(group) }
  const idle = new IdleChildren({ channels: channels as GroupChannels, streams: streams as Streams, waiters })
  const listener = { send: (text: string) => void probes.push(text) } as unknown as WebSocket
  listeners.push(listener)
  return { idle, waiters, listeners, probes, closed }
}

test('IdleChildren ends an idle child that nobody waits for', () => {
  const { idle, listeners, closed } = stage()
  listeners.pop()
  idle.idle('g', 0)
  expect(closed).toEqual(['g'])
})

test('IdleChildren probes the listeners of an idle child, and ends it with the last of them', () => {
  const { idle, listeners, probes, closed } = stage()
  idle.idle('g', 0)
  expect([probes, closed]).toEqual([['{"type":"probe"}'], []])
  idle.streamClosed('g', 1)
  expect(closed).toEqual([])
  listeners.pop()
  idle.streamClosed('g', LEAVING_MS - 1)
  expect(closed).toEqual(['g'])
})

test('IdleChildren keeps a child whose last stream closes only later, and one for which a call waits', () => {
  const late = stage()
  late.idle.idle('g', 0)
  late.listeners.pop()
  late.idle.streamClosed('g', LEAVING_MS)
  expect(late.closed).toEqual([])
  const busy = stage()
  busy.listeners.pop()
  void busy.waiters.wait('k', {
    group: 'g',
    agent: 'a',
    session: 's',
    principal: 'p',
    isInitialize: false,
    restarted: false,
    canStream: true,
  })
  busy.idle.idle('g', 0)
  expect(busy.closed).toEqual([])
})
