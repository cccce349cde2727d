import { expect, test } from 'vitest'
import { narrowLink, type NarrowedLink } from '../../../../agent/owner/narrow.ts'
import { encodeBase32 } from '../../../../protocol/encoding/base32.ts'
import { type CaveatWords, readCaveat } from '../../../../protocol/narrowing/caveat.ts'
import { derivedIds, readNarrowed, tagBehind } from '../../../../protocol/narrowing/chain.ts'

const ID = '0102030405060708090a0b0c'
const PAYLOAD = new Uint8Array([...Buffer.from(ID, 'hex'), 0, 0, 0, 9])
const MAC = new Uint8Array(16).fill(7)
const URL_BEFORE = `https://relay.example/s/${'c'.repeat(32)}/k/`
const SHARE_URL = `${URL_BEFORE}${encodeBase32(new Uint8Array([...PAYLOAD, ...MAC]))}/mcp`
const SIGNATURE = new Uint8Array(32).fill(5)

function token(aud = 'mcp-edge/client'): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { aud, jti: ID, iss: 'https://relay.example', share: 'c'.repeat(32) }
  return `${part({ alg: 'HS256' })}.${part(claims)}.${Buffer.from(SIGNATURE).toString('base64url')}`
}

async function narrowed(link: string, words: CaveatWords): Promise<NarrowedLink> {
  const made = await narrowLink(link, words)
  if (!made.ok) throw new Error(made.error)
  return made.value
}

test.each([
  ['share URL', SHARE_URL, MAC, encodeBase32(PAYLOAD)],
  ['client token', token(), SIGNATURE, token().split('.').slice(0, 2).join('.')],
])('narrowLink() adds to a %s what only its holder can, and so on', async (_, link, secret, root) => {
  const once = await narrowed(link, { name: 'Bob', exp: 2_000_000_000, policy: { access: 'read' } })
  const twice = await narrowed(once.token ?? once.url, { policy: { tools: { deny: ['x'] } } })
  const credential = twice.token ?? twice.url.slice(URL_BEFORE.length, -'/mcp'.length)
  const parts = readNarrowed(credential)
  expect(parts?.root).toBe(root)
  const caveats = parts?.caveats ?? []
  expect(caveats.map(readCaveat)).toEqual([
    { ok: true, value: { name: 'Bob', expiresAtMs: 2_000_000_000_000, policyText: '{"access":"read"}' } },
    { ok: true, value: { policyText: '{"tools":{"deny":["x"]}}' } },
  ])
  expect(parts?.tag).toEqual(await tagBehind(secret, caveats))
  expect([once.id, twice.id]).toEqual(await derivedIds(ID, caveats))
  expect([once.parent, twice.parent]).toEqual([ID, once.id])
  // Nothing of the one that it was made of is in it.
  expect(credential).not.toContain(Buffer.from(secret).toString('base64url'))
})

test('narrowLink() keeps the address, and makes another link each time', async () => {
  const [one, two] = [await narrowed(SHARE_URL, { name: 'Bob' }), await narrowed(SHARE_URL, { name: 'Bob' })]
  expect(one.id).not.toBe(two.id)
  expect(one.url).toMatch(/^https:\/\/relay\.example\/s\/c{32}\/k\/[^/]+\/mcp$/)
  expect((await narrowed(SHARE_URL.replace(/mcp$/, 'sse'), { name: 'Bob' })).url).toMatch(/\/sse$/)
  expect(await narrowed(`Bearer ${token()}`, { name: 'Bob' })).toMatchObject({ url: `https://relay.example/s/${'c'.repeat(32)}/mcp` })
})

test.each([
  '',
  'x',
  token('mcp-edge/agent'),
  'mcpe_owner_x',
  token().slice(0, -1),
  SHARE_URL.slice(0, -8),
  `${URL_BEFORE}a~b~c/mcp`,
  `${token()}~x`,
])('narrowLink() says of %j that it is no whole link', async (link) => {
  expect(await narrowLink(link, { name: 'Bob' })).toMatchObject({
    ok: false,
    error: expect.stringMatching(/^This is no link of a share|^It cannot be narrowed: this is neither/) as string,
  })
})

test('narrowLink() ends after eight, and before a link gets too long', async () => {
  let link = SHARE_URL
  for (let depth = 0; depth < 8; depth += 1) link = (await narrowed(link, { name: `n${depth}` })).url
  expect(await narrowLink(link, { name: 'x' })).toMatchObject({ ok: false, error: expect.stringContaining('8 times') as string })
  const long = { policy: { tools: { deny: Array.from({ length: 20 }, () => 'n'.repeat(100)) } } }
  expect(await narrowLink(SHARE_URL, long)).toMatchObject({ ok: false, error: expect.stringContaining('2048 characters') as string })
  expect(await narrowLink(SHARE_URL, { policy: { acess: 'read' } })).toMatchObject({
    ok: false,
    error: expect.stringContaining('acess') as string,
  })
})
