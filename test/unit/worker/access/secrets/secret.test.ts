import { expect, test } from 'vitest'
import { equalBytes, fromHex, hashSecret, toHex } from '../../../../../worker/access/secrets/secret.ts'
import { verifies } from '../../../../requirements/verifies.ts'

/** Bytes that count how often they are looked at. */
function watched(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly looks: () => number } {
  let count = 0
  const get = (target: Uint8Array, name: string | symbol): unknown => {
    if (typeof name === 'string' && /^\d+$/.test(name)) count++
    return Reflect.get(target, name)
  }
  return { bytes: new Proxy(bytes, { get }), looks: () => count }
}

test('equalBytes() looks at every byte, wherever the first difference is', async () => {
  verifies('promise.9.constant-time')
  const secret = await hashSecret('secret')
  for (let at = 0; at <= secret.length; at++) {
    const { bytes, looks } = watched(secret.map((byte, index) => (index === at ? byte ^ 1 : byte)))
    expect([equalBytes(secret, bytes), looks()]).toEqual([at === secret.length, secret.length])
  }
})

test('equalBytes() takes no prefix for the whole', () => {
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 3))).toBe(false)
  expect(equalBytes(new Uint8Array(0), new Uint8Array(0))).toBe(true)
})

test('fromHex() reads what toHex() writes, and nothing else', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  expect(fromHex(toHex(bytes))).toEqual(bytes)
  expect(fromHex('')).toEqual(new Uint8Array(0))
  for (const text of ['a', 'AB', '0g', ' 0', '0x10', '１２']) expect(fromHex(text), text).toBeUndefined()
})
