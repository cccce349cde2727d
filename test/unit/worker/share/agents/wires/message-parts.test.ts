import { expect, test } from 'vitest'
import type { Notify } from '../../../../../../protocol/frame.ts'
import { CHUNK_BYTES } from '../../../../../../protocol/limits.ts'
import { MAX_FOREIGN_UPLOADS } from '../../../../../../worker/foreign-limits.ts'
import { framesOf, inOneLine, PartlyCome } from '../../../../../../worker/share/agents/wires/message-parts.ts'

function headerOf(at: number): Notify {
  return { type: 'notify', ch: 'c.1', key: at.toString(16).padStart(32, '0'), method: 'm', size: 3 }
}

test('PartlyCome puts parts together in their order, each message apart', () => {
  const parts = new PartlyCome()
  parts.begin(headerOf(1), Uint8Array.of(1))
  parts.begin(headerOf(2), Uint8Array.of(4))
  expect(parts.goOn(headerOf(1).key, Uint8Array.of(2))).toBeUndefined()
  expect(parts.goOn(headerOf(2).key, Uint8Array.of(5, 6))).toEqual({ header: headerOf(2), body: Uint8Array.of(4, 5, 6) })
  expect(parts.goOn(headerOf(1).key, Uint8Array.of(3))).toEqual({ header: headerOf(1), body: Uint8Array.of(1, 2, 3) })
  expect(parts.goOn(headerOf(1).key, Uint8Array.of(3))).toBeUndefined()
})

test('PartlyCome gives up the oldest beyond its bound', () => {
  const parts = new PartlyCome()
  for (let at = 0; at < MAX_FOREIGN_UPLOADS; at++) expect(parts.begin(headerOf(at), Uint8Array.of(1))).toBeUndefined()
  expect(parts.begin(headerOf(99), Uint8Array.of(1))).toEqual(headerOf(0))
  expect(parts.goOn(headerOf(0).key, Uint8Array.of(2, 3))).toBeUndefined()
})

test('framesOf() cuts a body where a frame ends, and each frame says for which stream it is', () => {
  const body = new Uint8Array(2 * CHUNK_BYTES + 1).map((_, at) => at % 251)
  const frames = [...framesOf({ type: 'answer', ch: 'c.1', key: 'k', ra: 'r', id: [1, 2], failed: false }, body, 7)]
  expect(frames.map(({ header }) => header)).toEqual([
    { type: 'answer', ch: 'c.1', key: 'k', ra: 'r', to: 'r', id: [1, 2], failed: false, n: 7, at: 0, size: body.length },
    { type: 'chunk', ch: 'c.1', n: 7, at: 0, ra: 'r', to: 'r', offset: CHUNK_BYTES },
    { type: 'chunk', ch: 'c.1', n: 7, at: 0, ra: 'r', to: 'r', offset: 2 * CHUNK_BYTES, last: true },
  ])
  expect(Buffer.concat(frames.map(({ part }) => part))).toEqual(Buffer.from(body))
})

test('inOneLine() has no line feed or carriage return', () => {
  expect(new TextDecoder().decode(inOneLine(new TextEncoder().encode('{\r\n"a":\n1}')))).toBe('{  "a": 1}')
})
