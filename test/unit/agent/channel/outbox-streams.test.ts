/** What an outbox sends again for one stream. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HELD_MESSAGES } from '../../../../agent/limits.ts'
import { CHUNK_BYTES, TAIL_MESSAGES } from '../../../../protocol/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { NOTE, FOR_CALL, outbox, drain, short, add } from '../test-outbox.ts'

test('Outbox.replayFor() sends what came for one call after a number, marked, and nothing of others', () => {
  const box = outbox()
  for (const ra of ['a', 'b', 'a', 'b', 'a']) box.add({ ...FOR_CALL, ra }, new Uint8Array(1), 0)
  drain(box)
  expect(box.replayFor('a', { after: 1, key: 'k' })).toEqual({ answered: false, incomplete: false })
  const again = drain(box)
  expect(short(again)).toEqual([3, 5])
  expect(again.map(({ header }) => 'to' in header && header.to)).toEqual(['a', 'a'])
})

test('Outbox marks all that it sends for a call after a replay for it, to the answer and on one link', () => {
  const box = outbox()
  const marks = (): unknown[] => drain(box).map(({ header }) => ('to' in header ? header.to : undefined))
  box.replayFor('a', { after: 0, key: 'k' })
  for (const ra of ['a', 'b']) box.add({ ...FOR_CALL, ra }, new Uint8Array(2 * CHUNK_BYTES), 0)
  expect(marks()).toEqual(['a', 'a', undefined, undefined])
  const answer = { type: 'answer', key: 'k', ra: 'a', id: [0, 1], failed: false } as const
  box.add(answer, new Uint8Array(2 * CHUNK_BYTES), 0)
  box.add(answer, new Uint8Array(1), 0)
  expect(marks()).toEqual(['a', 'a', undefined])
  box.receipt(4)
  box.replayFor('b', { after: 2, key: 'k' })
  box.restart()
  box.add({ ...FOR_CALL, ra: 'b' }, new Uint8Array(1), 0)
  expect(marks()).toEqual([undefined])
})

test('Outbox marks all that belongs to no call after a replay for the one stream that gets it, to resume() and on one link', () => {
  const box = outbox()
  const marks = (): unknown[] => drain(box).map(({ header }) => ('to' in header ? header.to : undefined))
  const speak = (): void => {
    for (const message of [NOTE, { ...FOR_CALL, ra: 'a' }]) box.add(message, new Uint8Array(2 * CHUNK_BYTES), 0)
    box.receipt(box.lastNumber)
  }
  box.replayFor('s', { after: 0, follow: true })
  speak()
  expect(marks()).toEqual(['s', 's', undefined, undefined])
  box.resume()
  speak()
  expect(marks()).toEqual([undefined, undefined, undefined, undefined])
  for (const end of [() => box.restart(), () => void box.replayFor('s', { after: box.lastNumber })]) {
    box.replayFor('s', { after: box.lastNumber, follow: true })
    end()
    drain(box)
    speak()
    expect(marks()).toEqual([undefined, undefined, undefined, undefined])
  }
})

test('Outbox.replayFor() says whether the answer is among what it sends', () => {
  const box = outbox()
  box.add({ ...FOR_CALL, ra: 'a' }, new Uint8Array(1), 0)
  box.add({ type: 'answer', key: 'k', ra: 'a', id: [0, 1], failed: false }, new Uint8Array(1), 0)
  drain(box)
  expect(box.replayFor('a', { after: 1, key: 'k' }).answered).toBe(true)
  expect(box.replayFor('a', { after: 2, key: 'k' }).answered).toBe(false)
  expect(box.replayFor('b', { after: 0, key: 'k' }).answered).toBe(false)
})

test('Outbox.replayFor() sends a stream that answers come on those of its calls too, and no others', () => {
  verifies('promise.2.sse-taken')
  const box = outbox()
  const answer = (ra: string): void => box.add({ type: 'answer', key: 'k', ra, id: [0, 1], failed: false }, new Uint8Array(1), 0)
  for (const ra of ['s["a",1', 's["b",1', 's["a",2', 's["a",3']) answer(ra)
  drain(box)
  box.hold(4)
  box.replayFor('g', { after: 1, calls: 's["a",' })
  const again = drain(box)
  expect(short(again)).toEqual([3, 4])
  // What was held is not marked.
  expect(again.map(({ header }) => 'to' in header && header.to)).toEqual(['g', false])
})

test('Outbox.replayFor() sends a listening stream what is no answer, then what was held, which is not marked', () => {
  const box = outbox()
  box.add(NOTE, new Uint8Array(1), 0)
  box.add({ type: 'answer', key: 'k', ra: 'a', id: [0, 1], failed: false }, new Uint8Array(1), 0)
  box.add(NOTE, new Uint8Array(1), 0)
  drain(box)
  box.hold(3)
  box.add(NOTE, new Uint8Array(1), 0)
  expect(drain(box)).toEqual([])
  box.replayFor('s', { after: 0 })
  const again = drain(box)
  expect(short(again)).toEqual([1, 3, 4])
  expect(again.map(({ header }) => 'to' in header && header.to)).toEqual(['s', false, false])
})

test('Outbox.replayFor() sends a message that waits or is half sent once more whole, and none twice', () => {
  const box = outbox()
  box.add({ ...FOR_CALL, ra: 'a' }, new Uint8Array(3 * CHUNK_BYTES), 0)
  box.add({ ...FOR_CALL, ra: 'a' }, new Uint8Array(1), 0)
  box.next()
  box.replayFor('a', { after: 0, key: 'k' })
  const sent = drain(box)
  expect(short(sent)).toEqual([`1+${CHUNK_BYTES}`, `1+${2 * CHUNK_BYTES}`, 1, `1+${CHUNK_BYTES}`, `1+${2 * CHUNK_BYTES}`, 2])
})

test('Outbox.replayFor() tells a listening stream when older messages are gone, and a call nothing of it', () => {
  const box = outbox()
  add(box, TAIL_MESSAGES + 2, 1, NOTE)
  drain(box)
  box.receipt(TAIL_MESSAGES + 2)
  box.trim(0)
  expect(box.replayFor('s', { after: 1 }).incomplete).toBe(true)
  expect(box.replayFor('s', { after: 2 }).incomplete).toBe(false)
  expect(box.replayFor('a', { after: 0, key: 'k' }).incomplete).toBe(false)
})

test('Outbox.replayFor() tells a listening stream also when a held message had to give way', () => {
  const box = outbox()
  add(box, 1, 1, NOTE)
  drain(box)
  box.hold(1)
  add(box, HELD_MESSAGES, 1, NOTE)
  expect(box.replayFor('s', { after: 0 }).incomplete).toBe(true)
  expect(box.replayFor('s', { after: 1 }).incomplete).toBe(false)
})

test('Outbox.hold() of a message of a call parks nothing else', () => {
  const box = outbox()
  add(box, 1)
  drain(box)
  box.hold(1)
  add(box, 1, 1, NOTE)
  expect(short(drain(box))).toEqual([2])
})

test('Outbox.replayFor() after every number brings exactly the rest of each stream, in order', () => {
  verifies('promise.5.exactly-the-rest')
  const streams = fc.array(fc.constantFrom('a', 'b', undefined), { maxLength: 30 })
  fc.assert(
    fc.property(streams, fc.nat(30), fc.constantFrom('a', 'b', undefined), (said, after, wanted) => {
      const box = outbox()
      for (const ra of said) box.add(ra === undefined ? NOTE : { ...FOR_CALL, ra }, new Uint8Array(1), 0)
      drain(box)
      box.replayFor(wanted ?? 's', { after, ...(wanted === undefined ? {} : { key: 'k' }) })
      const belongs = (ra: string | undefined): boolean => wanted === undefined || ra === wanted
      const rest = said.flatMap((ra, index) => (index + 1 > after && belongs(ra) ? [index + 1] : []))
      expect(short(drain(box))).toEqual(rest)
    }),
  )
})

test('Outbox.replayFor() does not send what was held and has been seen after all', () => {
  const box = outbox()
  add(box, 3, 1, NOTE)
  drain(box)
  box.hold(1)
  box.hold(2)
  box.hold(3)
  box.replayFor('s', { after: 2 })
  expect(short(drain(box))).toEqual([3])
  box.replayFor('s', { after: 0 })
  expect(short(drain(box))).toEqual([1, 2, 3])
})
