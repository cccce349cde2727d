import { expect, test } from 'vitest'
import { Inbox, type Inbound } from '../../../../agent/channel/inbox.ts'
import { BACKLOG_BYTES } from '../../../../agent/limits.ts'
import { UPLOAD_WINDOW_BYTES } from '../../../../protocol/limits.ts'
import { keyOf } from '../scripted-relay.ts'

function callOf(label: number, size: number, gate?: true): Inbound {
  return { type: 'call', ch: 'c', key: keyOf(label), method: 'm', id: [0, 1], ra: '', tag: '', size, ...(gate && { gate }) }
}

function inbox(): { box: Inbox; got: [number, string][]; granted: number[] } {
  const got: [number, string][] = []
  const granted: number[] = []
  const box = new Inbox({
    deliver: ({ key }, body) => got.push([Number.parseInt(key, 16), Buffer.from(body).toString()]),
    grant: (_, upto) => granted.push(upto),
  })
  return { box, got, granted }
}

const bytes = (text: string): Uint8Array => Buffer.from(text)

test('Inbox puts a chunked message together, and lets others pass meanwhile', () => {
  const { box, got } = inbox()
  box.accept(callOf(1, 6), bytes('ab'))
  box.accept(callOf(2, 1), bytes('x'))
  expect(box.upload(keyOf(1), 2, bytes('cd'))).toBe('ok')
  expect(box.upload(keyOf(1), 4, bytes('ef'))).toBe('ok')
  expect(box.upload(keyOf(1), 6, bytes('g'))).toBe('unknown')
  expect(got).toEqual([
    [2, 'x'],
    [1, 'abcdef'],
  ])
})

test.each([
  ['a gap', 3, 'cd'],
  ['a repeat', 1, 'b'],
  ['too much', 2, 'cdefg'],
])('Inbox.upload() gives a message up after %s', (_, offset, text) => {
  const { box, got } = inbox()
  box.accept(callOf(1, 6), bytes('ab'))
  expect(box.upload(keyOf(1), offset, bytes(text))).toBe('broken')
  expect(box.upload(keyOf(1), 2, bytes('cdef'))).toBe('unknown')
  expect(got).toEqual([])
})

test('Inbox holds everything behind a gate, in order, until it opens', () => {
  const { box, got } = inbox()
  box.accept(callOf(1, 1, true), bytes('a'))
  box.accept(callOf(2, 1), bytes('b'))
  box.accept(callOf(3, 1, true), bytes('c'))
  box.accept(callOf(4, 1), bytes('d'))
  expect(got).toEqual([[1, 'a']])
  box.open(keyOf(2))
  expect(got).toHaveLength(1)
  box.open(keyOf(1))
  expect(got).toEqual([
    [1, 'a'],
    [2, 'b'],
    [3, 'c'],
  ])
  box.open(keyOf(3))
  expect(got.at(-1)).toEqual([4, 'd'])
})

test('Inbox holds back what comes behind a gate that is not whole yet', () => {
  const { box, got } = inbox()
  box.accept(callOf(1, 2, true), bytes('a'))
  box.accept(callOf(2, 1), bytes('x'))
  expect(got).toEqual([])
  box.upload(keyOf(1), 1, bytes('b'))
  expect(got).toEqual([[1, 'ab']])
  box.open(keyOf(1))
  expect(got).toEqual([
    [1, 'ab'],
    [2, 'x'],
  ])
})

test('Inbox.remove() of an unfinished gate lets the rest go on', () => {
  const { box, got } = inbox()
  box.accept(callOf(1, 2, true), bytes('a'))
  box.accept(callOf(2, 1), bytes('x'))
  box.remove(keyOf(1))
  expect(got).toEqual([[2, 'x']])
})

test('Inbox.dropUnfinished() returns what a broken link left, and nothing else', () => {
  const { box, got } = inbox()
  box.accept(callOf(1, 1, true), bytes('a'))
  box.accept(callOf(2, 1), bytes('b'))
  box.accept(callOf(3, 9), bytes('c'))
  expect(box.dropUnfinished().map(({ key }) => key)).toEqual([keyOf(3)])
  box.open(keyOf(1))
  expect(got).toEqual([
    [1, 'a'],
    [2, 'b'],
  ])
})

test('Inbox.accept() of an unfinished message begins it anew', () => {
  const { box, got } = inbox()
  box.accept(callOf(1, 4), bytes('xy'))
  expect(box.isUnfinished(keyOf(1))).toBe(true)
  box.accept(callOf(1, 4), bytes('ab'))
  box.upload(keyOf(1), 2, bytes('cd'))
  expect(got).toEqual([[1, 'abcd']])
  expect(box.isUnfinished(keyOf(1))).toBe(false)
})

test('Inbox grants more bytes when half of the window is used, and none for the rest', () => {
  const { box, granted } = inbox()
  const size = 2 * UPLOAD_WINDOW_BYTES
  const step = UPLOAD_WINDOW_BYTES / 4
  box.accept(callOf(1, size), new Uint8Array(step))
  for (let at = step; at < size; at += step) box.upload(keyOf(1), at, new Uint8Array(step))
  expect(granted).toEqual([1.5, 2, 2.5].map((windows) => windows * UPLOAD_WINDOW_BYTES))
})

test('Inbox.hasRoom() counts whole messages that wait, and bytes that the child has not read', () => {
  const { box } = inbox()
  expect(box.hasRoom(BACKLOG_BYTES)).toBe(true)
  box.accept(callOf(1, BACKLOG_BYTES / 2), bytes('a'))
  box.countUnread(BACKLOG_BYTES / 2)
  expect(box.hasRoom(0)).toBe(true)
  expect(box.hasRoom(1)).toBe(false)
  box.countUnread(-1)
  expect(box.hasRoom(1)).toBe(true)
  box.clear()
  expect(box.hasRoom(BACKLOG_BYTES / 2 + 1)).toBe(true)
})
