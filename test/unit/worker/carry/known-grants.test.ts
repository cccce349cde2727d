import { expect, test } from 'vitest'
import { knownGrant, knownState, learnGrant } from '../../../../worker/carry/known-grants.ts'
import { judgeFor } from '../../../../worker/mcp/policy/bounds.ts'
import { MAX_KNOWN_LINKS, MAX_KNOWN_PINS_CHARS } from '../../../../worker/trust-limits.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { ScriptedShare } from '../scripted-share.ts'

/** What is accepted of a server with so many tools, in words of its own each time it is told. */
function told(tools: number, state = 'share.link') {
  const digests = Array.from({ length: tools }, (_, at) => `digest ${at}`.padEnd(43, '-'))
  return { state, policies: [], pins: JSON.stringify({ tools: digests }) }
}

test('learnGrant() keeps what is accepted of a server once, for all links of a share', () => {
  verifies('promise.10.memory')
  const first = learnGrant('s', 's link', told(2_000))
  for (let n = 0; n < MAX_KNOWN_LINKS; n++) learnGrant('s', `s ${n}`, told(2_000, `share.${n}`))
  for (let n = 0; n < MAX_KNOWN_LINKS; n++) expect(knownGrant(`s ${n}`)?.pins).toBe(first.pins)
  expect(first.pins?.set.accepts('tools', 'digest 7'.padEnd(43, '-'))).toBe(true)
})

test('learnGrant() tells versions and shares apart', () => {
  const before = learnGrant('apart', 'apart a', told(1, 'one.a'))
  const after = learnGrant('apart', 'apart b', told(2, 'two.b'))
  expect([knownGrant('apart a')?.pins, knownGrant('apart b')?.pins]).toEqual([before.pins, after.pins])
  expect(after.pins?.text).not.toBe(before.pins?.text)
  expect(learnGrant('other', 'other a', told(1, 'one.a')).pins).not.toBe(before.pins)
})

test('knownGrant() knows nothing of a link whose pins were forgotten for others, nor of one that was never told', () => {
  verifies('promise.10.memory')
  learnGrant('old', 'old link', told(1))
  const tools = 20_000
  for (let n = 0; n * tools * 43 <= MAX_KNOWN_PINS_CHARS; n++) learnGrant(`big ${n}`, `big ${n} link`, told(tools))
  expect([knownGrant('old link'), knownGrant('never')]).toEqual([undefined, undefined])
  expect(knownState('old link')).toBe('share.link')
  expect(knownGrant('big 1 link')?.pins).toBeDefined()
})

test('judgeFor() makes one set of what is accepted, whichever links of a share are judged, and one judge of the same', () => {
  const [ann, bob] = [new ScriptedShare({}, 'judged'), new ScriptedShare({}, 'judged', { chain: ['bob'] })]
  ann.client.learn(told(2_000, 'share.ann'))
  bob.client.learn(told(2_000, 'share.bob'))
  const judge = judgeFor(ann.client)
  expect(judgeFor(bob.client).pins).toBe(judge.pins)
  expect([judge.accepts('tools', 'digest 7'.padEnd(43, '-')), judge.accepts('tools', 'other')]).toEqual([true, false])
  expect(judgeFor(ann.client)).toBe(judge)
  bob.client.learn({ ...told(2_000, 'share.bob'), policies: ['{"access":"read"}'] })
  expect([judgeFor(bob.client) === judge, judgeFor(bob.client).pins]).toEqual([false, judge.pins])
})
