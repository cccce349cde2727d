import { expect, test } from 'vitest'
import { CountedRefusals } from '../../../../../worker/contract/trust/counted-refusals.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const refused = { principal: 'client:a', method: 'tools/call', outcome: 'NOT_OFFERED', count: 1, at: 1 }

test('CountedRefusals counts alike ones as one, by the last time, once', () => {
  const counted = new CountedRefusals({ most: 9, mostOfOne: 9 })
  for (const at of [3, 9, 5]) counted.add({ ...refused, whose: 'a', at })
  counted.add({ ...refused, whose: 'a', tool: 't', count: 4 })
  expect(counted.take()).toEqual([
    { ...refused, whose: 'a', count: 3, at: 9 },
    { ...refused, whose: 'a', tool: 't', count: 4 },
  ])
  expect(counted.take()).toEqual([])
})

test('CountedRefusals names what others do, however many different ones a stranger brings', () => {
  verifies('promise.10.audit-rings')
  const counted = new CountedRefusals({ most: 20, mostOfOne: 5 })
  for (let at = 0; at < 1000; at++) counted.add({ ...refused, whose: 'anonymous', principal: `anonymous:${at}`, tool: `t${at}` })
  counted.add({ ...refused, whose: 'b', principal: 'client:b', tool: 'evidence' })
  const taken = counted.take()
  expect(taken).toHaveLength(7)
  expect(taken).toContainEqual({ ...refused, whose: 'b', principal: 'client:b', tool: 'evidence' })
  expect(taken).toContainEqual({ ...refused, whose: 'anonymous', principal: '', method: '', count: 995 })
})

test('CountedRefusals is bounded, however many links there are and whatever they bring', () => {
  verifies('promise.10.audit-rings')
  const counted = new CountedRefusals({ most: 20, mostOfOne: 5 })
  for (let at = 0; at < 1000; at++) counted.add({ ...refused, whose: `l${at}`, tool: `t${at}` })
  const taken = counted.take()
  expect(taken.length).toBeLessThanOrEqual(41)
  expect(taken.reduce((sum, { count }) => sum + count, 0)).toBe(1000)
  expect(taken.at(-1)).toMatchObject({ whose: '', principal: '', outcome: 'NOT_OFFERED' })
})
