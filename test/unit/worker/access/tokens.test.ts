import fc from 'fast-check'
import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { deriveKeys } from '../../../../worker/access/secrets/keys.ts'
import { mintToken, verifyToken, type TokenFacts } from '../../../../worker/access/tokens.ts'
import { verifies } from '../../../requirements/verifies.ts'

const { jwt: key } = await deriveKeys(new Uint8Array(32).fill(7))
const { jwt: otherKey } = await deriveKeys(new Uint8Array(32).fill(8))
const NOW_MS = 1_800_000_000_000
const SHARE = 'a'.repeat(32)
const FACTS: TokenFacts = { kind: 'client', share: SHARE, principal: 'client:x', tokenId: 't1', expiresAtMs: NOW_MS + 60_000 }
const CLIENT = { kind: 'client', share: SHARE } as const
const mint = (facts: Partial<TokenFacts> = {}, signer = key): Promise<string> =>
  mintToken(signer, 'https://relay.example', { ...FACTS, ...facts }, NOW_MS)

test('verifyToken() gives back the facts that mintToken() was given', async () => {
  expect(await verifyToken(key, await mint(), CLIENT, NOW_MS)).toEqual({ ok: true, value: FACTS })
})

test('verifyToken() refuses a token from the second it expires', async () => {
  verifies('promise.9.expires')
  const token = await mint()
  expect((await verifyToken(key, token, CLIENT, FACTS.expiresAtMs - 1000)).ok).toBe(true)
  expect(await verifyToken(key, token, CLIENT, FACTS.expiresAtMs)).toEqual({ ok: false, error: 'expired' })
})

test.each([
  ['another kind', mint({ kind: 'agent' }), 'wrong_kind'],
  ['another share', mint({ share: 'b'.repeat(32) }), 'wrong_share'],
  ['another relay', mint({}, otherKey), 'wrong'],
  ['no algorithm', mint().then((token) => `${btoa('{"alg":"none"}').replace(/=+$/, '')}.${token.split('.')[1]}.`), 'wrong'],
  [
    'two audiences',
    new SignJWT({ share: SHARE, jti: 't', exp: NOW_MS })
      .setAudience(['mcp-edge/client', 'mcp-edge/agent'])
      .setSubject('x')
      .setProtectedHeader({ alg: 'HS256' })
      .sign(key),
    'wrong_kind',
  ],
  [
    'no expiry',
    new SignJWT({ share: SHARE, jti: 't' }).setAudience('mcp-edge/client').setSubject('x').setProtectedHeader({ alg: 'HS256' }).sign(key),
    'wrong',
  ],
  ['4 KiB', mint({ principal: 'x'.repeat(4096) }), 'wrong'],
])('verifyToken() refuses a token of %s', async (_what, token, error) => {
  expect(await verifyToken(key, await token, CLIENT, NOW_MS)).toEqual({ ok: false, error })
})

test('verifyToken() refuses a token with any one character changed', async () => {
  verifies('promise.9.forged')
  const token = await mint()
  await fc.assert(
    fc.asyncProperty(fc.nat(token.length - 2), async (at) => {
      const other = token[at] === 'A' ? 'B' : 'A'
      expect((await verifyToken(key, token.slice(0, at) + other + token.slice(at + 1), CLIENT, NOW_MS)).ok).toBe(false)
    }),
  )
})

test('verifyToken() refuses whatever is not a token, without a throw', async () => {
  const anything = fc.oneof(
    fc.string(),
    fc.string().map((text) => `${text}.${text}.${text}`),
    fc.base64String().map((text) => `eyJhbGciOiJIUzI1NiJ9.${text}.x`),
  )
  await fc.assert(
    fc.asyncProperty(anything, async (text) => {
      expect((await verifyToken(key, text, CLIENT, NOW_MS)).ok).toBe(false)
    }),
  )
})
