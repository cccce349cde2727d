import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WEB_MESSAGE_BYTES, WEB_OUTBOX_PAUSE_BYTES } from '../../../../agent/web-limits.ts'
import { WebOutbox } from '../../../../agent/web/web-outbox.ts'
import { WEB_CHUNK_BYTES, WEB_FIRST_BYTES } from '../../../../protocol/web/web-limits.ts'
import { concat } from '../../../../protocol/splice.ts'
import { verifies } from '../../../requirements/verifies.ts'

const X = '0123456789abcdef'.repeat(2)

test('WebOutbox gives out all bytes in order, never beyond its credit, and messages whole', () => {
  const entry = fc.record({ kind: fc.constantFrom('text', 'binary'), size: fc.oneof(fc.nat(9), fc.nat(200_000)) })
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 6 }), fc.integer({ min: 2000, max: 100_000 }), (entries, step) => {
      const outbox = new WebOutbox(X)
      let upto = WEB_FIRST_BYTES
      for (const { kind, size } of entries) outbox.push(kind, new Uint8Array(size).fill(size % 251))
      outbox.pushFrame({ type: 'web_end', x: X })
      const messages: Uint8Array[] = []
      let parts: Uint8Array[] = []
      let at = 0
      for (;;) {
        const next = outbox.take()
        if (next === undefined) outbox.credit((upto = Math.max(upto, at) + step))
        else if (next.frame.type === 'web_end') break
        else if (next.frame.type === 'web_message' && next.body !== undefined) {
          at += next.body.length
          expect(next.body.length).toBeLessThanOrEqual(WEB_CHUNK_BYTES)
          expect(at).toBeLessThanOrEqual(upto)
          expect(next.frame.at).toBe(at)
          parts.push(next.body)
          if (next.frame.more === true) continue
          messages.push(concat(parts))
          parts = []
        }
      }
      expect(messages.map((message) => [message.length, message.every((byte) => byte === message.length % 251)])).toEqual(
        entries.map(({ size }) => [size, true]),
      )
      expect(outbox.bytes).toBe(0)
      expect(outbox.take()).toBeUndefined()
    }),
    { numRuns: 30 },
  )
})

test('WebOutbox counts messages that wait beside their bytes, so that an app cannot fill it with empty ones', () => {
  verifies('promise.14.flow')
  const outbox = new WebOutbox(X)
  let pushed = 0
  while (outbox.bytes < WEB_OUTBOX_PAUSE_BYTES && pushed < 10_000) {
    outbox.push('text', new Uint8Array(0))
    pushed++
  }
  expect(pushed).toBeLessThanOrEqual(WEB_OUTBOX_PAUSE_BYTES / WEB_MESSAGE_BYTES)
  while (outbox.take() !== undefined);
  expect(outbox.bytes).toBe(0)
  outbox.push('binary', new Uint8Array(3))
  outbox.clear()
  expect(outbox.bytes).toBe(0)
  outbox.push('body', new Uint8Array(3))
  expect(outbox.bytes).toBe(3)
})
