import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Bundle, splitBundle } from '../../../protocol/bundle.ts'
import { decodeAgentFrame, encodeFrame } from '../../../protocol/frame-codec.ts'
import { MAX_BUNDLE_BYTES } from '../../../protocol/limits.ts'

/** What begins a frame: the brace of its header. */
const frame = fc.uint8Array({ maxLength: 300 }).map((bytes) => Uint8Array.of(0x7b, ...bytes))

function bundleOf(frames: readonly Uint8Array[]): Uint8Array {
  const bundle = new Bundle()
  for (const one of frames) bundle.add(one)
  return bundle.take()
}

test('splitBundle() gives back what Bundle has taken in, wherever the message lies in its buffer', () => {
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 20 }), fc.nat(8), (frames, offset) => {
      const message = bundleOf(frames)
      const buffer = new Uint8Array(offset + message.length)
      buffer.set(message, offset)
      expect(splitBundle(buffer.subarray(offset))).toEqual({ ok: true, value: frames })
    }),
  )
})

test('splitBundle() gives frames of a bundle that hold no byte of the others', () => {
  const split = splitBundle(bundleOf([encodeFrame({ type: 'drain' }), encodeFrame({ type: 'idle', ch: 'a.1' })]))
  if (!split.ok) throw new Error(split.error)
  for (const one of split.value) expect(one.buffer.byteLength).toBe(one.length)
})

test('splitBundle() refuses a bundle that was cut short anywhere, or that goes on behind its end', () => {
  fc.assert(
    fc.property(fc.array(frame, { minLength: 2, maxLength: 5 }), fc.nat(), (frames, turn) => {
      const whole = bundleOf(frames)
      const ends = new Set<number>()
      for (let count = 1, at = 1; count <= frames.length; count++) ends.add((at += 4 + (frames[count - 1]?.length ?? 0)))
      const cut = 1 + (turn % (whole.length - 1))
      expect(splitBundle(whole.subarray(0, cut)).ok).toBe(ends.has(cut))
      expect(splitBundle(Uint8Array.of(...whole, 0, 0))).toEqual({ ok: false, error: 'bad_bundle' })
    }),
  )
})

test('splitBundle() never throws, and gives no empty frame', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const split = splitBundle(Uint8Array.of(0, ...bytes))
      if (split.ok) for (const one of split.value) expect(one.length).toBeGreaterThan(0)
    }),
  )
})

test.each([[[0]], [[0, 0, 0, 0, 0]], [[0, 0, 0, 0, 1]], [[0, 255, 255, 255, 255, 1]], [[0, 0, 0, 0, 1, 0x7b, 0]]])(
  'splitBundle() refuses %j',
  (bytes) => {
    expect(splitBundle(Uint8Array.from(bytes))).toEqual({ ok: false, error: 'bad_bundle' })
  },
)

test('splitBundle() refuses a bundle over MAX_BUNDLE_BYTES, and takes one of that size', () => {
  const half = new Uint8Array(MAX_BUNDLE_BYTES / 2 - 5).fill(0x7b)
  const largest = bundleOf([half, Uint8Array.of(0x7b, ...half.subarray(6)), Uint8Array.of(0x7b, 0x7b)])
  expect(largest.length).toBe(MAX_BUNDLE_BYTES)
  expect(splitBundle(largest).ok).toBe(true)
  expect(splitBundle(bundleOf([half, half, Uint8Array.of(0x7b, 0x7b)])).ok).toBe(false)
})

test('a bundle in a bundle holds no frame', () => {
  const drain = encodeFrame({ type: 'drain' })
  const split = splitBundle(bundleOf([bundleOf([drain, drain]), drain]))
  if (!split.ok) throw new Error(split.error)
  expect(split.value.map((one) => decodeAgentFrame(one).ok)).toEqual([false, true])
})

test('Bundle sends a frame alone as it is, and has room up to MAX_BUNDLE_BYTES', () => {
  const bundle = new Bundle()
  const large = new Uint8Array(2 * MAX_BUNDLE_BYTES).fill(0x7b)
  expect(bundle.isEmpty).toBe(true)
  expect(bundle.hasRoomFor(large)).toBe(true)
  bundle.add(large)
  expect(bundle.hasRoomFor(Uint8Array.of(0x7b))).toBe(false)
  expect(bundle.take()).toBe(large)
  expect(bundle.isEmpty).toBe(true)
  bundle.add(large.subarray(0, 100))
  expect(bundle.hasRoomFor(large.subarray(0, MAX_BUNDLE_BYTES - 109))).toBe(true)
  expect(bundle.hasRoomFor(large.subarray(0, MAX_BUNDLE_BYTES - 108))).toBe(false)
})
