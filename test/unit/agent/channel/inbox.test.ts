import { expect, test } from 'vitest'
import { Inbox, type Inbound } from '../../../../agent/channel/inbox.ts'
import { BACKLOG_BYTES } from '../../../../agent/limits.ts'
import { UPLOAD_WINDOW_BYTES } from '../../../../protocol/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { keyOf } from '../scripted-relay.ts'

function callOf(label: number, size: number, gate?: true): Inbound {
  return { type: 'call', ch: 'c', key: keyOf(label), method: 'm', id: [0, 1], ra: '', tag: '', size, ...(gate && { gate }) }
}

/** Takes each message out as soon as its turn has come, as an intake does. */
class Taken {
  readonly box = new Inbox()
  readonly got: [number, string][] = []
  readonly granted: number[] = []

  accept(header: Inbound, body: Uint8Array): void {
    this.box.accept(header, body)
    this.take()
  }

  upload(key: string, offset: number, body: Uint8Array): ReturnType<Inbox['upload']> {
    const granted = this.box.upload(key, offset, body)
    if (typeof granted === 'number') this.granted.push(granted)
    this.take()
    return granted
  }

  open(key: string): void {
    this.box.open(key)
    this.take()
  }

  take(): void {
    for (let next = this.box.take(); next !== undefined; next = this.box.take())
      this.got.push([Number.parseInt(next.header.key, 16), Buffer.from(next.body).toString()])
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text)

test('Inbox puts a chunked message together, and lets others pass meanwhile', () => {
  const inbox = new Taken()
  inbox.accept(callOf(1, 6), bytes('ab'))
  inbox.accept(callOf(2, 1), bytes('x'))
  expect(inbox.upload(keyOf(1), 2, bytes('cd'))).toBeUndefined()
  expect(inbox.upload(keyOf(1), 4, bytes('ef'))).toBeUndefined()
  expect(inbox.upload(keyOf(1), 6, bytes('g'))).toBe('unknown')
  expect(inbox.got).toEqual([
    [2, 'x'],
    [1, 'abcdef'],
  ])
})

test.each([
  ['a gap', 3, 'cd'],
  ['a repeat', 1, 'b'],
  ['too much', 2, 'cdefg'],
])('Inbox.upload() gives a message up after %s', (_, offset, text) => {
  const inbox = new Taken()
  inbox.accept(callOf(1, 6), bytes('ab'))
  expect(inbox.upload(keyOf(1), offset, bytes(text))).toBe('broken')
  expect(inbox.upload(keyOf(1), 2, bytes('cdef'))).toBe('unknown')
  expect(inbox.got).toEqual([])
})

test('Inbox holds everything behind a gate, in order, until it opens', () => {
  verifies('link.lifecycle-kept', 'lifecycle.initialize.first')
  const inbox = new Taken()
  inbox.accept(callOf(1, 1, true), bytes('a'))
  inbox.accept(callOf(2, 1), bytes('b'))
  inbox.accept(callOf(3, 1, true), bytes('c'))
  inbox.accept(callOf(4, 1), bytes('d'))
  expect(inbox.got).toEqual([[1, 'a']])
  inbox.open(keyOf(2))
  expect(inbox.got).toHaveLength(1)
  inbox.open(keyOf(1))
  expect(inbox.got).toEqual([
    [1, 'a'],
    [2, 'b'],
    [3, 'c'],
  ])
  inbox.open(keyOf(3))
  expect(inbox.got.at(-1)).toEqual([4, 'd'])
})

test('Inbox holds back what comes behind a gate that is not whole yet', () => {
  const inbox = new Taken()
  inbox.accept(callOf(1, 2, true), bytes('a'))
  inbox.accept(callOf(2, 1), bytes('x'))
  expect(inbox.got).toEqual([])
  inbox.upload(keyOf(1), 1, bytes('b'))
  expect(inbox.got).toEqual([[1, 'ab']])
  inbox.open(keyOf(1))
  expect(inbox.got).toEqual([
    [1, 'ab'],
    [2, 'x'],
  ])
})

test('Inbox.remove() of an unfinished gate lets the rest go on', () => {
  const inbox = new Taken()
  inbox.accept(callOf(1, 2, true), bytes('a'))
  inbox.accept(callOf(2, 1), bytes('x'))
  inbox.box.remove(keyOf(1))
  inbox.take()
  expect(inbox.got).toEqual([[2, 'x']])
})

test('Inbox.dropUnfinished() returns what a broken link left, and nothing else', () => {
  const inbox = new Taken()
  inbox.accept(callOf(1, 1, true), bytes('a'))
  inbox.accept(callOf(2, 1), bytes('b'))
  inbox.accept(callOf(3, 9), bytes('c'))
  expect(inbox.box.dropUnfinished().map(({ key }) => key)).toEqual([keyOf(3)])
  inbox.open(keyOf(1))
  expect(inbox.got).toEqual([
    [1, 'a'],
    [2, 'b'],
  ])
})

test('Inbox.accept() of an unfinished message begins it anew', () => {
  const inbox = new Taken()
  inbox.accept(callOf(1, 4), bytes('xy'))
  expect(inbox.box.isUnfinished(keyOf(1))).toBe(true)
  inbox.accept(callOf(1, 4), bytes('ab'))
  inbox.upload(keyOf(1), 2, bytes('cd'))
  expect(inbox.got).toEqual([[1, 'abcd']])
  expect(inbox.box.isUnfinished(keyOf(1))).toBe(false)
})

test('Inbox grants more bytes when half of the window is used, and none for the rest', () => {
  const inbox = new Taken()
  const size = 2 * UPLOAD_WINDOW_BYTES
  const step = UPLOAD_WINDOW_BYTES / 4
  inbox.accept(callOf(1, size), new Uint8Array(step))
  for (let at = step; at < size; at += step) inbox.upload(keyOf(1), at, new Uint8Array(step))
  expect(inbox.granted).toEqual([1.5, 2, 2.5].map((windows) => windows * UPLOAD_WINDOW_BYTES))
})

test('Inbox.hasRoom() counts whole messages that wait, and bytes that the child has not read', () => {
  const inbox = new Taken()
  expect(inbox.box.hasRoom(BACKLOG_BYTES)).toBe(true)
  inbox.accept(callOf(1, BACKLOG_BYTES / 2), bytes('a'))
  inbox.box.countUnread(BACKLOG_BYTES / 2)
  expect(inbox.box.hasRoom(0)).toBe(true)
  expect(inbox.box.hasRoom(1)).toBe(false)
  inbox.box.countUnread(-1)
  expect(inbox.box.hasRoom(1)).toBe(true)
  inbox.box.clear()
  expect(inbox.box.hasRoom(BACKLOG_BYTES / 2 + 1)).toBe(true)
})
