import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isServerName, namedUri, prefixedName, unnamedUri, uriReadings } from '../../../protocol/server-names.ts'
import { verifies } from '../../requirements/verifies.ts'

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

test('namedUri() puts the server where what names the thing begins, and unnamedUri() takes it out again', () => {
  verifies('promise.merged.resources')
  const shown = ['ui://app/main.html', 'file:///a/b', 'mem:x', 'x', 'ui://{app}/y', ''].map((uri) => namedUri('b', uri))
  expect(shown).toEqual(['ui://b__app/main.html', 'file://b__/a/b', 'mem:b__x', 'b__x', 'ui://b__{app}/y', 'b__'])
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-c:/_{}+]{0,8}$/)), (uri) => {
      expect(unnamedUri('b', namedUri('b', uri))).toBe(uri)
    }),
  )
  expect(unnamedUri('c', 'ui://b__app')).toBeUndefined()
})

test('uriReadings() has each URI that a server could be asked for, wherever names of servers stand, and bounds how many', () => {
  verifies('promise.merged.resources')
  expect(uriReadings('file:///x')).toEqual(['file:///x'])
  expect(uriReadings('a__file://b__/x')).toEqual(['a__file://b__/x', 'file://b__/x', 'file:///x'])
  expect(uriReadings('file:7-zip__///x')).toEqual(['file:7-zip__///x', 'file:///x'])
  expect(uriReadings('mem:my_own__x')).toEqual(['mem:my_own__x'])
  expect([uriReadings(`${'a__'.repeat(15)}x`)?.length, uriReadings(`${'a__'.repeat(16)}x`)]).toEqual([16, undefined])
})
