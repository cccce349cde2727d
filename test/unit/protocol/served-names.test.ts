import { describe, expect, test } from 'vitest'
import {
  areServedPatterns,
  MAX_SERVED_CHARS,
  MAX_SERVED_PATTERN_CHARS,
  MAX_SERVED_PATTERNS,
  servedSet,
  servingSet,
} from '../../../protocol/served-names.ts'
import { verifies } from '../../requirements/verifies.ts'

const tool = (text: string) => ({ kind: 'name', text }) as const
const uri = (text: string) => ({ kind: 'uri', text }) as const

describe('servingSet()', () => {
  test.each([
    ['the set whose pattern fits', 'git_log', ['fs_*', 'git_*'], 'git_*'],
    ['the set whose pattern spells more of the name out', 'git_log', ['git_*', 'git_l*'], 'git_l*'],
    ['a whole name before any pattern', 'git_log', ['git_lo*', 'git_log'], 'git_log'],
    ['of patterns that spell out as much the set whose name comes first', 'a_b', ['a*', '*b'], '*b'],
    ['a set by any of its patterns', 'stat', ['fs_*,stat', 'git_*'], 'fs_*,stat'],
    ['none where no pattern fits', 'other', ['fs_*', 'git_*'], undefined],
    ['none by a pattern that differs in case', 'Git_log', ['git_*'], undefined],
    ['none for the set without patterns', 'other', [''], undefined],
  ])('finds %s', (_what, name, sets, found) => {
    verifies('promise.serves.routed')
    expect(servingSet(tool(name), sets)).toBe(found)
    expect(servingSet(tool(name), sets.toReversed())).toBe(found)
  })

  test('takes a URI by patterns alone that have a colon', () => {
    verifies('promise.serves.routed')
    expect(servingSet(uri('file:///home/a'), ['*', 'file:///home/*'])).toBe('file:///home/*')
    expect(servingSet(uri('file:///etc/a'), ['*', 'file:///home/*'])).toBeUndefined()
    expect(servingSet(tool('x:y'), ['x:*'])).toBe('x:*')
  })
})

test('servedSet() names the same patterns the same, and an agent without any by nothing', () => {
  verifies('promise.serves.joins')
  expect(servedSet(['b', 'a', 'b'])).toBe('a,b')
  expect(servedSet()).toBe('')
})

test.each([
  ['some short ones', ['git_*', 'read_file'], true],
  ['as many as there may be', Array.from({ length: MAX_SERVED_PATTERNS }, (_, at) => `${at}`), true],
  ['none', [], false],
  ['one more than there may be', Array.from({ length: MAX_SERVED_PATTERNS + 1 }, (_, at) => `${at}`), false],
  ['an empty one', [''], false],
  ['one with a space', ['a b'], false],
  ['one with a comma', ['a,b'], false],
  ['one that is too long', ['x'.repeat(MAX_SERVED_PATTERN_CHARS + 1)], false],
  ['too much in all', Array.from({ length: 6 }, (_, at) => `${at}`.repeat(MAX_SERVED_CHARS / 6)), false],
  ['what is no text', [1], false],
])('areServedPatterns() tells of %s', (_what, patterns, may) => {
  verifies('promise.10.named')
  expect(areServedPatterns(patterns)).toBe(may)
})
