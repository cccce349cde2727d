import { expect, test } from 'vitest'
import { ReplayBuffer, type ChildMessage, type FailureFrame, type KeptFrame } from '../../../../agent/channel/replay-buffer.ts'
import { HELD_BYTES, HELD_MESSAGES } from '../../../../agent/limits.ts'
import { CHANNEL_WINDOW_BYTES, MAX_LINE_BYTES, TAIL_MESSAGES, TAIL_MS } from '../../../../protocol/limits.ts'

const NOTE: ChildMessage = { type: 'notification', method: 'notifications/message' }
const FOR_CALL: ChildMessage = { ...NOTE, ra: 'ra1', sure: true }
const DIED: FailureFrame = { type: 'died', ch: 'c', reason: 'exit' }

function kept(n: number, frame: ChildMessage | FailureFrame = FOR_CALL, bytes = 1, extra: Partial<KeptFrame> = {}): KeptFrame {
  return { order: n, n, frame, body: new Uint8Array(bytes), bornMs: 0, sent: true, receipted: false, ...extra }
}

function numbers(buffer: ReplayBuffer): number[] {
  return buffer.select(() => true).map(({ n }) => n)
}

test('ReplayBuffer.receipt() counts for what was sent whole, and for a failure only with a later number', () => {
  const buffer = new ReplayBuffer(() => {})
  const frames = [kept(1), kept(2, FOR_CALL, 1, { sent: false }), kept(3), kept(3, DIED, 0, { order: 4 }), kept(5)]
  for (const frame of frames) buffer.add(frame)
  buffer.receipt(3)
  expect(frames.map(({ receipted }) => receipted)).toEqual([true, false, true, false, false])
  buffer.receipt(4)
  expect(frames[3]?.receipted).toBe(true)
})

test('ReplayBuffer.trim() forgets beyond TAIL_MESSAGES what was receipted, and by age the rest, but nothing unsent', () => {
  const buffer = new ReplayBuffer(() => {})
  for (let n = 1; n <= TAIL_MESSAGES + 2; n++) buffer.add(kept(n, FOR_CALL, 1, { sent: n !== TAIL_MESSAGES + 2 }))
  buffer.receipt(1)
  buffer.trim(TAIL_MS)
  expect(numbers(buffer)[0]).toBe(2)
  buffer.trim(TAIL_MS + 1)
  expect(numbers(buffer)).toEqual([TAIL_MESSAGES + 2])
})

test('ReplayBuffer.trim() does not keep everything for a relay that never sends a receipt', () => {
  const buffer = new ReplayBuffer(() => {})
  buffer.add(kept(1, FOR_CALL, MAX_LINE_BYTES))
  buffer.add(kept(2, FOR_CALL, CHANNEL_WINDOW_BYTES))
  buffer.trim(0)
  expect(numbers(buffer)).toEqual([1, 2])
  buffer.add(kept(3))
  buffer.trim(0)
  expect(numbers(buffer)).toEqual([2, 3])
})

test('ReplayBuffer.hold() keeps order, and beyond HELD_MESSAGES or HELD_BYTES drops the oldest and says so', () => {
  const dropped: ChildMessage[] = []
  const buffer = new ReplayBuffer((message) => dropped.push(message))
  const method = (n: number): ChildMessage => ({ ...NOTE, method: `m${n}` })
  for (let n = 2; n <= HELD_MESSAGES + 1; n++) buffer.hold(kept(n, method(n)))
  buffer.hold(kept(1, method(1)))
  expect(dropped).toEqual([method(1)])
  buffer.hold(kept(HELD_MESSAGES + 2, method(0), HELD_BYTES))
  expect(dropped).toHaveLength(HELD_MESSAGES + 1)
  expect(buffer.release(() => true).map(({ n }) => n)).toEqual([HELD_MESSAGES + 2])
})

test('ReplayBuffer.holdBack() and release() move messages out of the tail and back, in order', () => {
  const buffer = new ReplayBuffer(() => {})
  for (let n = 1; n <= 4; n++) buffer.add(kept(n))
  buffer.holdBack(({ n }) => n % 2 === 0)
  expect(numbers(buffer)).toEqual([1, 3])
  expect(buffer.release(({ n }) => n === 2).map(({ n }) => n)).toEqual([2])
  expect(numbers(buffer)).toEqual([1, 2, 3])
  expect(buffer.release(() => true)).toHaveLength(1)
  expect(numbers(buffer)).toEqual([1, 2, 3, 4])
})

test('ReplayBuffer.hasForgotten() speaks of messages that belong to no call, trimmed or dropped', () => {
  const buffer = new ReplayBuffer(() => {})
  buffer.add(kept(1, NOTE))
  buffer.add(kept(2))
  buffer.trim(TAIL_MS + 1)
  expect([buffer.hasForgotten(0), buffer.hasForgotten(1)]).toEqual([true, false])
  for (let n = 3; n <= HELD_MESSAGES + 3; n++) buffer.hold(kept(n, NOTE))
  expect([buffer.hasForgotten(2), buffer.hasForgotten(3)]).toEqual([true, false])
})

test('ReplayBuffer.message() finds a message by its number, not the failure that stands behind it', () => {
  const buffer = new ReplayBuffer(() => {})
  buffer.add(kept(1, DIED, 0))
  expect(buffer.message(1)).toBeUndefined()
  const message = kept(1)
  buffer.add(message)
  expect(buffer.message(1)).toBe(message)
})
