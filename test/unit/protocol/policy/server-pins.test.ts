import { describe, expect, test } from 'vitest'
import { MAX_PINS, MAX_PINS_BYTES, NOTHING_PINNED, readPins } from '../../../../protocol/policy/pins.ts'
import { pinsOf, withFirstPins, withoutServerPins, withServerPins } from '../../../../protocol/policy/server-pins.ts'
import { verifies } from '../../../requirements/verifies.ts'

const OWN = '{"tools":["a"],"texts":{}}'

/** As long as digests are. */
function many(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `d${n}`.padEnd(43, '_'))
}

/** Servers that leave room for some ten thousand bytes. */
function crowded(): string {
  const texts = { instructions: JSON.stringify('ü'.repeat(8000)), serverInfo: '{}' }
  const all = Array.from({ length: 11 }, (_, n) => n).reduce(
    (text, n) => withServerPins(text, `s${n}`, { tools: many(MAX_PINS), texts }) ?? '',
    '{}',
  )
  const left = MAX_PINS_BYTES - Buffer.byteLength(all) - 20_000
  return withServerPins(all, 'last', { tools: many(Math.floor(left / 46)) }) ?? ''
}

describe('pinsOf()', () => {
  test('is the whole text for the server without a name, while no other has any', () => {
    expect(pinsOf(OWN, undefined)).toBe(OWN)
    expect(pinsOf(NOTHING_PINNED, undefined)).toBe(NOTHING_PINNED)
  })

  test('is each server’s own part, and nothing of a server that was never listed', () => {
    const text = withServerPins(OWN, 'git', { tools: ['b'] }) ?? ''
    expect(JSON.parse(pinsOf(text, undefined))).toEqual({ tools: ['a'], texts: {} })
    expect(JSON.parse(pinsOf(text, 'git'))).toEqual({ tools: ['b'] })
    for (const name of ['files', 'constructor']) expect(pinsOf(text, name)).toBe(NOTHING_PINNED)
  })

  test('of the server without a name stays the same text, whatever is pinned of others', () => {
    const text = withServerPins(OWN, 'git', { tools: ['b'] }) ?? ''
    expect(pinsOf(withServerPins(text, 'files', { prompts: ['c'] }) ?? '', undefined)).toBe(pinsOf(text, undefined))
  })

  test.each(['', 'null', '[]', '7', '{', '{"servers":7}', '{"servers":{"git":7}}'])(
    'of %j accepts nothing of a server with a name',
    (text) => {
      expect(readPins(pinsOf(text, 'git')).tools).toEqual([])
    },
  )
})

describe('withServerPins()', () => {
  test('keeps what others have', () => {
    const text = withServerPins(withServerPins('{}', 'git', { tools: ['b'] }) ?? '', undefined, { tools: ['a'] }) ?? ''
    expect(JSON.parse(text)).toEqual({ tools: ['a'], servers: { git: { tools: ['b'] } } })
  })

  test('takes as many as may be pinned of each server, whatever others have', () => {
    verifies('promise.11.pinned-bounded')
    const text = withServerPins('{}', 'git', { tools: many(MAX_PINS) }) ?? ''
    expect(withServerPins(text, 'files', { tools: many(MAX_PINS) })).toBeDefined()
    expect(withServerPins(text, 'files', { tools: many(MAX_PINS), prompts: many(1) })).toBeUndefined()
  })

  test('takes no more than fits the row of their share', () => {
    verifies('promise.11.pinned-bounded')
    const text = crowded()
    expect(withServerPins(text, 'files', { tools: many(MAX_PINS) })).toBeUndefined()
    expect(withServerPins(text, 'files', { tools: many(1) })).toBeDefined()
  })
})

describe('withFirstPins()', () => {
  test('pins what there is room for of the server, and nothing of the rest', () => {
    const first = { tools: many(MAX_PINS - 3), prompts: many(2), resources: many(2) }
    const text = withServerPins('{}', 'git', { tools: many(MAX_PINS) }) ?? ''
    const own = readPins(pinsOf(withFirstPins(text, 'files', first), 'files'))
    expect([own.tools?.length, own.prompts?.length, own.resources?.length]).toEqual([MAX_PINS - 3, 2, 1])
  })

  test('leaves all of one server of another, which has as many as there may be', () => {
    verifies('promise.11.pinned-bounded')
    const greedy = withFirstPins('{}', 'greedy', { tools: many(MAX_PINS + 5) })
    const both = withFirstPins(greedy, 'good', { tools: many(2) })
    expect(readPins(pinsOf(both, 'greedy')).tools).toHaveLength(MAX_PINS)
    expect(readPins(pinsOf(both, 'good')).tools).toEqual(many(2))
  })

  test('pins what fits the row of the share, tools first and texts if there is room for them, and keeps that it was listed', () => {
    const first = { tools: many(MAX_PINS), prompts: many(1), texts: { instructions: JSON.stringify('x'.repeat(8000)) } }
    const text = withFirstPins(crowded(), 'files', first)
    const own = readPins(pinsOf(text, 'files'))
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_PINS_BYTES)
    expect(Buffer.byteLength(text)).toBeGreaterThan(MAX_PINS_BYTES - 100)
    expect([own.tools?.length, own.prompts, own.texts]).toEqual([expect.any(Number), [], first.texts])
    expect(own.tools?.length).toBeGreaterThan(0)
    const full = readPins(pinsOf(withFirstPins(text, 'late', first), 'late'))
    expect(full).toEqual({ tools: [], prompts: [], texts: {} })
  })
})

test('withoutServerPins() takes out one server, and leaves the rest as it was', () => {
  const both = withServerPins(withServerPins(OWN, 'git', { tools: ['b'] }) ?? '', 'files', {}) ?? ''
  expect(JSON.parse(withoutServerPins(both, 'git'))).toEqual({ ...JSON.parse(OWN), servers: { files: {} } })
  expect(withoutServerPins(withoutServerPins(both, 'git'), 'files')).toBe(OWN)
  expect(withoutServerPins(OWN, 'git')).toBe(OWN)
})
