import { expect, test } from 'vitest'
import { isAccessToken, mintAccessToken, verifyAccessToken } from '../../../../worker/access/access-token.ts'
import { deriveKeys } from '../../../../worker/access/secrets/keys.ts'
import { mintToken, verifyToken } from '../../../../worker/access/tokens.ts'

const keys = await deriveKeys(new Uint8Array(32).fill(7))
const NOW_MS = Date.UTC(2026, 10, 29)
const END_MS = NOW_MS + 60_000
const SHARE = 'a'.repeat(32)
const RESOURCE = `https://relay.example/s/${SHARE}/mcp`
const EXPECTED = { resource: RESOURCE, share: SHARE }
const FACTS = { ...EXPECTED, link: '0'.repeat(24), client: 'digest', grant: 'user:grant', scope: 'mcp', expiresAtMs: END_MS }

const token = await mintAccessToken(keys.accessToken, 'https://relay.example', FACTS, NOW_MS)
const clientToken = await mintToken(
  keys.jwt,
  'https://relay.example',
  { kind: 'client', share: SHARE, principal: 'client:x', tokenId: 'x', expiresAtMs: END_MS },
  NOW_MS,
)

test('verifyAccessToken() gives back what mintAccessToken() was told, until its end', async () => {
  expect(await verifyAccessToken(keys.accessToken, token, EXPECTED, END_MS - 1)).toEqual({ ok: true, value: FACTS })
  expect(await verifyAccessToken(keys.accessToken, token, EXPECTED, END_MS)).toEqual({ ok: false, error: 'expired' })
})

test.each([
  [{ ...EXPECTED, resource: `${RESOURCE}/` }],
  [{ ...EXPECTED, resource: RESOURCE.replace('/mcp', '/sse') }],
  [{ ...EXPECTED, resource: RESOURCE.replace('https', 'http') }],
  [{ ...EXPECTED, share: 'b'.repeat(32) }],
])('verifyAccessToken() refuses a token for another place than %j', async (expected) => {
  expect(await verifyAccessToken(keys.accessToken, token, expected, NOW_MS)).toEqual({ ok: false, error: 'wrong_resource' })
})

test('isAccessToken() tells one from the token of a link, and neither is taken for the other', async () => {
  expect([isAccessToken(token), isAccessToken(clientToken), isAccessToken('')]).toEqual([true, false, false])
  expect(await verifyAccessToken(keys.accessToken, clientToken, EXPECTED, NOW_MS)).toEqual({ ok: false, error: 'wrong' })
  expect(await verifyAccessToken(keys.jwt, clientToken, EXPECTED, NOW_MS)).toEqual({ ok: false, error: 'wrong' })
  expect(await verifyToken(keys.jwt, token, { kind: 'client', share: SHARE }, NOW_MS)).toEqual({ ok: false, error: 'wrong' })
  expect(await verifyToken(keys.accessToken, token, { kind: 'client', share: SHARE }, NOW_MS)).toEqual({ ok: false, error: 'wrong_kind' })
})
