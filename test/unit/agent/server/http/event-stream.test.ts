import { expect, test } from 'vitest'
import { EventStream } from '../../../../../agent/server/http/event-stream.ts'
import { HTTP_EVENT_ID_CHARS, HTTP_RETRY_MAX_MS } from '../../../../../agent/limits.ts'
import { MAX_LINE_BYTES } from '../../../../../protocol/limits.ts'

function read(chunks: readonly (string | Uint8Array)[]): { events: [string, string][]; long: number[]; stream: EventStream } {
  const events: [string, string][] = []
  const long: number[] = []
  const stream = new EventStream({
    event: (type, data) => void events.push([type, Buffer.from(data).toString()]),
    tooLong: (_head, _tail, size) => void long.push(size),
  })
  for (const chunk of chunks) stream.push(Buffer.from(chunk))
  return { events, long, stream }
}

test('EventStream takes events apart wherever the bytes are cut', () => {
  const text =
    '\ufeff: comment\r\nevent: message\r\ndata: {"a":\r\ndata:1}\r\nid: 7\r\n\r\nevent: endpoint\ndata: /messages?x=1\n\ndata\n\ndata: 漢\n\n'
  const expected = [
    ['message', '{"a": 1}'],
    ['endpoint', '/messages?x=1'],
    ['message', '漢'],
  ]
  expect(read([text]).events).toEqual(expected)
  expect(read([...Buffer.from(text)].map((byte) => Uint8Array.of(byte))).events).toEqual(expected)
})

test('EventStream remembers the id of the last whole event, and that of one without data', () => {
  const { events, stream } = read(['id: a\nretry: 250\ndata: \n\n', 'id: b\ndata: {}'])
  expect(events).toEqual([])
  expect([stream.lastId, stream.retryMs, stream.count]).toEqual(['a', 250, 1])
  stream.push(Buffer.from('\n\nid:\ndata: x\n\n'))
  expect(stream.lastId).toBeUndefined()
})

test('EventStream takes no id that cannot be given back, and no pause that is none or too long', () => {
  const { stream } = read([`id: ${'x'.repeat(HTTP_EVENT_ID_CHARS + 1)}\nretry: soon\ndata: 1\n\nid: 漢\ndata: 1\n\n`])
  expect([stream.lastId, stream.retryMs]).toEqual([undefined, undefined])
  stream.push(Buffer.from('retry: 999999999\n'))
  expect(stream.retryMs).toBe(HTTP_RETRY_MAX_MS)
})

test('EventStream drops an event that is too long, in one line or in many, and goes on', () => {
  const half = 'y'.repeat(MAX_LINE_BYTES / 2 + 1)
  const { events, long } = read([`data: ${half}`, `${half}\n\n`, `data: ${half}\n`, `data: ${half}\n\n`, 'data: 1\n\n'])
  expect(long).toEqual([MAX_LINE_BYTES + 2, MAX_LINE_BYTES + 2])
  expect(events).toEqual([['message', '1']])
})
