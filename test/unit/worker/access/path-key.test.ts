import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBase32, encodeBase32 } from '../../../../protocol/encoding/base32.ts'
import { deriveKeys } from '../../../../worker/access/secrets/keys.ts'
import { mintPathKey, readPathKey } from '../../../../worker/access/path-key.ts'
import { toHex } from '../../../../worker/access/secrets/secret.ts'
import { verifies } from '../../../requirements/verifies.ts'

const { pathKey: key } = await deriveKeys(new Uint8Array(32).fill(7))
const SHARE = 'a'.repeat(32)
const OTHER_SHARE = 'b'.repeat(32)
const MINUTE_MS = 60_000
const ID = '0001abff'.padEnd(24, '0')
const serial = fc.uint8Array({ minLength: 12, maxLength: 12 }).map(toHex)
const time = fc.integer({ min: 1, max: 2 ** 32 * MINUTE_MS - MINUTE_MS })

test('readPathKey() gives back what mintPathKey() made, for as long as it was made for', async () => {
  await fc.assert(
    fc.asyncProperty(serial, time, async (id, expiresAtMs) => {
      const made = await mintPathKey(key, SHARE, expiresAtMs, id)
      expect(made.expiresAtMs).toBeGreaterThanOrEqual(expiresAtMs)
      expect(made.expiresAtMs - expiresAtMs).toBeLessThan(MINUTE_MS)
      expect(await readPathKey(key, SHARE, made.text, expiresAtMs - 1)).toEqual({ ok: true, value: made })
      expect(await readPathKey(key, SHARE, made.text, made.expiresAtMs)).toEqual({ ok: false, error: 'expired' })
    }),
  )
})

test('readPathKey() refuses a key with any one bit flipped', async () => {
  verifies('promise.9.forged')
  const made = await mintPathKey(key, SHARE, 1e12, ID)
  for (let bit = 0; bit < 256; bit++) {
    const bytes = decodeBase32(made.text) ?? new Uint8Array()
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(await readPathKey(key, SHARE, encodeBase32(bytes), 0), `bit ${bit}`).toEqual({ ok: false, error: 'wrong' })
  }
})

test('readPathKey() refuses a key of another share', async () => {
  const made = await mintPathKey(key, OTHER_SHARE, 1e12, ID)
  expect(await readPathKey(key, SHARE, made.text, 0)).toEqual({ ok: false, error: 'wrong' })
})

test('readPathKey() refuses whatever was not minted', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 40 }), async (text) => {
      expect((await readPathKey(key, SHARE, text, 0)).ok).toBe(false)
    }),
  )
})

test('readPathKey() refuses a key with a character more, or with another last one', async () => {
  const { text } = await mintPathKey(key, SHARE, 1e12, ID)
  const others = [...'abcdefghijklmnopqrstuvwxyz234567'].map((last) => text.slice(0, -1) + last).filter((other) => other !== text)
  for (const wrong of [`${text}a`, text.toUpperCase(), `${text}=`, ...others])
    expect(await readPathKey(key, SHARE, wrong, 0), wrong).toEqual({ ok: false, error: 'wrong' })
})

test('mintPathKey() names its principal after its id', async () => {
  expect(await mintPathKey(key, SHARE, 1e12, ID)).toMatchObject({ id: ID, principal: `key:${ID}` })
})

test.each(['', 'ab', ID.toUpperCase(), `${ID}00`, ID.slice(1)])('mintPathKey() takes no id %j', async (id) => {
  await expect(mintPathKey(key, SHARE, 1e12, id)).rejects.toThrow(RangeError)
})
