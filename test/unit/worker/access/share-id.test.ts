import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBase32, encodeBase32 } from '../../../../protocol/encoding/base32.ts'
import { deriveKeys } from '../../../../worker/access/secrets/keys.ts'
import { mintShareId, readShareId } from '../../../../worker/access/share-id.ts'
import { verifies } from '../../../requirements/verifies.ts'

const { shareId: key } = await deriveKeys(new Uint8Array(32).fill(7))
const { shareId: otherKey } = await deriveKeys(new Uint8Array(32).fill(8))
const facts = fc.record({
  lanes: fc.integer({ min: 0, max: 15 }).map((log2) => 2 ** log2),
  jurisdiction: fc.constantFrom('none' as const, 'eu' as const, 'fedramp' as const),
})
const random = fc.uint8Array({ minLength: 10, maxLength: 10 })

test('readShareId() gives back the facts that mintShareId() was given', async () => {
  await fc.assert(
    fc.asyncProperty(facts, random, async (given, bytes) => {
      expect(await readShareId(key, await mintShareId(key, given, bytes))).toEqual(given)
    }),
  )
})

test('mintShareId() writes a DNS label of 32 characters', async () => {
  await fc.assert(
    fc.asyncProperty(facts, random, async (given, bytes) => {
      expect(await mintShareId(key, given, bytes)).toMatch(/^[a-z2-7]{32}$/)
    }),
  )
})

test('readShareId() refuses an id with any one bit flipped', async () => {
  verifies('promise.9.forged')
  const id = await mintShareId(key, { lanes: 4, jurisdiction: 'eu' }, new Uint8Array(10).fill(1))
  for (let bit = 0; bit < 160; bit++) {
    const bytes = decodeBase32(id) ?? new Uint8Array()
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(await readShareId(key, encodeBase32(bytes)), `bit ${bit}`).toBeUndefined()
  }
})

test('readShareId() refuses an id of another relay', async () => {
  const id = await mintShareId(otherKey, { lanes: 1, jurisdiction: 'none' }, new Uint8Array(10))
  expect(await readShareId(key, id)).toBeUndefined()
})

test('readShareId() refuses whatever was not minted', async () => {
  const anything = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567'), minLength: 32, maxLength: 32 }),
  )
  await fc.assert(
    fc.asyncProperty(anything, async (text) => {
      expect(await readShareId(key, text)).toBeUndefined()
    }),
  )
})

test('readShareId() takes one spelling of an id only', async () => {
  const id = await mintShareId(key, { lanes: 1, jurisdiction: 'none' }, new Uint8Array(10).fill(9))
  for (const other of [id.toUpperCase(), ` ${id}`, `${id}=`, `${id}a`, id.slice(0, -1)])
    expect(await readShareId(key, other)).toBeUndefined()
})

test.each([0, 3, 2 ** 16, -1, Number.NaN])('mintShareId() throws for %d lanes', async (lanes) => {
  await expect(mintShareId(key, { lanes, jurisdiction: 'none' }, new Uint8Array(10))).rejects.toThrow(RangeError)
})
