import { describe, expect, test } from 'vitest'
import { CAVEAT_NONCE_BYTES } from '../../../../protocol/narrowing/caveat.ts'
import { MAX_PASSED_CREDENTIAL_CHARS } from '../../../../protocol/limits.ts'
import { narrowCredential } from '../../../../protocol/narrowing/narrow.ts'
import { mintAccessCode } from '../../../../worker/access/access-code.ts'
import { mintAccessToken } from '../../../../worker/access/access-token.ts'
import { passedCredentialOf } from '../../../../worker/access/passed-credentials.ts'
import { mintPathKey } from '../../../../worker/access/path-key.ts'
import { type ClaimedRelay, claimedRelay } from '../../../../worker/access/secrets/keys.ts'
import { sealText } from '../../../../worker/access/secrets/sealed-text.ts'
import { mintShareId } from '../../../../worker/access/share-id.ts'
import { mintToken } from '../../../../worker/access/tokens.ts'
import type { Env } from '../../../../worker/env.ts'
import { sealGrant } from '../../../../worker/sign-in/sealed-grants.ts'
import { verifies } from '../../../requirements/verifies.ts'

const HOUR_MS = 3_600_000
const UNASKED = undefined as unknown
const SERIAL = '0'.repeat(24)

const DEPLOYER_KEY = 'o'.repeat(16)

async function relayOf(signingKey: string): Promise<ClaimedRelay> {
  const env = { OWNER_KEY: DEPLOYER_KEY, SIGNING_KEY: signingKey.repeat(32), SHARE: UNASKED, REGISTRY: UNASKED } as Env
  const relay = await claimedRelay(env)
  if (relay === undefined) throw new Error('a relay with both keys is claimed')
  return relay
}

async function place(signingKey = 'p') {
  const relay = await relayOf(signingKey)
  const { keys } = relay
  const share = await mintShareId(keys.shareId, { lanes: 1, jurisdiction: 'none' }, new Uint8Array(10).fill(1))
  const key = (await mintPathKey(keys.pathKey, share, Date.now() + HOUR_MS, SERIAL)).text
  const shown = (token: string, of: string | undefined = key, at = share) =>
    passedCredentialOf(new Request('https://relay.example/', { headers: { authorization: `Bearer ${token}` } }), relay, at, of)
  return { relay, keys, share, key, shown }
}

async function narrow(credential: string): Promise<string> {
  const made = await narrowCredential(credential, { name: 'n' }, new Uint8Array(CAVEAT_NONCE_BYTES))
  if (!made.ok) throw new Error(made.error)
  return made.value
}

/** As a server elsewhere makes them. */
const foreignJwt = (claims: object, typ = 'JWT'): string =>
  [{ alg: 'HS256', typ }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') + `.${'A'.repeat(43)}`

describe('passedCredentialOf()', () => {
  test.each([
    'gho_abcdefghijklmnop',
    'dev',
    'a~b',
    'user:grant:secret',
    'abcd'.repeat(6),
    foreignJwt({ sub: 'ann', aud: 'https://mcp.example' }),
    foreignJwt({ sub: 'ann', aud: 'https://mcp.example', scope: 'a' }, 'at+jwt'),
  ])('takes %s for the server, beside a key that is right', async (token) => {
    verifies('promise.http.pass-auth')
    const { shown } = await place()
    expect(await shown(token)).toMatchObject({
      authorization: `Bearer ${token}`,
      holder: { id: `key:${SERIAL}`, chain: [SERIAL], isInUrl: true },
    })
  })

  test('takes nothing without a key, with a wrong one, or what no field can hold', async () => {
    verifies('promise.http.pass-auth')
    const { shown, relay, share, key } = await place()
    expect(await shown('dev', 'k'.repeat(52))).toBeUndefined()
    expect(await shown('a b')).toBeUndefined()
    expect(await shown('dev', key, `${share.slice(0, -1)}a`)).toBeUndefined()
    expect(
      await passedCredentialOf(new Request('https://r.example/', { headers: { authorization: 'Bearer dev' } }), relay, share, undefined),
    ).toBeUndefined()
    expect(
      await passedCredentialOf(new Request('https://r.example/', { headers: { authorization: 'Basic dev' } }), relay, share, key),
    ).toBeUndefined()
  })

  test('takes nothing that this relay has made, for whatever it is, nor what looks so', async () => {
    verifies('promise.http.pass-auth')
    const { shown, keys, share, key } = await place()
    const until = Date.now() + HOUR_MS
    const issuer = 'https://relay.example'
    const token = (kind: 'agent' | 'client', of: string, expiresAtMs = until): Promise<string> =>
      mintToken(keys.jwt, issuer, { kind, share: of, principal: 'p', tokenId: 't', expiresAtMs }, Date.now())
    const elsewhere = await relayOf('q')
    const ours = [
      await token('client', share),
      await token('client', 'another'),
      await token('agent', share),
      await token('client', share, Date.now() - HOUR_MS),
      `${await token('client', share)}~caveat~mac`,
      await mintToken(elsewhere.keys.jwt, issuer, { kind: 'client', share, principal: 'p', tokenId: 't', expiresAtMs: until }, Date.now()),
      await mintAccessToken(
        keys.accessToken,
        issuer,
        { resource: 'r', share, link: 'l', client: 'c', grant: 'g', scope: 's', expiresAtMs: until },
        Date.now(),
      ),
      await sealText(keys.signIn, { purpose: 'refresh', share }, { a: 1 }),
      key,
      `${key}~caveat`,
      `mcpe_owner_${'x'.repeat(43)}`,
      'abcd-efgh-ijkl-mnop-qrst-uvwx',
      `${'a'.repeat(26)}-${'b'.repeat(22)}`,
      'a'.repeat(56),
    ]
    for (const one of ours) expect([one, await shown(one)]).toEqual([one, undefined])
  })

  test('takes no credential of this relay that was narrowed, nor its grants, codes and secret names, nor the key of its deployer', async () => {
    verifies('promise.http.pass-auth')
    const { shown, keys, share, key } = await place()
    const issuer = 'https://relay.example'
    const token = (kind: 'agent' | 'client', of: string): Promise<string> =>
      mintToken(keys.jwt, issuer, { kind, share: of, principal: 'p', tokenId: 't', expiresAtMs: Date.now() + HOUR_MS }, Date.now())
    const code = (await mintAccessCode(keys.signIn, share)).text
    const ours = [
      await narrow(await token('client', share)),
      await narrow(await token('client', 'another')),
      await narrow(await narrow(await token('agent', share))),
      await narrow(key),
      await narrow(await narrow(key)),
      await sealGrant({ keys, share }, 'refresh', 'link:grant:secret'),
      code.replaceAll('-', ''),
      code.toUpperCase(),
      key.toUpperCase(),
      `${'a'.repeat(56)}-agent`,
      DEPLOYER_KEY,
    ]
    for (const one of ours) expect([one, await shown(one)]).toEqual([one, undefined])
  })

  test.each([
    ['quoted', (one: string) => `"${one}"`],
    ['with a comma behind', (one: string) => `${one},`],
    ['behind a word', (one: string) => `token=${one}`],
    ['behind a dot', (one: string) => `x.${one}`],
    ['padded', (one: string) => `${one}==`],
  ])('takes nothing that this relay has made %s', async (_how, spelled) => {
    verifies('promise.http.pass-auth')
    const { shown, keys, share, key } = await place()
    const facts = { kind: 'client', share, principal: 'p', tokenId: 't', expiresAtMs: Date.now() + HOUR_MS } as const
    const token = await mintToken(keys.jwt, 'https://relay.example', facts, Date.now())
    const sealed = await sealText(keys.signIn, { purpose: 'refresh', share }, { a: 1 })
    for (const one of [token, await narrow(token), key, await narrow(key), sealed, `mcpe_owner_${'x'.repeat(43)}`])
      expect([one, await shown(spelled(one))]).toEqual([one, undefined])
  })

  test.each(['a', 'eyJ-', 'a:', `${'a'.repeat(26)}~`, 'eyJ.', 'abcd-', 'eyJ.eyJ~', '-'])(
    'looks through the longest token of %s in an instant',
    async (piece) => {
      const { shown } = await place()
      await shown('warm')
      const began = performance.now()
      await shown(piece.repeat(MAX_PASSED_CREDENTIAL_CHARS).slice(0, MAX_PASSED_CREDENTIAL_CHARS - 'Bearer '.length))
      expect(performance.now() - began).toBeLessThan(500)
    },
  )

  test('tells credentials apart, and the same again is the same', async () => {
    verifies('promise.http.pass-auth')
    const { shown } = await place()
    const [one, same, other] = await Promise.all([shown('one'), shown('one'), shown('other')])
    expect(one?.digest).toBe(same?.digest)
    expect(one?.digest).not.toBe(other?.digest)
    expect(one?.digest).not.toContain('one')
    expect((await (await place('r')).shown('one'))?.digest).not.toBe(one?.digest)
  })
})
