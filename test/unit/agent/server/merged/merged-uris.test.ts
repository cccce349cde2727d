import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MERGED_URIS } from '../../../../../agent/limits.ts'
import { MergedUris, namedUri, unnamedUri } from '../../../../../agent/server/merged/merged-uris.ts'
import { verifies } from '../../../../requirements/verifies.ts'

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

test('MergedUris shows no URI twice, and finds of each whose it is', () => {
  verifies('promise.merged.resources')
  const uri = fc.constantFrom('ui://x', 'ui://b__x', 'ui://b__b__x', 'x', 'b__x', 'mem:x', 'file:///x')
  const claim = fc.record({ server: fc.constantFrom('a', 'b', 'c'), uri })
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 30 }), (claims) => {
      const uris = new MergedUris()
      const shown = new Map(claims.map((own) => [JSON.stringify(own), { own, as: uris.resource(own.server, own.uri) }]))
      expect(new Set([...shown.values()].map(({ as }) => as)).size).toBe(shown.size)
      for (const { own, as } of shown.values()) {
        expect(uris.find(as, ['a', 'b', 'c'])).toEqual(own)
        expect(uris.known(own.server, own.uri)).toBe(as)
      }
    }),
  )
})

test('MergedUris finds what was named before the session, what a template means, and nothing else', () => {
  const uris = new MergedUris()
  expect(uris.template('a', 'mem://{id}/x')).toBe('mem://{id}/x')
  expect(uris.find('mem://7/x', ['a', 'b'])).toEqual({ server: 'a', uri: 'mem://7/x' })
  expect(uris.template('b', 'mem://{id}/x')).toBe('mem://b__{id}/x')
  expect(uris.find('mem://b__7/x', ['a', 'b'])).toEqual({ server: 'b', uri: 'mem://7/x' })
  expect(uris.find('ui://b__app', ['a', 'b'])).toEqual({ server: 'b', uri: 'ui://app' })
  expect(uris.find('ui://d__app', ['a', 'b'])).toBeUndefined()
  expect(uris.find('mem://{id}/x', ['a', 'b'])).toEqual({ server: 'a', uri: 'mem://{id}/x' })
})

test('MergedUris remembers so many, and forgets a server that is none any more', () => {
  const uris = new MergedUris()
  for (let n = 0; n <= MERGED_URIS; n++) uris.resource('a', `x:${n}`)
  expect(uris.find('x:0', [])).toBeUndefined()
  expect(uris.find(`x:${MERGED_URIS}`, [])).toBeDefined()
  uris.forget('a')
  expect(uris.find(`x:${MERGED_URIS}`, [])).toBeUndefined()
  expect(uris.resource('b', 'x:1')).toBe('x:1')
})
