import { expect, test } from 'vitest'
import { apartInSession, apartPrincipal, isApart, linkOf, togetherPrincipal } from '../../../../../worker/contract/trust/principals.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const SESSION = 'abcdefghijklm.rest-of-it'

test('apartPrincipal() and apartInSession() name somebody else of the same link', () => {
  verifies('promise.http.pass-auth')
  for (const apart of [apartPrincipal('key:1', 'digest'), apartInSession('key:1', SESSION), apartInSession('derived:1', SESSION)]) {
    expect(isApart(apart)).toBe(true)
    expect([linkOf(apart), togetherPrincipal(apart)]).toEqual(['1', apart.slice(0, apart.indexOf('+'))])
  }
  expect(apartInSession('key:1', SESSION)).not.toContain('rest')
  expect(isApart('key:1')).toBe(false)
  expect(togetherPrincipal('key:1')).toBe('key:1')
})
