/** A hundred thousand credentials and ids with something changed, the same ones in each run: none is taken, and none makes anything fail. */
import { expect, test } from 'vitest'
import { mintAccessCode, readAccessCode } from '../../../../worker/access/access-code.ts'
import { mintAccessToken, verifyAccessToken } from '../../../../worker/access/access-token.ts'
import { deriveKeys } from '../../../../worker/access/secrets/keys.ts'
import { mintPathKey, readPathKey } from '../../../../worker/access/path-key.ts'
import { openSealedText, sealText } from '../../../../worker/access/secrets/sealed-text.ts'
import { toHex } from '../../../../worker/access/secrets/secret.ts'
import { mintShareId, readShareId } from '../../../../worker/access/share-id.ts'
import { mintToken, verifyToken } from '../../../../worker/access/tokens.ts'
import { mutate, numbers } from '../../../harness/mutations.ts'
import { verifies } from '../../../requirements/verifies.ts'

const ROUNDS = 33_400
const NOW_MS = Date.UTC(2026, 10, 29)
const END_MS = NOW_MS + 60_000_000
const ID = '0001abff'.padEnd(24, '5')
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
const keys = await deriveKeys(new Uint8Array(32).fill(7))
const share = await mintShareId(keys.shareId, { lanes: 4, jurisdiction: 'none' }, new Uint8Array(10).fill(1))
const token = await mintToken(
  keys.jwt,
  'https://relay.example',
  { kind: 'client', share, principal: `client:${ID}`, tokenId: ID, expiresAtMs: END_MS },
  NOW_MS,
)
const key = (await mintPathKey(keys.pathKey, share, END_MS, ID)).text

/** Those of a text's mutations that are taken, or the first of them. */
async function firstTaken(seed: number, text: string, alphabet: string, isTaken: (mutated: string) => Promise<boolean>): Promise<string[]> {
  const next = numbers(seed)
  const taken: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const mutated = mutate(text, alphabet, next)
    if (mutated !== text && (await isTaken(mutated))) taken.push(mutated)
  }
  return taken.slice(0, 3)
}

const isTokenTaken = async (mutated: string): Promise<boolean> =>
  (await verifyToken(keys.jwt, mutated, { kind: 'client', share }, NOW_MS)).ok

test('verifyToken() takes no token with anything changed', async () => {
  verifies('promise.9.forged')
  expect(await isTokenTaken(token)).toBe(true)
  expect(await firstTaken(20_261_129, token, `${BASE64URL}.`, isTokenTaken)).toEqual([])
})

test('verifyToken() takes no other spelling of the same bytes', async () => {
  verifies('promise.9.forged')
  const [header = '', payload = '', signature = ''] = token.split('.')
  const last = BASE64URL.indexOf(signature.slice(-1))
  // The last character of 32 bytes has two bits to spare.
  const spellings = [1, 2, 3].map((spare) => signature.slice(0, -1) + BASE64URL.charAt(last | spare))
  spellings.push(signature.replaceAll('-', '+').replaceAll('_', '/'), `${signature}=`, `${signature.slice(0, 9)}\n${signature.slice(9)}`)
  for (const spelling of spellings)
    if (spelling !== signature) expect(await isTokenTaken(`${header}.${payload}.${spelling}`), spelling).toBe(false)
})

test('readPathKey() takes no key with anything changed', async () => {
  verifies('promise.9.forged')
  const isTaken = async (mutated: string): Promise<boolean> => (await readPathKey(keys.pathKey, share, mutated, NOW_MS)).ok
  expect(await isTaken(key)).toBe(true)
  expect(await firstTaken(20_261_130, key, BASE32, isTaken)).toEqual([])
})

test('readShareId() takes no id with anything changed', async () => {
  verifies('promise.9.forged')
  const isTaken = async (mutated: string): Promise<boolean> => (await readShareId(keys.shareId, mutated)) !== undefined
  expect(await isTaken(share)).toBe(true)
  expect(await firstTaken(20_261_131, share, BASE32, isTaken)).toEqual([])
})

test('verifyAccessToken() takes no token with anything changed', async () => {
  verifies('promise.9.forged')
  const resource = `https://relay.example/s/${share}/mcp`
  const facts = { resource, share, link: ID, client: 'c', grant: 'u:g', scope: 'mcp', expiresAtMs: END_MS }
  const made = await mintAccessToken(keys.accessToken, 'https://relay.example', facts, NOW_MS)
  const isTaken = async (mutated: string): Promise<boolean> =>
    (await verifyAccessToken(keys.accessToken, mutated, { resource, share }, NOW_MS)).ok
  expect(await isTaken(made)).toBe(true)
  expect(await firstTaken(20_261_132, made, `${BASE64URL}.`, isTaken)).toEqual([])
})

test('openSealedText() opens no text with anything changed', async () => {
  verifies('promise.9.forged')
  const purpose = { purpose: 'client', share } as const
  const made = await sealText(keys.signIn, purpose, { redirectUris: ['https://client.example/callback'], clientName: 'Ünïcode 漢字' })
  const isTaken = async (mutated: string): Promise<boolean> => (await openSealedText(keys.signIn, purpose, mutated)) !== undefined
  expect(await isTaken(made)).toBe(true)
  expect(await firstTaken(20_261_133, made, `${BASE64URL}.`, isTaken)).toEqual([])
})

test('readAccessCode() takes no code for another', async () => {
  verifies('promise.9.forged')
  const made = await mintAccessCode(keys.signIn, share)
  const isTaken = async (mutated: string): Promise<boolean> => {
    const hash = await readAccessCode(keys.signIn, share, mutated)
    return hash !== undefined && toHex(hash) !== toHex(made.hash)
  }
  expect(await readAccessCode(keys.signIn, share, made.text)).toEqual(made.hash)
  expect(await firstTaken(20_261_134, made.text, BASE32, isTaken)).toEqual([])
})
