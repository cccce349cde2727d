/** What an outbox sends again for one stream. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ChildMessage } from '../../../../agent/channel/kept-frame.ts'
import { Outbox } from '../../../../agent/channel/outbox.ts'
import { HELD_MESSAGES } from '../../../../agent/limits.ts'
import { CHANNEL_WINDOW_BYTES, CHUNK_BYTES, TAIL_MESSAGES, TAIL_MS } from '../../../../protocol/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { ASK, NOTE, FOR_CALL, outbox, drain, short, add } from '../test-outbox.ts'

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

test('Outbox marks what it sends for a call with the stream that a replay named last', () => {
  const box = outbox()
  const marks = (): unknown[] => drain(box).map(({ header }) => ('to' in header ? header.to : undefined))
  for (const ra of ['a', 'b']) box.add({ ...FOR_CALL, ra }, new Uint8Array(1), 0)
  drain(box)
  for (const to of ['a.1', 'a.2']) {
    box.replayFor(to, { after: 0, key: 'k', ra: 'a' })
    expect(marks()).toEqual([to])
  }
  for (const ra of ['a', 'b']) box.add({ ...FOR_CALL, ra }, new Uint8Array(1), 0)
  expect(marks()).toEqual(['a.2', undefined])
})

test('Outbox sends a client that comes back while all waits for credit what is missing, marked for that time, and once', () => {
  for (const of of [{}, { key: 'k', ra: 'a' }]) {
    const box = outbox()
    const message = 'ra' in of ? { ...FOR_CALL, ra: of.ra } : NOTE
    add(box, 4, CHANNEL_WINDOW_BYTES / 4, message)
    drain(box)
    box.receipt(4)
    for (const round of [1, 2]) box.replayFor(`a.${round}`, { after: round, ...of })
    expect(box.unsentBytes).toBe(CHANNEL_WINDOW_BYTES / 2)
    box.credit(3 * CHANNEL_WINDOW_BYTES)
    const marked = drain(box).map(({ header }) => ('n' in header && 'to' in header ? `${header.n} ${header.to}` : ''))
    expect([...new Set(marked)]).toEqual(['3 a.2', '4 a.2'])
    // What waited in vain does not stay for ever.
    add(box, TAIL_MESSAGES)
    drain(box)
    box.receipt(box.lastNumber)
    box.trim(TAIL_MS + 1)
    box.replay(0)
    expect(drain(box)).toEqual([])
  }
})

test('Outbox sends also what waits with the mark of a stream that is asked for, if it would come without it', () => {
  const unclear: ChildMessage = { ...NOTE, ra: 'a' }
  for (const [message, follow] of [
    [NOTE, {}],
    [unclear, { follow: true }],
  ] as const) {
    const box = outbox()
    add(box, 2, CHANNEL_WINDOW_BYTES / 2, message)
    drain(box)
    add(box, 1, 1, message)
    box.replayFor('s.1', { after: 2, ...follow })
    box.credit(3 * CHANNEL_WINDOW_BYTES)
    expect(drain(box).map(({ header }) => ('to' in header ? header.to : undefined))).toEqual([undefined, 's.1'])
  }
})

test('Outbox sends each of several streams what is missing there, though it waits to be sent for another', () => {
  const box = outbox()
  add(box, 4, CHANNEL_WINDOW_BYTES / 4, NOTE)
  drain(box)
  for (const to of ['a.1', 'b.1']) box.replayFor(to, { after: 3 })
  box.credit(3 * CHANNEL_WINDOW_BYTES)
  const marked = drain(box).map(({ header }) => ('n' in header && 'to' in header ? `${header.n} ${header.to}` : ''))
  expect([...new Set(marked)]).toEqual(['4 a.1', '4 b.1'])
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

test('Outbox.replayFor() does not tell a listening stream of a child of several that what is nobody’s is gone', () => {
  for (const [message, incomplete] of [
    [NOTE, false],
    [{ type: 'notification', method: 'notifications/tools/list_changed' } as const, true],
  ] as const) {
    const box = new Outbox('c', () => {}, true)
    add(box, TAIL_MESSAGES + 2, 1, message)
    drain(box)
    box.receipt(TAIL_MESSAGES + 2)
    box.trim(0)
    expect(box.replayFor('s', { after: 1 }).incomplete).toBe(incomplete)
  }
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

test('Outbox sends again what was asked and not answered, however much was said since, and counts it as kept', () => {
  for (const ask of [ASK, { ...ASK, ra: 'a' }]) {
    const box = outbox()
    for (const rawId of ['"q"', '"r"']) box.add({ ...ask, rawId }, new Uint8Array(1), 0)
    const say = (): void => {
      add(box, TAIL_MESSAGES)
      drain(box)
      box.receipt(box.lastNumber)
      box.trim(0)
    }
    say()
    expect(box.replayFor('s', { after: 0 }).incomplete).toBe(false)
    expect(short(drain(box)).slice(0, 2)).toEqual([1, 2])
    say()
    box.replay(0)
    expect(short(drain(box)).slice(0, 2)).toEqual([1, 2])
    say()
    box.forgetAsk('"q"')
    box.replayFor('s', { after: 0 })
    expect(short(drain(box))[0]).toBe(2)
  }
})

test('Outbox keeps no more of what was asked and not answered than of what is held, and says when some of it is gone', () => {
  const box = outbox()
  add(box, TAIL_MESSAGES + HELD_MESSAGES + 1, 1, ASK)
  drain(box)
  box.receipt(box.lastNumber)
  box.trim(0)
  expect(box.replayFor('s', { after: 0 }).incomplete).toBe(true)
  expect(short(drain(box))).toEqual(Array.from({ length: TAIL_MESSAGES + HELD_MESSAGES }, (_, index) => index + 2))
})

test('Outbox.restart() sends what was asked over a link that has died before its receipt, however old it is', () => {
  const box = outbox()
  add(box, 1, 1, ASK)
  add(box, 1)
  drain(box)
  box.trim(TAIL_MS + 1)
  box.restart()
  expect(short(drain(box))).toEqual([1])
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
