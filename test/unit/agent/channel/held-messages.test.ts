import { expect, test } from 'vitest'
import { HeldMessages } from '../../../../agent/channel/held-messages.ts'
import type { KeptFrame } from '../../../../agent/channel/kept-frame.ts'
import { HELD_BYTES, HELD_MESSAGES } from '../../../../agent/limits.ts'

function kept(n: number, bytes = 1): KeptFrame {
  const frame = { type: 'notification', method: 'notifications/message' } as const
  return { order: n, n, frame, body: new Uint8Array(bytes), bornMs: 0, sent: true, receipted: false }
}

function numbers(messages: readonly KeptFrame[]): number[] {
  return messages.map(({ n }) => n)
}

test('HeldMessages.take() gives what is wanted, in the order of the channel, and once', () => {
  const held = new HeldMessages(() => {})
  for (const n of [3, 1, 4, 2]) held.add(kept(n))
  expect(numbers(held.take(({ n }) => n % 2 === 0))).toEqual([2, 4])
  expect(numbers(held.take(() => true))).toEqual([1, 3])
  expect(held.take(() => true)).toEqual([])
})

test('HeldMessages drops the oldest beyond HELD_MESSAGES, and says which', () => {
  const dropped: KeptFrame[] = []
  const held = new HeldMessages((message) => dropped.push(message))
  for (let n = 2; n <= HELD_MESSAGES + 1; n++) held.add(kept(n))
  held.add(kept(1))
  expect(numbers(dropped)).toEqual([1])
  expect(held.take(() => true)).toHaveLength(HELD_MESSAGES)
})

test('HeldMessages drops the oldest beyond HELD_BYTES, and counts what was taken or cleared no more', () => {
  const dropped: KeptFrame[] = []
  const held = new HeldMessages((message) => dropped.push(message))
  held.add(kept(1, HELD_BYTES / 2))
  held.add(kept(2, HELD_BYTES / 2))
  expect(numbers(held.take(({ n }) => n === 1))).toEqual([1])
  held.add(kept(3, HELD_BYTES / 2))
  expect(dropped).toEqual([])
  held.add(kept(4))
  expect(numbers(dropped)).toEqual([2])
  held.clear()
  held.add(kept(5, HELD_BYTES))
  expect(numbers(dropped)).toEqual([2])
})
