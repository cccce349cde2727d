/** EventSplitter: events of a stream, whatever its chunks and line ends. */
import { describe, expect, test } from 'vitest'
import { EventSplitter, readEvent, writeEvent } from '../../../../../worker/mcp/upstream/event-splitter.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** What comes of a text in chunks of so many bytes. */
function split(text: string, size: number, maxBytes = 1000): string[] {
  const splitter = new EventSplitter(maxBytes)
  const bytes = encoder.encode(text)
  const pieces: string[] = []
  for (let at = 0; at < bytes.length; at += size)
    for (const piece of splitter.push(bytes.subarray(at, at + size))) {
      const mark = piece.kind === 'event' ? '' : piece.isLast ? '<' : '>'
      pieces.push(mark + decoder.decode(piece.bytes))
    }
  return splitter.isAmid ? [...pieces, 'amid'] : pieces
}

describe('EventSplitter', () => {
  const LINE_ENDS = ['\n', '\r\n', '\r']

  test.each(LINE_ENDS.flatMap((end) => [1, 2, 3, 7, 1000].map((size) => [end, size] as const)))(
    'cuts behind empty lines that end with %j, in chunks of %d bytes',
    (end, size) => {
      const events = [`id: 1${end}data: a${end}${end}`, `: sign${end}${end}`, `data: ü${end}${end}`]
      const pieces = split(events.join(''), size)
      expect(pieces.map((piece) => piece.replaceAll(/\r\n|\r/g, '\n'))).toEqual(events.map((event) => event.replaceAll(/\r\n|\r/g, '\n')))
      for (const piece of pieces) expect(piece).toMatch(/(?:[^\r]\n\n|\r\n\r\n|\r\r\n?)$/)
      expect(pieces.map((piece) => readEvent(encoder.encode(piece)).data).filter((data) => data !== undefined)).toEqual(['a', 'ü'])
    },
  )

  test('holds what is not whole, and gives an event that is too large in parts', () => {
    expect(split('data: a', 3)).toEqual(['amid'])
    const large = `data: ${'x'.repeat(50)}\n\n`
    const pieces = split(`${large}data: b\n\n`, 8, 20)
    expect(pieces.map((piece) => piece[0])).toEqual(['>', '>', '>', '>', '>', '<', 'd'])
    expect(pieces.map((piece) => piece.replace(/^[<>]/, '')).join('')).toBe(`${large}data: b\n\n`)
    expect(split(large, 1000, 20)).toEqual([`<${large}`])
  })
})

describe('readEvent and writeEvent', () => {
  test('join and divide the lines of data, and keep the other fields', () => {
    const { others, data, hasId } = readEvent(encoder.encode('id: 7\ndata: {\ndata:"a":1}\nretry: 5\n\n'))
    expect([others, data, hasId]).toEqual([['id: 7', 'retry: 5'], '{\n"a":1}', true])
    expect(decoder.decode(writeEvent(data ?? '', others))).toBe('id: 7\nretry: 5\ndata: {\ndata: "a":1}\n\n')
    expect(readEvent(encoder.encode('id:\n: sign\n\n'))).toEqual({ others: ['id:', ': sign'], data: undefined, hasId: false })
  })
})
