/** Numbers, credit, receipts, the tail and what is held. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Outbox, Outgoing } from '../../../../agent/channel/outbox.ts'
import type { ChildMessage } from '../../../../agent/channel/kept-frame.ts'
import { HELD_MESSAGES } from '../../../../agent/limits.ts'
import {
  CHANNEL_WINDOW_BYTES,
  CHUNK_BYTES,
  MAX_LINE_BYTES,
  RECEIPT_EVERY_MESSAGES,
  TAIL_BYTES,
  TAIL_MESSAGES,
  TAIL_MS,
} from '../../../../protocol/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { ASK, NOTE, FOR_CALL, outbox, drain, short, add } from '../test-outbox.ts'

const DIED = { type: 'died', ch: 'c', reason: 'exit' } as const

/** Numbers of the messages that a new link gets. */
function numbersAgain(box: Outbox): number[] {
  box.restart()
  box.credit(Number.MAX_SAFE_INTEGER)
  return [...new Set(drain(box).flatMap(({ header }) => ('n' in header ? [header.n] : [])))]
}

test('Outbox numbers messages from 1 without gaps and counts their bytes', () => {
  verifies('promise.5.numbered')
  const box = outbox()
  add(box, 3, 10)
  expect(drain(box).map(({ header }) => header)).toEqual([1, 2, 3].map((n) => ({ ...FOR_CALL, ch: 'c', n, at: n * 10, size: 10 })))
  expect(box.lastNumber).toBe(3)
  expect(box.isEmpty).toBe(true)
})

test('Outbox cuts a large message into chunks that join to the whole, and marks the last', () => {
  verifies('promise.10.chunks')
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 * CHUNK_BYTES + 5 }), (size) => {
      const box = outbox()
      const body = Uint8Array.from({ length: size }, (_, at) => at % 251)
      box.add(FOR_CALL, body, 0)
      const sent = drain(box)
      expect(Buffer.concat(sent.map((part) => part.body)).equals(body)).toBe(true)
      expect(sent.every((part) => part.body.length <= CHUNK_BYTES)).toBe(true)
      expect(sent.slice(1).map(({ header }) => (header.type === 'chunk' ? [header.ra, header.sure, header.last] : header))).toEqual(
        sent.slice(1).map((_, index) => ['ra1', true, index === sent.length - 2 ? true : undefined]),
      )
      expect(sent.at(-1)?.header).toMatchObject({ at: size })
    }),
    { numRuns: 25 },
  )
})

test('Outbox sends no byte beyond the credit, asks before it ends, and goes on with more', () => {
  verifies('promise.10.credit')
  const box = outbox()
  box.add(FOR_CALL, new Uint8Array(3 * CHANNEL_WINDOW_BYTES), 0)
  const first = drain(box)
  expect(first.at(-1)?.header).toMatchObject({ at: CHANNEL_WINDOW_BYTES, ack: true })
  expect(first.some(({ header }) => 'ack' in header && 'at' in header && header.at === CHANNEL_WINDOW_BYTES / 2)).toBe(true)
  box.credit(1)
  expect(box.next()).toBeUndefined()
  box.credit(2 * CHANNEL_WINDOW_BYTES)
  expect(drain(box).at(-1)?.header).toMatchObject({ at: 2 * CHANNEL_WINDOW_BYTES })
  box.credit(3 * CHANNEL_WINDOW_BYTES)
  expect(drain(box).at(-1)?.header).toMatchObject({ at: 3 * CHANNEL_WINDOW_BYTES, last: true })
})

test('Outbox asks for a receipt with every 32nd message', () => {
  const box = outbox()
  add(box, 2 * RECEIPT_EVERY_MESSAGES)
  const asked = drain(box).flatMap(({ header }) => ('ack' in header && header.ack && 'n' in header ? [header.n] : []))
  expect(asked).toEqual([RECEIPT_EVERY_MESSAGES, 2 * RECEIPT_EVERY_MESSAGES])
})

test('Outbox.restart() sends what was not receipted again, with the old numbers and a new window', () => {
  verifies('promise.2.receipts')
  const box = outbox()
  add(box, 5, CHUNK_BYTES)
  drain(box)
  box.receipt(3)
  add(box, 1)
  box.restart()
  const again = drain(box)
  expect(short(again)).toEqual([4, 5, 6])
  expect(again[0]?.header).toMatchObject({ at: 6 * CHUNK_BYTES })
})

test('Outbox.restart() begins a half-sent message anew', () => {
  const box = outbox()
  add(box, 1, 2 * CHUNK_BYTES)
  box.next()
  box.restart()
  expect(short(drain(box))).toEqual([1, `1+${CHUNK_BYTES}`])
})

test('Outbox.receipt() for a message that is still on its way counts for those before it only', () => {
  const box = outbox()
  add(box, 1)
  add(box, 1, 2 * CHUNK_BYTES)
  box.next()
  box.next()
  box.receipt(2)
  box.restart()
  expect(short(drain(box))).toEqual([2, `2+${CHUNK_BYTES}`])
})

test('Outbox sends a failure in its place, again after a cut, and no more once a later message is receipted', () => {
  const box = outbox()
  add(box, 1)
  box.addFailure(DIED, 0)
  add(box, 1)
  expect(short(drain(box))).toEqual([1, 'died', 2])
  box.receipt(1)
  box.restart()
  expect(short(drain(box))).toEqual(['died', 2])
  box.receipt(2)
  box.restart()
  expect(drain(box)).toEqual([])
})

test('Outbox.hold() keeps a message until resume(), receipted or not', () => {
  const box = outbox()
  add(box, 1, 1, NOTE)
  drain(box)
  box.hold(1)
  add(box, 1)
  expect(short(drain(box))).toEqual([2])
  box.receipt(2)
  box.resume()
  expect(short(drain(box))).toEqual([1])
  box.resume()
  expect(drain(box)).toEqual([])
})

test('Outbox sends nothing that belongs to no call while no stream is open', () => {
  const box = outbox()
  add(box, 3, 1, NOTE)
  box.next()
  box.hold(1)
  add(box, 1, 1, NOTE)
  add(box, 1)
  expect(short(drain(box))).toEqual([5])
  box.resume()
  expect(short(drain(box))).toEqual([1, 2, 3, 4])
  add(box, 1, 1, NOTE)
  expect(short(drain(box))).toEqual([6])
})

test('Outbox lets the oldest held messages go, and says which', () => {
  const dropped: ChildMessage[] = []
  const box = outbox(dropped)
  add(box, 1, 1, NOTE)
  drain(box)
  box.hold(1)
  add(box, HELD_MESSAGES + 9, 1, NOTE)
  expect(dropped).toHaveLength(10)
  box.resume()
  expect(short(drain(box))).toEqual(Array.from({ length: HELD_MESSAGES }, (_, index) => index + 11))
})

test('Outbox.replay() sends all after a number again, held ones too, before what waits', () => {
  const box = outbox()
  add(box, 4)
  drain(box)
  box.receipt(4)
  box.hold(3)
  add(box, 1)
  box.replay(2)
  expect(short(drain(box))).toEqual([3, 4, 5])
})

test('Outbox.replay() finishes a half-sent message first, then sends it whole', () => {
  const box = outbox()
  add(box, 1)
  add(box, 1, 2 * CHUNK_BYTES)
  box.next()
  box.next()
  box.replay(0)
  expect(short(drain(box))).toEqual([`2+${CHUNK_BYTES}`, 1, 2, `2+${CHUNK_BYTES}`])
})

test('Outbox keeps the last 256 receipted messages, and 4 MiB of them', () => {
  verifies('promise.5.tail-bounds')
  const many = outbox()
  add(many, TAIL_MESSAGES + 10)
  drain(many)
  many.receipt(TAIL_MESSAGES + 10)
  many.trim(0)
  many.replay(0)
  expect(short(drain(many))[0]).toBe(11)
  const large = outbox()
  for (let n = 1; n <= 40; n++) {
    add(large, 1, TAIL_BYTES / 16)
    drain(large)
    large.receipt(n)
    large.credit(n * TAIL_BYTES + CHANNEL_WINDOW_BYTES)
  }
  large.trim(0)
  large.replay(0)
  expect(short(drain(large))[0]).toBe(25)
})

test('Outbox forgets what was not receipted after 5 minutes only', () => {
  verifies('promise.5.tail-bounds')
  const box = outbox()
  add(box, TAIL_MESSAGES * 2)
  drain(box)
  box.trim(TAIL_MS)
  box.restart()
  expect(drain(box)).toHaveLength(TAIL_MESSAGES * 2)
  box.trim(TAIL_MS + 1)
  box.restart()
  expect(drain(box)).toEqual([])
})

test('Outbox does not keep everything for a relay that never sends a receipt', () => {
  const box = outbox()
  add(box, 1, MAX_LINE_BYTES)
  box.credit(2 * MAX_LINE_BYTES)
  drain(box)
  add(box, 1, CHANNEL_WINDOW_BYTES)
  drain(box)
  box.trim(0)
  expect(numbersAgain(box)).toEqual([1, 2])
  add(box, 1)
  box.trim(0)
  expect(numbersAgain(box)).toEqual([2, 3])
})

test('Outbox loses and invents no message under any order of cuts, receipts, holds and resumes', () => {
  verifies('promise.2.receipts')
  const step = fc.oneof(
    fc.record({ act: fc.constantFrom('add', 'note', 'send', 'restart', 'resume') }),
    fc.record({ act: fc.constantFrom('receipt', 'hold'), back: fc.nat(5) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const box = outbox()
      const seen = new Set<number>()
      const take = (next: Outgoing | undefined): number => {
        if (next !== undefined && 'n' in next.header) seen.add(next.header.n)
        return next !== undefined && 'n' in next.header ? next.header.n : 0
      }
      let last = 0
      for (const { act, ...rest } of steps) {
        if (act === 'add') add(box, 1)
        else if (act === 'note') add(box, 1, 1, NOTE)
        else if (act === 'send') last = Math.max(last, take(box.next()))
        else if (act === 'restart') box.restart()
        else if (act === 'resume') box.resume()
        else if (act === 'hold' && 'back' in rest) box.hold(Math.max(1, last - rest.back))
        else if (act === 'receipt' && 'back' in rest && seen.size === last) box.receipt(Math.max(0, last - rest.back))
      }
      box.resume()
      for (let next = box.next(); next !== undefined; next = box.next()) take(next)
      expect([...seen].toSorted((a, b) => a - b)).toEqual(Array.from({ length: box.lastNumber }, (_, index) => index + 1))
    }),
  )
})

test('Outbox.forgetAsk() keeps a request of the child that was answered from being sent again, held or not', () => {
  for (const isHeld of [false, true]) {
    const box = outbox()
    box.add(ASK, new Uint8Array(1), 0)
    box.add({ ...ASK, rawId: '"r"' }, new Uint8Array(1), 0)
    drain(box)
    if (isHeld) box.hold(1)
    box.replayFor('s', { after: 0 })
    box.forgetAsk('"q"')
    box.resume()
    expect(short(drain(box))).toEqual([2])
    box.replayFor('s', { after: 0 })
    expect(short(drain(box))).toEqual([2])
    expect(numbersAgain(box)).toEqual([2])
  }
})
