import { describe, expect, test } from 'vitest'
import { KEEPALIVE_MS, MAX_LEFT_STREAMS, UNTAKEN_MS } from '../../../../../worker/limits.ts'
import { UntakenMessages } from '../../../../../worker/share/clients/untaken-messages.ts'
import type { StreamAttachment, UntakenSpans } from '../../../../../worker/share/clients/stream-attachment.ts'

/** A stream whose attachment is kept here. */
function stream(kind: StreamAttachment['kind'] = 'listen') {
  const socket = {} as WebSocket
  let attachment: StreamAttachment = { role: 'stream', kind, link: 'l', group: 's', session: 's' }
  let writes = 0
  const streams = {
    attachmentOf: () => attachment,
    markUntaken: (_: WebSocket, untaken: UntakenSpans) => {
      writes++
      attachment = { ...attachment, untaken }
    },
  }
  const messages = new UntakenMessages(streams)
  return {
    socket,
    streams,
    messages,
    resumed: (resume: NonNullable<StreamAttachment['resume']>) => void (attachment = { ...attachment, resume }),
    sent: (n: number, nowMs: number, ch = 's.1') => messages.sent([socket], { ch, n }, nowMs),
    at: (nowMs: number) => messages.of(socket, nowMs),
    writes: () => writes,
  }
}

test('UntakenMessages names the place before the first message that may not have been taken', () => {
  const { sent, at } = stream()
  expect(at(0)).toBeUndefined()
  sent(5, 0)
  sent(6, 1)
  expect(at(1)).toEqual({ ch: 's.1', after: 4 })
})

test('UntakenMessages names the place at which a stream was opened until what was missing there has begun to come', () => {
  const { sent, at, resumed } = stream()
  resumed({ ch: 's.1', after: 3, round: 1 })
  expect(at(0)).toEqual({ ch: 's.1', after: 3 })
  sent(7, 0)
  expect(at(0)).toEqual({ ch: 's.1', after: 3 })
  sent(1, 0, 's.2')
  expect(at(0)).toEqual({ ch: 's.2', after: 0 })
  resumed({ ch: 's.2', after: 0, round: 1, stage: 'caught-up' })
  sent(9, KEEPALIVE_MS, 's.2')
  expect(at(KEEPALIVE_MS + UNTAKEN_MS)).toEqual({ ch: 's.2', after: 8 })
})

test('UntakenMessages counts a message as taken once two keep-alives have followed it', () => {
  const { sent, at } = stream()
  sent(1, 0)
  sent(2, KEEPALIVE_MS)
  expect(at(UNTAKEN_MS)).toEqual({ ch: 's.1', after: 0 })
  expect(at(KEEPALIVE_MS + UNTAKEN_MS)).toEqual({ ch: 's.1', after: 1 })
  expect(at(2 * KEEPALIVE_MS + UNTAKEN_MS)).toBeUndefined()
})

test('UntakenMessages writes an attachment of a few spans, and no more often than a keep-alive is written', () => {
  const { sent, at, writes } = stream()
  for (let n = 1; n <= 1000; n++) sent(n, n * 100)
  expect(writes()).toBeLessThanOrEqual(Math.ceil(100_000 / KEEPALIVE_MS))
  expect(at(100_000)?.after).toBeGreaterThan((100_000 - UNTAKEN_MS - 2 * KEEPALIVE_MS) / 100)
  expect(at(100_000)?.after).toBeLessThan((100_000 - UNTAKEN_MS) / 100)
})

test('UntakenMessages goes back to an older message that was sent again, and forgets another child', () => {
  const { sent, at } = stream()
  sent(9, 0)
  sent(3, 1)
  expect(at(1)).toEqual({ ch: 's.1', after: 2 })
  sent(1, 2, 's.2')
  expect(at(2)).toEqual({ ch: 's.2', after: 0 })
})

test('UntakenMessages knows after sleep what the attachment says, and nothing of the streams of calls', () => {
  const { sent, socket, streams } = stream()
  sent(5, 0)
  const awake = new UntakenMessages(streams)
  awake.sent([socket], { ch: 's.1', n: 6 }, 1)
  expect(awake.of(socket, 1)).toEqual({ ch: 's.1', after: 4 })
  const call = stream('call')
  call.sent(1, 0)
  expect(call.at(0)).toBeUndefined()
})

describe('UntakenMessages.takeLeft()', () => {
  test('gives the place of a stream that ended once, and of the latest only', () => {
    const { messages } = stream()
    messages.leave('a', { ch: 'shared.1', after: 7 })
    expect(messages.takeLeft('a', 'shared', 'shared.1')).toEqual({ ch: 'shared.1', after: 7 })
    expect(messages.takeLeft('a', 'shared', 'shared.1')).toBeUndefined()
    for (let index = 0; index <= MAX_LEFT_STREAMS; index++) messages.leave(`s${index}`, { ch: 'shared.1', after: index })
    expect(messages.takeLeft('s0', 'shared', 'shared.1')).toBeUndefined()
    expect(messages.takeLeft('s1', 'shared', 'shared.1')).toEqual({ ch: 'shared.1', after: 1 })
  })

  test('gives the place behind which messages of the child are held to each stream that opens, until one of them is out', () => {
    const { messages, sent } = stream()
    messages.holdsNothing('s.1')
    messages.held({ ch: 's.1', n: 4 })
    messages.held({ ch: 's.1', n: 6 })
    messages.leave('s', { ch: 's.1', after: 5 })
    expect([messages.takeLeft('s', 's', 's.1'), messages.takeLeft('s', 's', 's.1')]).toEqual([
      { ch: 's.1', after: 3 },
      { ch: 's.1', after: 3 },
    ])
    expect(messages.takeLeft('s', 'other', 'other.1')).toBeUndefined()
    sent(3, 0)
    expect(messages.takeLeft('s', 's', 's.1')).toEqual({ ch: 's.1', after: 3 })
    sent(4, 0)
    expect(messages.takeLeft('s', 's', 's.1')).toBeUndefined()
  })

  test.each([
    ['its agent is away', undefined],
    ['its agent is there', 's.2'],
  ])('knows nothing of what a child held that was there before, when %s', (_, ch) => {
    const { messages } = stream()
    messages.holdsNothing('s.1')
    messages.held({ ch: 's.1', n: 4 })
    messages.holdsNothing('s.2')
    messages.held({ ch: 's.2', n: 6 })
    expect(messages.takeLeft('s', 's', ch)).toEqual({ ch: 's.2', after: 5 })
  })

  test('knows nothing more of what a child held once there is another, or something of that one has gone out', () => {
    const { messages, sent } = stream()
    messages.holdsNothing('s.1')
    messages.held({ ch: 's.1', n: 4 })
    messages.leave('s', { ch: 's.2', after: 7 })
    expect(messages.takeLeft('s', 's', 's.2')).toEqual({ ch: 's.2', after: 7 })
    expect(messages.takeLeft('s', 's', 's.2')).toBeUndefined()
    messages.held({ ch: 's.2', n: 9 })
    sent(1, 0, 's.3')
    expect(messages.takeLeft('s', 's', undefined)).toBeUndefined()
  })

  test('knows nothing of what is held where more may be that was held before the object slept, until that is asked for', () => {
    const { messages } = stream()
    messages.held({ ch: 's.1', n: 4 })
    expect(messages.takeLeft('s', 's', 's.1')).toBeUndefined()
    messages.held({ ch: 's.1', n: 6 })
    expect(messages.takeLeft('s', 's', 's.1')).toEqual({ ch: 's.1', after: 5 })
  })
})
