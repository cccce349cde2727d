import { describe, expect, test } from 'vitest'
import { MAX_BATCH_BYTES } from '../../../protocol/limits.ts'
import { decodeBatch, type PolledMessage, UnackedMessages } from '../../../protocol/long-poll.ts'

const MESSAGES: readonly PolledMessage[] = [
  { kind: 'binary', data: Uint8Array.of(0, 255, 10) },
  { kind: 'text', text: 'ping ✓' },
  { kind: 'binary', data: new Uint8Array() },
  { kind: 'close', code: 4001, reason: 'replaced' },
]

function batchOf(messages: readonly PolledMessage[], first = 1): Uint8Array {
  const unacked = new UnackedMessages(first)
  for (const message of messages) unacked.push(message)
  return unacked.batch()?.body ?? new Uint8Array()
}

describe('decodeBatch()', () => {
  test('reads what UnackedMessages wrote, with its numbers', () => {
    expect(decodeBatch(batchOf(MESSAGES, 7))).toEqual({ ok: true, value: { first: 7, messages: MESSAGES } })
    expect(decodeBatch(batchOf(MESSAGES, 2 ** 40))).toMatchObject({ value: { first: 2 ** 40 } })
  })

  test('keeps copies, of a Buffer too', () => {
    const body = Buffer.from(batchOf(MESSAGES))
    const batch = decodeBatch(body)
    body.fill(1)
    expect(batch).toMatchObject({ value: { messages: MESSAGES } })
  })

  test('refuses every batch that was cut, and one of no number, an unknown kind or odd text', () => {
    const whole = batchOf(MESSAGES)
    for (let length = 0; length < whole.length; length++) {
      const cut = decodeBatch(whole.subarray(0, length))
      // Between two messages it is a batch of fewer.
      if (cut.ok) expect(cut.value.messages).toEqual(MESSAGES.slice(0, cut.value.messages.length))
    }
    expect(decodeBatch(batchOf(MESSAGES, 0)).ok).toBe(false)
    expect(decodeBatch(new Uint8Array(8).fill(255)).ok).toBe(false)
    const odd = (kind: number, ...payload: readonly number[]) =>
      decodeBatch(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, kind, 0, 0, 0, payload.length, ...payload)).ok
    expect([odd(3), odd(1, 0xff), odd(2, 1), odd(2, 15, 160, 0xff), odd(2, 15, 160)]).toEqual([false, false, false, false, true])
    expect(decodeBatch(new Uint8Array(MAX_BATCH_BYTES + 1)).ok).toBe(false)
  })
})

describe('UnackedMessages', () => {
  test('gives the same batch until it is acknowledged, and then what is behind it', () => {
    const unacked = new UnackedMessages()
    expect([unacked.isEmpty, unacked.bytes, unacked.batch()]).toEqual([true, 0, undefined])
    for (const message of MESSAGES) unacked.push(message)
    expect(unacked.batch()).toEqual(unacked.batch())
    expect(unacked.batch()?.upto).toBe(4)
    unacked.acknowledge(0)
    unacked.acknowledge(2)
    unacked.acknowledge(1)
    expect(decodeBatch(unacked.batch()?.body ?? new Uint8Array())).toEqual({ ok: true, value: { first: 3, messages: MESSAGES.slice(2) } })
    unacked.acknowledge(99)
    expect([unacked.isEmpty, unacked.bytes]).toEqual([true, 0])
    unacked.push({ kind: 'text', text: 'next' })
    expect(unacked.batch()?.upto).toBe(5)
  })

  test('puts no more into a batch than it holds, and loses nothing by that', () => {
    const unacked = new UnackedMessages()
    const data = new Uint8Array(MAX_BATCH_BYTES / 2 - 20)
    for (let count = 0; count < 5; count++) unacked.push({ kind: 'binary', data })
    const counts = []
    for (let batch = unacked.batch(); batch !== undefined; batch = unacked.batch()) {
      const read = decodeBatch(batch.body)
      counts.push(read.ok ? read.value.messages.length : 'bad')
      unacked.acknowledge(batch.upto)
    }
    expect(counts).toEqual([2, 2, 1])
  })
})
