import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readPolicy } from '../../../../protocol/policy/policy.ts'

test('readPolicy() of {} bounds nothing', () => {
  expect(readPolicy({})).toEqual({ ok: true, value: { access: 'admin', arguments: [], hold: [] } })
})

test('readPolicy() reads every member', () => {
  const policy = {
    access: 'read',
    tools: { allow: ['read_*'], deny: ['read_secret'] },
    prompts: { deny: ['*'] },
    resources: { allow: ['file:///docs/*'] },
    arguments: ['read_file(path^=/docs)'],
    hold: ['write_*'],
  }
  expect(readPolicy(policy)).toEqual({
    ok: true,
    value: {
      access: 'read',
      tools: { allow: ['read_*'], deny: ['read_secret'] },
      prompts: { deny: ['*'] },
      resources: { allow: ['file:///docs/*'], deny: [] },
      arguments: [{ tool: 'read_file', conditions: [{ name: 'path', op: '^=', value: '/docs' }] }],
      hold: ['write_*'],
    },
  })
})

test.each([
  [null, 'policy'],
  [[], 'policy'],
  [{ acess: 'read' }, 'acess'],
  [{ access: 'Read' }, 'access'],
  [{ access: null }, 'access'],
  [{ tools: [] }, 'tools'],
  [{ tools: { allowed: [] } }, 'allowed'],
  [{ tools: { allow: 'read_*' } }, 'tools.allow'],
  [{ prompts: { deny: [1] } }, 'prompts.deny'],
  [{ resources: { allow: [''] } }, 'resources.allow'],
  [{ tools: { allow: Array.from({ length: 101 }, () => 'a') } }, 'tools.allow'],
  [{ arguments: ['read_file'] }, 'arguments'],
  [{ arguments: {} }, 'arguments'],
  [{ hold: 'x' }, 'hold'],
])('readPolicy() refuses %j and names %s', (value, member) => {
  const read = readPolicy(value)
  expect(read).toMatchObject({ ok: false, error: expect.stringContaining(member) as string })
})

test('readPolicy() takes any JSON value without throwing', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      readPolicy(value)
    }),
  )
})
