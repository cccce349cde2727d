import { afterEach, expect, test, vi } from 'vitest'
import { authenticateClient } from '../../../../worker/access/authenticate.ts'
import { type ClaimedRelay, claimedRelay, type RelayKeys } from '../../../../worker/access/secrets/keys.ts'
import { mintPathKey } from '../../../../worker/access/path-key.ts'
import { mintShareId } from '../../../../worker/access/share-id.ts'
import { mintToken } from '../../../../worker/access/tokens.ts'
import { type Env, readSettings } from '../../../../worker/env.ts'
import { verifies } from '../../../requirements/verifies.ts'

const MINUTE_MS = 60_000
const SETTINGS = readSettings({})
const NOW_MS = Date.UTC(2026, 10, 21)
const UNASKED = undefined as unknown

/** A relay of its own: nothing that another test has verified is known here. */
async function relayOf(signingKey: string): Promise<{ relay: ClaimedRelay; keys: RelayKeys }> {
  const env = { OWNER_KEY: 'o'.repeat(16), SIGNING_KEY: signingKey.repeat(32), SHARE: UNASKED, REGISTRY: UNASKED } as Env
  const relay = await claimedRelay(env)
  if (relay === undefined) throw new Error('a relay with both keys is claimed')
  return { relay, keys: relay.keys }
}

const shareOf = (keys: RelayKeys, fill: number): Promise<string> =>
  mintShareId(keys.shareId, { lanes: 1, jurisdiction: 'none' }, new Uint8Array(10).fill(fill))
const tokenOf = (keys: RelayKeys, share: string, expiresAtMs: number): Promise<string> =>
  mintToken(keys.jwt, 'https://relay.example', { kind: 'client', share, principal: 'ann', tokenId: 't1', expiresAtMs }, NOW_MS)
const SERIAL = '0'.repeat(24)
const request = (token?: string): Request =>
  new Request('https://relay.example/', token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

test('authenticateClient() verifies a token and a path key once, and knows them from then on', async () => {
  verifies('promise.7.verified-once')
  vi.useFakeTimers({ now: NOW_MS })
  const { relay, keys } = await relayOf('a')
  const share = await shareOf(keys, 1)
  const token = await tokenOf(keys, share, NOW_MS + MINUTE_MS)
  const key = (await mintPathKey(keys.pathKey, share, NOW_MS + MINUTE_MS, SERIAL)).text
  const sign = vi.spyOn(crypto.subtle, 'sign')
  const ask = () =>
    Promise.all([authenticateClient(request(token), relay, SETTINGS, share), authenticateClient(request(), relay, SETTINGS, share, key)])
  const first = await ask()
  expect(first).toMatchObject([
    { ok: true, value: { kind: 'client', id: 'ann', chain: ['t1'], isInUrl: false } },
    { ok: true, value: { kind: 'client', id: `key:${SERIAL}`, chain: [SERIAL], isInUrl: true } },
  ])
  expect(sign).toHaveBeenCalled()
  sign.mockClear()
  expect(await ask()).toEqual(first)
  expect(sign).not.toHaveBeenCalled()
})

test('authenticateClient() refuses what it knows from the millisecond on that it expires', async () => {
  verifies('promise.9.expires')
  vi.useFakeTimers({ now: NOW_MS })
  const { relay, keys } = await relayOf('b')
  const share = await shareOf(keys, 1)
  const token = await tokenOf(keys, share, NOW_MS + MINUTE_MS)
  expect(await authenticateClient(request(token), relay, SETTINGS, share)).toMatchObject({ ok: true })
  vi.setSystemTime(NOW_MS + MINUTE_MS - 1)
  expect(await authenticateClient(request(token), relay, SETTINGS, share)).toMatchObject({ ok: true })
  vi.setSystemTime(NOW_MS + MINUTE_MS)
  expect(await authenticateClient(request(token), relay, SETTINGS, share)).toEqual({
    ok: false,
    error: { code: 'UNAUTHORIZED', detail: 'This token has expired.' },
  })
})

test('authenticateClient() tells of a link in a URL that is over or wrong by a code that has no challenge', async () => {
  vi.useFakeTimers({ now: NOW_MS })
  const { relay, keys } = await relayOf('e')
  const share = await shareOf(keys, 1)
  const { text, expiresAtMs } = await mintPathKey(keys.pathKey, share, NOW_MS + MINUTE_MS, SERIAL)
  vi.setSystemTime(expiresAtMs)
  expect(await authenticateClient(request(), relay, SETTINGS, share, text)).toEqual({ ok: false, error: { code: 'LINK_EXPIRED' } })
  expect(await authenticateClient(request(), relay, SETTINGS, share, 'a'.repeat(text.length))).toEqual({
    ok: false,
    error: { code: 'LINK_NOT_FOUND', isWrong: true },
  })
})

test('authenticateClient() knows a credential for its own share and relay only, and not in the place of another kind', async () => {
  vi.useFakeTimers({ now: NOW_MS })
  const { relay, keys } = await relayOf('c')
  const [share, other] = [await shareOf(keys, 1), await shareOf(keys, 2)]
  const token = await tokenOf(keys, share, NOW_MS + MINUTE_MS)
  const key = (await mintPathKey(keys.pathKey, share, NOW_MS + MINUTE_MS, SERIAL)).text
  expect(await authenticateClient(request(token), relay, SETTINGS, share)).toMatchObject({ ok: true })
  expect(await authenticateClient(request(), relay, SETTINGS, share, key)).toMatchObject({ ok: true })
  const refused = { ok: false, error: { code: 'UNAUTHORIZED' } }
  const unknown = { ok: false, error: { code: 'LINK_NOT_FOUND', isWrong: true } }
  expect(await authenticateClient(request(token), relay, SETTINGS, other)).toMatchObject(refused)
  expect(await authenticateClient(request(), relay, SETTINGS, other, key)).toEqual(unknown)
  expect(await authenticateClient(request(key), relay, SETTINGS, share)).toMatchObject(refused)
  expect(await authenticateClient(request(), relay, SETTINGS, share, token)).toEqual(unknown)
  expect(await authenticateClient(request('guess'), relay, SETTINGS, share, key)).toMatchObject(refused)
  const stranger = await relayOf('d')
  expect(await authenticateClient(request(token), stranger.relay, SETTINGS, share)).toMatchObject({ ok: false })
})
