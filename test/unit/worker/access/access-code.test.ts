import { expect, test } from 'vitest'
import { mintAccessCode, readAccessCode } from '../../../../worker/access/access-code.ts'
import { deriveKeys } from '../../../../worker/access/secrets/keys.ts'
import { hashSecret } from '../../../../worker/access/secrets/secret.ts'

const { signIn: key } = await deriveKeys(new Uint8Array(32).fill(7))
const { signIn: otherKey } = await deriveKeys(new Uint8Array(32).fill(8))
const SHARE = 'a'.repeat(32)

test('mintAccessCode() makes six groups of four characters with 80 random bits, and the hash that is kept', async () => {
  const codes = await Promise.all(Array.from({ length: 100 }, () => mintAccessCode(key, SHARE)))
  for (const { text, hash } of codes) {
    expect(text).toMatch(/^(?:[a-z2-7]{4}-){5}[a-z2-7]{4}$/)
    expect(hash).toEqual(await hashSecret(text.replaceAll('-', '')))
  }
  expect(new Set(codes.map(({ text }) => text.slice(0, 19))).size).toBe(100)
})

test('readAccessCode() takes a code as people type it', async () => {
  const { text, hash } = await mintAccessCode(key, SHARE)
  for (const typed of [text, text.toUpperCase(), text.replaceAll('-', ''), text.replaceAll('-', ' '), `  ${text}\n`])
    expect(await readAccessCode(key, SHARE, typed)).toEqual(hash)
})

test('readAccessCode() takes none of another share or relay, and no guess', async () => {
  const { text } = await mintAccessCode(key, SHARE)
  expect(await readAccessCode(key, 'b'.repeat(32), text)).toBeUndefined()
  expect(await readAccessCode(otherKey, SHARE, text)).toBeUndefined()
  for (const guess of ['', '-', 'a'.repeat(24), 'a'.repeat(100_000), '1'.repeat(24)])
    expect(await readAccessCode(key, SHARE, guess)).toBeUndefined()
})
