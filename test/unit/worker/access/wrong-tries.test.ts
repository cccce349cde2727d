import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countTry, slowed, takeBackTry } from '../../../../worker/access/wrong-tries.ts'
import { WRONG_TRIES, WRONG_TRY_MS } from '../../../../worker/trust-limits.ts'
import { verifies } from '../../../requirements/verifies.ts'

const NOW_MS = 1_796_000_000_000
let places = 0

function trying(): { readonly address: string; readonly share: string } {
  return { address: `a${places++}`, share: 's' }
}

test('countTry() looks at WRONG_TRIES at once, and then at one each WRONG_TRY_MS, of each address and share', () => {
  verifies('promise.9.slowed')
  const one = trying()
  for (let tries = 0; tries < WRONG_TRIES; tries++) expect(countTry(one, NOW_MS)).toBeUndefined()
  for (let tries = 0; tries < 100; tries++) expect(countTry(one, NOW_MS)).toBe(WRONG_TRY_MS)
  expect(countTry({ ...one, share: 'other' }, NOW_MS)).toBeUndefined()
  expect(countTry({ address: undefined, share: `${one.share}${places}` }, NOW_MS)).toBeUndefined()
  expect(countTry(one, NOW_MS + WRONG_TRY_MS - 1)).toBe(1)
  expect([countTry(one, NOW_MS + WRONG_TRY_MS), countTry(one, NOW_MS + WRONG_TRY_MS)]).toEqual([undefined, WRONG_TRY_MS])
})

test('countTry() lets no more through in any time than that, and whoever waits as long as it says is looked at', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4 * WRONG_TRY_MS }), { maxLength: 200 }), (pauses) => {
      const one = trying()
      let nowMs = NOW_MS
      let looked = 0
      for (const pause of pauses) {
        nowMs += pause
        const waitMs = countTry(one, nowMs)
        if (waitMs === undefined) looked++
        else {
          nowMs += waitMs
          expect(countTry(one, nowMs)).toBeUndefined()
          looked++
        }
      }
      expect(looked).toBeLessThanOrEqual(WRONG_TRIES + (nowMs - NOW_MS) / WRONG_TRY_MS)
    }),
  )
})

test('takeBackTry() forgets one that was right', () => {
  const one = trying()
  for (let tries = 0; tries < 10 * WRONG_TRIES; tries++) {
    expect(countTry(one, NOW_MS)).toBeUndefined()
    takeBackTry(one)
  }
})

test('slowed() counts what is wrong, and neither what has ended nor who shows nothing', () => {
  const one = trying()
  for (const refusal of [{ code: 'LINK_EXPIRED' }, { code: 'UNAUTHORIZED', detail: 'none' }] as const)
    for (let tries = 0; tries < 2 * WRONG_TRIES; tries++) expect(slowed(refusal, one)).toBe(refusal)
  const wrong = { code: 'LINK_NOT_FOUND', isWrong: true } as const
  for (let tries = 0; tries < WRONG_TRIES; tries++) expect(slowed(wrong, one)).toBe(wrong)
  expect(slowed(wrong, one)).toMatchObject({ code: 'TOO_MANY_TRIES', retryAfterMs: expect.any(Number) })
})
