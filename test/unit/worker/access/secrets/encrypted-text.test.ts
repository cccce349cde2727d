/** encryptText and decryptText: who may read what, and that nothing changed is read. */
import { describe, expect, test } from 'vitest'
import { decryptText, encryptText, type TextBinding } from '../../../../../worker/access/secrets/encrypted-text.ts'
import { deriveKeys } from '../../../../../worker/access/secrets/keys.ts'

const BINDING: TextBinding = { purpose: 'upstream session', share: 'a', holder: 'client:1' }
const { upstream: key } = await deriveKeys(new Uint8Array(32).fill(1))

describe('decryptText', () => {
  test('reads what was encrypted for the same purpose, share and holder, and shows nothing of it', async () => {
    const text = await encryptText(key, BINDING, 'canary ü')
    expect(text).toMatch(/^[\w-]+$/)
    expect(atob(text.replaceAll('-', '+').replaceAll('_', '/'))).not.toContain('canary')
    expect(await decryptText(key, BINDING, text)).toBe('canary ü')
    expect(await encryptText(key, BINDING, 'canary ü')).not.toBe(text)
  })

  test.each([{ purpose: 'upstream' }, { share: 'b' }, { holder: 'client:2' }] as const)(
    'does not read it for another: %j',
    async (other) => {
      const text = await encryptText(key, BINDING, 'x')
      expect(await decryptText(key, { ...BINDING, ...other }, text)).toBeUndefined()
      const { upstream: anotherKey } = await deriveKeys(new Uint8Array(32).fill(2))
      expect(await decryptText(anotherKey, BINDING, text)).toBeUndefined()
    },
  )

  test('does not read what was changed, cut or spelled in another way', async () => {
    const text = await encryptText(key, BINDING, 'some text')
    for (let at = 0; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`
      expect(await decryptText(key, BINDING, changed)).toBeUndefined()
    }
    for (const other of ['', 'A', text.slice(0, 30), `${text}=`, `${text} `, `${text}A`, ` ${text}`])
      expect(await decryptText(key, BINDING, other)).toBeUndefined()
  })
})
