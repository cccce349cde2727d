import { describe, expect, test } from 'vitest'
import { MAX_PINS, NOTHING_PINNED, readPins } from '../../../../protocol/policy/pins.ts'
import { pinsOf, withFirstPins, withoutServerPins, withServerPins } from '../../../../protocol/policy/server-pins.ts'

const OWN = '{"tools":["a"],"texts":{}}'

function many(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `d${n}`)
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

  test('takes as many as may be pinned of all servers together', () => {
    const text = withServerPins('{}', 'git', { tools: many(MAX_PINS - 1) }) ?? ''
    expect(withServerPins(text, 'files', { tools: many(1) })).toBeDefined()
    expect(withServerPins(text, 'files', { tools: many(1), prompts: many(1) })).toBeUndefined()
    expect(withServerPins(text, 'git', { tools: many(MAX_PINS) })).toBeDefined()
  })
})

test('withFirstPins() pins what there is room for, and nothing of the rest', () => {
  const text = withServerPins('{}', 'git', { tools: many(MAX_PINS - 3) }) ?? ''
  const own = readPins(pinsOf(withFirstPins(text, 'files', { tools: many(2), prompts: many(2), resources: many(2) }), 'files'))
  expect([own.tools?.length, own.prompts?.length, own.resources?.length]).toEqual([2, 1, 0])
})

test('withoutServerPins() takes out one server, and leaves the rest as it was', () => {
  const both = withServerPins(withServerPins(OWN, 'git', { tools: ['b'] }) ?? '', 'files', {}) ?? ''
  expect(JSON.parse(withoutServerPins(both, 'git'))).toEqual({ ...JSON.parse(OWN), servers: { files: {} } })
  expect(withoutServerPins(withoutServerPins(both, 'git'), 'files')).toBe(OWN)
  expect(withoutServerPins(OWN, 'git')).toBe(OWN)
})
