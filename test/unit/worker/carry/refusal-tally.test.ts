import { expect, test } from 'vitest'
import { keepUnlessTaken, takeRefusals, tallyRefusal } from '../../../../worker/carry/refusal-tally.ts'
import type { RefusedCalls } from '../../../../worker/contract/call-records.ts'
import type { CallOutcome } from '../../../../worker/contract/share-rpc.ts'
import { MAX_TALLIES_OF_ONE } from '../../../../worker/usage-limits.ts'

const what = { whose: 'a', principal: 'client:a', method: 'tools/call', tool: 't', outcome: 'NOT_OFFERED' }

/** A call that comes to this, and what it took along. */
async function taken(lane: string, outcome: CallOutcome | Error = { kind: 'again' }): Promise<readonly RefusedCalls[] | undefined> {
  const along = takeRefusals(lane)
  const called = outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome)
  if (along !== undefined) keepUnlessTaken(lane, along, called)
  await called.catch(() => undefined)
  return along?.refused
}

test('alike refusals are one with their number and the last time, and are taken along once, by the same object only', async () => {
  tallyRefusal('one', { ...what, count: 1, at: 5 })
  tallyRefusal('one', { ...what, count: 1, at: 3 })
  tallyRefusal('one', { ...what, tool: 'u', count: 1, at: 4 })
  expect(await taken('other')).toBeUndefined()
  expect(await taken('one')).toEqual([
    { ...what, count: 2, at: 5 },
    { ...what, tool: 'u', count: 1, at: 4 },
  ])
  expect(await taken('one')).toBeUndefined()
})

test.each([
  ['is not let in', { kind: 'failed', failure: { code: 'LINK_REVOKED' } }],
  ['has a token that was revoked', { kind: 'failed', failure: { code: 'UNAUTHORIZED' } }],
  ['finds no object', new Error('reset')],
] as const)('whoever %s takes nothing away', async (_, outcome) => {
  tallyRefusal('back', { ...what, count: 2, at: 5 })
  expect(await taken('back', outcome)).toHaveLength(1)
  expect(await taken('back')).toEqual([{ ...what, count: 2, at: 5 }])
})

test('of a link with too many different ones the rest is one that names the link only', async () => {
  for (let at = 0; at < MAX_TALLIES_OF_ONE + 10; at++) tallyRefusal('many', { ...what, tool: `t${at}`, count: 1, at })
  const refused = (await taken('many')) ?? []
  expect(refused).toHaveLength(MAX_TALLIES_OF_ONE + 1)
  expect(refused.at(-1)).toEqual({ whose: 'a', principal: '', method: '', outcome: 'NOT_OFFERED', count: 10, at: MAX_TALLIES_OF_ONE + 9 })
})
