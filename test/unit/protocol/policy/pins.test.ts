import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  firstPins,
  MAX_PINNED_TEXT_CHARS,
  MAX_PINNED_SETS,
  MAX_PINS,
  NOTHING_PINNED,
  PIN_KINDS,
  type PinnedEntry,
  PinSet,
  readPins,
  unlistedSets,
  withAccepted,
  withServedSets,
} from '../../../../protocol/policy/pins.ts'
import { verifies } from '../../../requirements/verifies.ts'

function entry(kind: PinnedEntry['kind'], digest: string | undefined, text = '{}'): PinnedEntry {
  return { kind, digest, text }
}

function many(kind: PinnedEntry['kind'], count: number): PinnedEntry[] {
  return Array.from({ length: count }, (_, at) => entry(kind, `${kind}${at}`))
}

describe('PinSet', () => {
  test('accepts what is pinned of each kind, and nothing of one kind for another', () => {
    verifies('promise.11.pinned')
    const set = new PinSet({ tools: ['a'], prompts: ['b'] })
    expect([set.accepts('tools', 'a'), set.accepts('tools', 'b'), set.accepts('prompts', 'a')]).toEqual([true, false, false])
    expect(set.accepts('tools', undefined)).toBe(false)
  })

  test('holds nothing back of a kind that is not pinned, and of none before anything is', () => {
    verifies('promise.11.pinned-bounded')
    expect(new PinSet({ tools: [] }).accepts('resources', 'x')).toBe(true)
    const nothing = new PinSet(readPins(NOTHING_PINNED))
    expect([nothing.isEmpty, nothing.accepts('tools', undefined)]).toEqual([true, true])
    expect(new PinSet({ tools: [] }).isEmpty).toBe(false)
  })
})

test.each(['', 'null', '[]', '7', '{'])('readPins() of %j accepts nothing', (text) => {
  const set = new PinSet(readPins(text))
  expect(PIN_KINDS.filter((kind) => set.accepts(kind, 'x'))).toEqual([])
})

describe('firstPins()', () => {
  test('pins each entry once, of each kind, and leaves out what nobody can accept', () => {
    const pins = firstPins([entry('tools', 'a'), entry('tools', 'a'), entry('tools', undefined), entry('prompts', 'p')])
    expect(pins).toMatchObject({ tools: ['a'], prompts: ['p'], resources: [], ui: [], instructions: [], serverInfo: [] })
  })

  test('pins as much as there is room for, tools before resources, and holds the rest back', () => {
    verifies('promise.11.pinned-bounded')
    const pins = firstPins([...many('resources', MAX_PINS), ...many('tools', 1), ...many('prompts', 3)])
    expect([pins.resources?.length, pins.tools, pins.prompts?.length, pins.ui]).toEqual([MAX_PINS - 4, ['tools0'], 3, []])
    const set = new PinSet(firstPins(many('tools', MAX_PINS + 1)))
    expect([0, MAX_PINS - 1, MAX_PINS].map((at) => set.accepts('tools', `tools${at}`))).toEqual([true, true, false])
    expect([set.pins('resources'), set.accepts('resources', 'x')]).toEqual([true, false])
  })

  test('keeps the texts that stand in for changed ones, unless they are too long', () => {
    const text = `"${'x'.repeat(MAX_PINNED_TEXT_CHARS)}"`
    expect(firstPins([entry('instructions', 'i', '"Be kind."'), entry('serverInfo', 's', text)]).texts).toEqual({
      instructions: '"Be kind."',
    })
  })
})

describe('withAccepted()', () => {
  test('adds what is accepted in the place of what that replaces', () => {
    verifies('promise.11.accepted')
    const pins = withAccepted({ tools: ['a', 'b'], prompts: [] }, [entry('tools', 'c'), entry('prompts', 'p')], ['a'])
    expect(pins).toMatchObject({ tools: ['b', 'c'], prompts: ['p'] })
  })

  test('keeps what is replaced and accepted at once, and pins no kind that is not pinned', () => {
    expect(withAccepted({ tools: ['a'] }, [entry('tools', 'a'), entry('ui', 'u')], ['a'])).toEqual({ tools: ['a'], texts: {} })
  })

  test('is refused beyond MAX_PINS', () => {
    verifies('promise.11.pinned-bounded')
    const pins = firstPins(many('tools', MAX_PINS))
    expect(withAccepted(pins, [entry('prompts', 'p')], [])).toBeUndefined()
    expect(withAccepted(pins, [entry('prompts', 'p')], ['tools0'])?.prompts).toEqual(['p'])
  })

  test('whatever is accepted is so afterwards, and nothing else that was not before', () => {
    verifies('promise.11.accepted')
    const digests = fc.uniqueArray(fc.string(), { maxLength: 8 })
    fc.assert(
      fc.property(digests, digests, digests, (before, accepted, replaced) => {
        const pins = withAccepted(
          { tools: before },
          accepted.map((digest) => entry('tools', digest)),
          replaced,
        )
        const set = new PinSet(readPins(JSON.stringify(pins)))
        for (const digest of [...before, ...accepted, ...replaced, 'other'])
          expect(set.accepts('tools', digest)).toBe(accepted.includes(digest) || (before.includes(digest) && !replaced.includes(digest)))
      }),
    )
  })
})

test('withServedSets() accepts what agents of other names list first, and notes whose that was', () => {
  verifies('promise.serves.judged')
  const pins = { tools: ['a'] }
  expect(unlistedSets(pins, ['', 'git_*'])).toEqual(['git_*'])
  const after = withServedSets(pins, ['git_*'], [entry('tools', 'b')])
  expect(after).toMatchObject({ tools: ['a', 'b'], served: ['', 'git_*'] })
  expect(unlistedSets(after ?? {}, ['', 'git_*', 'fs_*'])).toEqual(['fs_*'])
  expect(withAccepted(after ?? {}, [entry('tools', 'c')], [])).toMatchObject({ served: ['', 'git_*'] })
  const most = Array.from({ length: MAX_PINNED_SETS }, (_, at) => `${at}`)
  expect(withServedSets(pins, most, [])).toBeUndefined()
})
