import { expect, test } from 'vitest'
import { deriveKeys } from '../../../../../worker/access/secrets/keys.ts'
import { openSealedText, sealText } from '../../../../../worker/access/secrets/sealed-text.ts'

const { signIn: key } = await deriveKeys(new Uint8Array(32).fill(7))
const PURPOSE = { purpose: 'client', share: 'a'.repeat(32) } as const

test.each([{ a: 1 }, ['ü', '漢字'], 'text', null, 0])('openSealedText() gives back %j as sealText() was given it', async (value) => {
  expect(await openSealedText(key, PURPOSE, await sealText(key, PURPOSE, value))).toEqual(value)
})

test('openSealedText() opens nothing of another purpose or share', async () => {
  const text = await sealText(key, PURPOSE, {})
  expect(await openSealedText(key, { ...PURPOSE, purpose: 'consent' }, text)).toBeUndefined()
  expect(await openSealedText(key, { ...PURPOSE, share: 'b'.repeat(32) }, text)).toBeUndefined()
})

test.each(['', '.', '..', 'x', `.${'A'.repeat(22)}`, 'a'.repeat(100_000)])('openSealedText() opens no %j', async (text) => {
  expect(await openSealedText(key, PURPOSE, text)).toBeUndefined()
})
