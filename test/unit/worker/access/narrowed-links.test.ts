import { beforeAll, describe, expect, test } from 'vitest'
import { encodeBase64Url } from '../../../../protocol/encoding/base64url.ts'
import { CAVEAT_NONCE_BYTES, type CaveatWords } from '../../../../protocol/narrowing/caveat.ts'
import { MAX_CAVEATS } from '../../../../protocol/narrowing/chain.ts'
import { narrowCredential } from '../../../../protocol/narrowing/narrow.ts'
import { authenticateClient, type LinkHolder } from '../../../../worker/access/authenticate.ts'
import { deriveKeys, type RelayKeys } from '../../../../worker/access/secrets/keys.ts'
import { mintPathKey } from '../../../../worker/access/path-key.ts'
import { mintShareId } from '../../../../worker/access/share-id.ts'
import { mintToken } from '../../../../worker/access/tokens.ts'
import { readSettings } from '../../../../worker/env.ts'
import { verifies } from '../../../requirements/verifies.ts'

const ID = 'ab'.repeat(12)
const FAR_MS = Date.now() + 86_400_000
let keys: RelayKeys
let share: string
let other: string
let token: string
let key: string

beforeAll(async () => {
  keys = await deriveKeys(new Uint8Array(32))
  share = await mintShareId(keys.shareId, { lanes: 1, jurisdiction: 'none' }, new Uint8Array(10))
  other = await mintShareId(keys.shareId, { lanes: 1, jurisdiction: 'none' }, new Uint8Array(10).fill(1))
  const facts = { kind: 'client', share, principal: `client:${ID}`, tokenId: ID, expiresAtMs: FAR_MS } as const
  token = await mintToken(keys.jwt, 'https://relay.example', facts, Date.now())
  key = (await mintPathKey(keys.pathKey, share, FAR_MS, ID)).text
})

async function narrow(credential: string, words: CaveatWords = {}): Promise<string> {
  const made = await narrowCredential(credential, words, crypto.getRandomValues(new Uint8Array(CAVEAT_NONCE_BYTES)))
  if (!made.ok) throw new Error(made.error)
  return made.value
}

/** Who comes with this, as bearer or in the path; or the code of the refusal. */
async function holderOf(credential: string, way: 'bearer' | 'key', of = share): Promise<LinkHolder | string> {
  const headers: Record<string, string> = way === 'bearer' ? { authorization: `Bearer ${credential}` } : {}
  const read = await authenticateClient(
    new Request('https://relay.example/', { headers }),
    { keys } as never,
    readSettings({}),
    of,
    way === 'key' ? credential : undefined,
  )
  return read.ok ? read.value : read.error.code
}

const WAYS = [
  ['bearer', () => token, 'UNAUTHORIZED', 'UNAUTHORIZED'],
  ['key', () => key, 'LINK_NOT_FOUND', 'LINK_EXPIRED'],
] as const

describe.each(WAYS)('a narrowed %s', (way, root, wrong, over) => {
  test('is a link of its own, with all that was taken away on the way to it', async () => {
    verifies('promise.11.narrowed')
    const first = await narrow(root(), { name: 'Ann', policy: { access: 'read' } })
    const second = await narrow(first, { exp: Math.floor(FAR_MS / 1000) - 3600, policy: { tools: { deny: ['x'] } } })
    const [one, two] = [await holderOf(first, way), await holderOf(second, way)]
    expect(one).toMatchObject({ chain: [ID, expect.any(String) as string], names: ['Ann'], policies: ['{"access":"read"}'] })
    expect(two).toMatchObject({ names: ['Ann', ''], policies: ['{"access":"read"}', '{"tools":{"deny":["x"]}}'] })
    const [a, b] = [one as LinkHolder, two as LinkHolder]
    expect(b.chain.slice(0, 2)).toEqual(a.chain)
    expect(new Set([`client:${ID}`, `key:${ID}`, a.id, b.id]).size).toBe(4)
    expect(b.expiresAtMs).toBe(Math.floor(FAR_MS / 1000) * 1000 - 3_600_000)
    // The same words make another link.
    expect(((await holderOf(await narrow(root(), { name: 'Ann', policy: { access: 'read' } }), way)) as LinkHolder).id).not.toBe(a.id)
  })

  test('ends with its own end, and never after the one it was made of', async () => {
    verifies('promise.11.narrowed')
    expect(await holderOf(await narrow(root(), { exp: Math.floor(Date.now() / 1000) - 1 }), way)).toBe(over)
    const longer = (await holderOf(await narrow(root(), { exp: 9_999_999_999 }), way)) as LinkHolder
    expect(longer.expiresAtMs).toBeLessThanOrEqual(FAR_MS + 60_000)
  })

  test('cannot be widened: by leaving a caveat out, by another in its place, by its root without a secret, or by another spelling', async () => {
    verifies('promise.11.narrowed')
    const first = await narrow(root(), { policy: { access: 'read' } })
    const [head = '', caveat = '', tag = ''] = (await narrow(first, { policy: { tools: { allow: [] } } })).split('~')
    const open = encodeBase64Url(new TextEncoder().encode(`{"nonce":"${'A'.repeat(22)}"}`))
    for (const forged of [
      `${head}~${caveat}~${tag}`,
      `${head}~${open}~${tag}`,
      `${head}~${caveat}~${open}~${tag}`,
      head,
      `${head}~${tag}`,
      `${first}=`,
      `${first}~`,
      first.toUpperCase(),
    ])
      expect(await holderOf(forged, way)).toBe(wrong)
  })

  test('is good for its own share only', async () => {
    verifies('promise.11.narrowed')
    expect(await holderOf(await narrow(root()), way, other)).toBe(wrong)
  })

  test('of each character that is changed nothing is let in', async () => {
    verifies('promise.11.narrowed')
    const text = await narrow(root(), { name: 'x' })
    for (let at = 0; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`
      expect(await holderOf(changed, way)).toBe(wrong)
    }
  })
})

test('narrowCredential() refuses what is no link, and more caveats than a link may have', async () => {
  expect(await narrowCredential('mcpe_owner_x', {}, new Uint8Array(CAVEAT_NONCE_BYTES))).toMatchObject({ ok: false })
  let text = key
  for (let count = 0; count < MAX_CAVEATS; count++) text = await narrow(text)
  expect(await holderOf(text, 'key')).toMatchObject({ isInUrl: true })
  await expect(narrow(text)).rejects.toThrow(String(MAX_CAVEATS))
  await expect(narrow(key, { name: 'x'.repeat(101) })).rejects.toThrow(/name/)
  await expect(narrow(key, { policy: { tools: { allow: Array.from({ length: 100 }, (_, n) => `tool-number-${n}`) } } })).rejects.toThrow(
    /characters/,
  )
})
