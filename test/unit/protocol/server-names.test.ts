import { expect, test } from 'vitest'
import { isServerName, prefixedName } from '../../../protocol/server-names.ts'

test.each(['git', 'a', '0', '7-zip', '-', 'constructor', 'a'.repeat(20)])('isServerName() takes %j', (name) => {
  expect(isServerName(name)).toBe(true)
})

test.each([
  '',
  'Git',
  'a_b',
  'a.b',
  'a b',
  'ä',
  'a'.repeat(21),
  'a\n',
  'k',
  'mcp',
  'sse',
  'messages',
  'http',
  'authorize',
  'register',
  'token',
  'reverse-proxy',
])('isServerName() takes no %j', (name) => {
  expect(isServerName(name)).toBe(false)
})

test('prefixedName() is the own name of what has no server with a name, and begins with that name else', () => {
  expect([prefixedName(undefined, 'status'), prefixedName('git', 'status')]).toEqual(['status', 'git__status'])
})
