import { expect, test } from 'vitest'
import { encodeBase32 } from '../../../../protocol/encoding/base32.ts'
import { encodeBase64Url } from '../../../../protocol/encoding/base64url.ts'
import { narrowCredential } from '../../../../protocol/narrowing/narrow.ts'

const TOKEN = `e30.e30.${encodeBase64Url(new Uint8Array(32).fill(5))}`
const KEY = encodeBase32(new Uint8Array(32).fill(3))

test.each([
  ['a token that was cut off', TOKEN.slice(0, -3)],
  ['a token without its signature', 'e30.e30.'],
  ['a key that was cut off', KEY.slice(0, -8)],
  ['a text of another kind', 'mcpe_owner_x'],
])('narrowCredential() makes nothing of %s', async (_, credential) => {
  expect(await narrowCredential(credential, { name: 'Bob' }, new Uint8Array(16))).toEqual({
    ok: false,
    error: 'this is neither a client token nor the key of a share URL',
  })
})

test.each([TOKEN, KEY])('narrowCredential() narrows %s', async (credential) => {
  expect((await narrowCredential(credential, { name: 'Bob' }, new Uint8Array(16))).ok).toBe(true)
})
