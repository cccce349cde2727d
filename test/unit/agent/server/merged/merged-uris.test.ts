import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MERGED_URIS } from '../../../../../agent/limits.ts'
import { MergedUris } from '../../../../../agent/server/merged/merged-uris.ts'
import { PolicyJudge } from '../../../../../protocol/policy/judge.ts'
import { namedUri } from '../../../../../protocol/server-names.ts'
import { verifies } from '../../../../requirements/verifies.ts'

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
        expect(uris.find(as)).toEqual(own)
        expect(uris.known(own.server, own.uri)).toBe(as)
      }
    }),
  )
})

test('MergedUris finds what a template means, and nothing by a server’s name that it has not put there itself', () => {
  const uris = new MergedUris()
  expect(uris.template('a', 'mem://{id}/x')).toBe('mem://{id}/x')
  expect(uris.find('mem://7/x')).toEqual({ server: 'a', uri: 'mem://7/x' })
  expect(uris.template('b', 'mem://{id}/x')).toBe('mem://b__{id}/x')
  expect(uris.find('mem://b__7/x')).toEqual({ server: 'b', uri: 'mem://7/x' })
  for (const uri of ['ui://b__app', 'b__ui://app', 'mem://d__7/y']) expect(uris.find(uri)).toBeUndefined()
  expect(uris.resource('a', 'ui://app')).toBe('ui://app')
  expect(uris.find('ui://b__app')).toBeUndefined()
  expect(uris.resource('b', 'ui://app')).toBe('ui://b__app')
  expect(uris.find('ui://b__app')).toEqual({ server: 'b', uri: 'ui://app' })
  expect(uris.find('mem://{id}/x')).toEqual({ server: 'a', uri: 'mem://{id}/x' })
})

test('MergedUris remembers so many, and forgets a server that is none any more', () => {
  const uris = new MergedUris()
  for (let n = 0; n <= MERGED_URIS; n++) uris.resource('a', `x:${n}`)
  expect(uris.find('x:0')).toBeUndefined()
  expect(uris.find(`x:${MERGED_URIS}`)).toBeDefined()
  uris.forget('a')
  expect(uris.find(`x:${MERGED_URIS}`)).toBeUndefined()
  expect(uris.resource('b', 'x:1')).toBe('x:1')
})

test('MergedUris leads to no URI that a policy forbids, by none that the policy allows', () => {
  verifies('promise.merged.resources')
  const own = fc.constantFrom('file:///etc/passwd', 'file:///srv/x', 'ui://app', 'mem:x', 'x')
  const spelled = fc
    .tuple(own, fc.array(fc.tuple(fc.constantFrom('a', 'b', 'docs'), fc.boolean()), { maxLength: 4 }))
    .map(([uri, names]) => names.reduce<string>((text, [name, isFirst]) => (isFirst ? `${name}__${text}` : namedUri(name, text)), uri))
  const rule = fc.subarray(['file:///etc/*', 'ui://*', 'mem:x', 'x'])
  const claims = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'docs'), own, fc.boolean()), { maxLength: 12 })
  fc.assert(
    fc.property(rule, claims, spelled, (deny, named, uri) => {
      const judge = new PolicyJudge([{ access: 'admin', resources: { deny }, arguments: [], hold: [] }])
      const uris = new MergedUris()
      const shown = named.map(([server, text, isTemplate]) => {
        if (isTemplate) uris.template(server, `${text}{+more}`)
        return isTemplate ? namedUri(server, text) : uris.resource(server, text)
      })
      for (const asked of [uri, ...shown]) if (judge.resource(asked)) expect(judge.resource(uris.find(asked)?.uri ?? asked)).toBe(true)
    }),
  )
})
