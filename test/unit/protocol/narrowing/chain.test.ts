import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  derivedIds,
  isNarrowed,
  MAX_CAVEATS,
  MAX_NARROWED_CHARS,
  readNarrowed,
  tagBehind,
  writeNarrowed,
} from '../../../../protocol/narrowing/chain.ts'

const bytes = (length: { readonly minLength: number; readonly maxLength: number }): fc.Arbitrary<Uint8Array<ArrayBuffer>> =>
  fc.uint8Array(length).map((array) => new Uint8Array(array))
const secret = bytes({ minLength: 12, maxLength: 32 })
const caveat = bytes({ minLength: 1, maxLength: 40 })
const caveats = fc.array(caveat, { minLength: 1, maxLength: MAX_CAVEATS })

test('readNarrowed() gives back the parts that writeNarrowed() was given', async () => {
  await fc.assert(
    fc.asyncProperty(secret, caveats, async (root, chain) => {
      const parts = { root: 'head.payload', caveats: chain, tag: await tagBehind(root, chain) }
      expect(readNarrowed(writeNarrowed(parts))).toEqual(parts)
      expect(isNarrowed(writeNarrowed(parts))).toBe(true)
    }),
  )
})

test('tagBehind() of a chain goes on from the tag of its beginning', async () => {
  await fc.assert(
    fc.asyncProperty(secret, caveats, caveats, async (root, first, then) => {
      expect(await tagBehind(await tagBehind(root, first), then)).toEqual(await tagBehind(root, [...first, ...then]))
    }),
  )
})

test('tagBehind() differs as soon as a caveat is left out, changed, moved or made under another secret', async () => {
  await fc.assert(
    fc.asyncProperty(secret, secret, caveats, fc.nat(), caveat, async (root, other, chain, at, another) => {
      const tag = Buffer.from(await tagBehind(root, chain)).toString('hex')
      const index = at % chain.length
      const variants = [chain.toSpliced(index, 1), chain.with(index, another), chain.toReversed()]
      for (const variant of variants)
        if (JSON.stringify(variant) !== JSON.stringify(chain))
          expect(Buffer.from(await tagBehind(root, variant)).toString('hex')).not.toBe(tag)
      if (Buffer.compare(root, other) !== 0) expect(Buffer.from(await tagBehind(other, chain)).toString('hex')).not.toBe(tag)
    }),
  )
})

test.each([
  ['no caveat', 'root~' + 'A'.repeat(43)],
  ['no root', '~AAAA~' + 'A'.repeat(43)],
  ['a short tag', 'root~AAAA~AAAA'],
  ['a padded caveat', 'root~AAA=~' + 'A'.repeat(43)],
  ['spare bits in a caveat', 'root~AB~' + 'A'.repeat(43)],
  ['spare bits in the tag', 'root~AAAA~' + 'A'.repeat(42) + 'B'],
  ['a separator too many', 'root~AAAA~' + 'A'.repeat(43) + '~'],
  ['too many caveats', 'root~' + 'AAAA~'.repeat(MAX_CAVEATS + 1) + 'A'.repeat(43)],
  ['too many characters', 'root~' + 'AAAA'.repeat(MAX_NARROWED_CHARS / 4) + '~' + 'A'.repeat(43)],
  ['nothing narrowed', 'root'],
])('readNarrowed() refuses a text with %s', (_name, text) => {
  expect(readNarrowed(text)).toBeUndefined()
})

test('derivedIds() name each link of the chain, the same for the same beginning, and no other', async () => {
  const [one, two] = [Uint8Array.of(1), Uint8Array.of(2)]
  const [first, second] = await derivedIds('root', [one, two])
  expect(first).toMatch(/^[0-9a-f]{24}$/)
  expect(await derivedIds('root', [one])).toEqual([first])
  expect(await derivedIds('root', [two, one])).not.toContain(second)
  expect(await derivedIds('other', [one])).not.toContain(first)
})
