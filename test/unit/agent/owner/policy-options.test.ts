import { describe, expect, test } from 'vitest'
import { inShort, inWords, policyOf } from '../../../../agent/owner/policy-options.ts'

describe('policyOf()', () => {
  test('is what the options spell, and nothing where they spell nothing', () => {
    expect(policyOf({})).toBeUndefined()
    expect(policyOf({ readOnly: true })).toEqual({ access: 'read' })
    expect(policyOf({ access: 'admin', allow: ['a*'], deny: ['b'], argument: ['c(p^=/d)'], hold: ['d*'] })).toEqual({
      access: 'admin',
      tools: { allow: ['a*'], deny: ['b'] },
      arguments: ['c(p^=/d)'],
      hold: ['d*'],
    })
  })

  test('puts each option in the place of what it names, and keeps the rest of what holds', () => {
    const before = { access: 'read', tools: { allow: ['a'], deny: ['b'] }, prompts: { deny: ['*'] }, arguments: ['c(p=1)'] }
    expect(policyOf({ deny: ['x'] }, before)).toEqual({ ...before, tools: { allow: ['a'], deny: ['x'] } })
    expect(policyOf({ access: 'write' }, before)).toEqual({ ...before, access: 'write' })
    expect(policyOf({}, before)).toBeUndefined()
  })

  test('takes a whole policy as JSON in place of what holds', () => {
    expect(policyOf({ policy: '{"resources":{"deny":["file:*"]}}' }, { access: 'read' })).toEqual({ resources: { deny: ['file:*'] } })
  })

  test.each([
    [{ readOnly: true, access: 'admin' } as const, /--read-only is --access read/],
    [{ policy: '{}', deny: ['a'] }, /--policy is the whole policy/],
    [{ policy: 'read' }, /--policy is no JSON/],
    [{ policy: '[]' }, /^policy must be an object\.$/],
    [{ policy: '{"acess":"read"}' }, /"acess"/],
    [{ argument: ['nonsense'] }, /^arguments: .*\.$/],
    [{ allow: [''] }, /^tools\.allow must be/],
  ])('refuses %j in one line', (options, message) => {
    expect(() => policyOf(options)).toThrow(expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) as string }))
  })
})

test('inWords() and inShort() say what a policy allows', () => {
  const policy = {
    access: 'read',
    tools: { allow: ['read_*', 'list'], deny: ['read_media'] },
    prompts: { allow: [] },
    arguments: ['read_file(path^=/docs)', 'list(path=/)'],
  }
  expect(inWords(policy)).toBe(
    'only read; only tools read_*, list; no tools read_media; only prompts (none); arguments read_file(path^=/docs) or list(path=/)',
  )
  expect(inShort(policy)).toBe('read, limited')
  expect(inShort({ access: 'write' })).toBe('write')
  expect(inWords({})).toBe('do everything')
  expect(inWords({ access: 'some newer word' })).toBe('what a newer program than this one can tell')
})
