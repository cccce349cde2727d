import { expect, test } from 'vitest'
import { CUT_CLOSE, isVerdict, leafOf, passQuery, readPass, refusalOf } from '../../../../../worker/contract/trust/pass.ts'
import { STREAM_CLOSE } from '../../../../../worker/contract/streams.ts'
import type { Pass } from '../../../../../worker/contract/trust/trust-rpc.ts'

test.each<Pass>([
  { chain: ['a'] },
  { chain: ['a'], state: 's' },
  { chain: ['a', 'b', 'c'], state: '', names: ['x,y', ''], ends: [4e12, 0] },
])('readPass() gives back what passQuery() has written of %j', (pass) => {
  expect(readPass(new URLSearchParams({ kind: 'call', ...passQuery(pass) }))).toEqual(pass)
})

test.each(['', 'chain=', 'state=s', 'chain=,a'])('readPass() finds no pass in "%s"', (query) => {
  expect(readPass(new URLSearchParams(query))).toBeUndefined()
})

test('leafOf() is the last link of a chain', () => {
  expect([leafOf({ chain: ['a'] }), leafOf({ chain: ['a', 'b'] })]).toEqual(['a', 'b'])
})

test('refusalOf() knows the closes of refusals, which no other close has', () => {
  for (const [code, close] of Object.entries(CUT_CLOSE)) expect(refusalOf(close)).toBe(code)
  for (const close of [1000, 1006, ...Object.values(STREAM_CLOSE)]) expect(refusalOf(close)).toBeUndefined()
})

test('isVerdict() knows verdicts from what else an RPC comes to', () => {
  const code = 'LINK_REVOKED'
  const verdicts = [
    { kind: 'refused', code },
    { kind: 'stale_grant', facts: {} },
    { kind: 'cut', code },
  ]
  expect(verdicts.map(isVerdict)).toEqual([true, true, true])
  expect([undefined, null, true, { kind: 'stale' }, { key: 'k' }].map(isVerdict)).toEqual([false, false, false, false, false])
})
