import { describe, expect, test, vi } from 'vitest'
import { INLINE_REQUEST_BYTES } from '../../../../protocol/limits.ts'
import { firstPart, uploadRest } from '../../../../worker/carry/upload.ts'
import { MAX_UPLOAD_STALLS } from '../../../../worker/limits.ts'
import { verifies } from '../../../requirements/verifies.ts'

const LARGE = Uint8Array.from({ length: 2 * INLINE_REQUEST_BYTES + 5 }, (_, at) => at % 251)

describe('firstPart()', () => {
  test('is the body itself where one RPC can carry it', () => {
    const body = LARGE.subarray(0, INLINE_REQUEST_BYTES)
    expect(firstPart(body)).toBe(body)
  })

  test('is a copy, not a view, of what one RPC can carry of a larger body', () => {
    const part = firstPart(LARGE)
    expect(part.length).toBe(INLINE_REQUEST_BYTES)
    expect(part.buffer.byteLength).toBe(INLINE_REQUEST_BYTES)
  })
})

/** What the Share says to each part in turn. */
function chunks(...outcomes: readonly (boolean | undefined | Error)[]) {
  const left = [...outcomes]
  return vi.fn<(offset: number, part: Uint8Array) => Promise<boolean | undefined>>(async () => {
    const outcome = left.shift()
    if (outcome instanceof Error) throw outcome
    return outcome
  })
}

describe('uploadRest()', () => {
  test('brings every byte behind the first part, in order', async () => {
    const chunk = chunks(true, true)
    await uploadRest(chunk, LARGE)
    const parts = chunk.mock.calls
    expect(parts.map(([at, part]) => [at, part.length])).toEqual([
      [INLINE_REQUEST_BYTES, INLINE_REQUEST_BYTES],
      [2 * INLINE_REQUEST_BYTES, 5],
    ])
    expect(parts[1]?.[1]).toEqual(LARGE.subarray(2 * INLINE_REQUEST_BYTES))
  })

  test('brings a part again for which there is no credit yet, but not for ever', async () => {
    verifies('promise.6.no-rpc-for-ever')
    const chunk = chunks(undefined, true, ...Array.from({ length: MAX_UPLOAD_STALLS }, () => undefined))
    await uploadRest(chunk, LARGE)
    const offsets = chunk.mock.calls.map(([at]) => at)
    expect(offsets).toEqual([1, 1, ...Array.from({ length: MAX_UPLOAD_STALLS }, () => 2)].map((parts) => parts * INLINE_REQUEST_BYTES))
  })

  test.each([false, new Error('broken')])(
    'stops without an error when the Share answers %s: the message itself fails or is sent again',
    async (outcome) => {
      const chunk = chunks(outcome)
      await uploadRest(chunk, LARGE)
      expect(chunk).toHaveBeenCalledTimes(1)
    },
  )
})
