import { expect, test } from 'vitest'
import { MAX_ENDED_FOREIGN_CALLS, MAX_FOREIGN_CALLS } from '../../../../../../worker/foreign-limits.ts'
import { ForeignCalls, foreignId, keyOfForeignId } from '../../../../../../worker/share/agents/wires/foreign-calls.ts'

function callOf(at: number, principal?: string): Parameters<ForeignCalls['put']>[0] {
  const key = at.toString(16).padStart(32, '0')
  return { key, ch: 'shared.1', ra: `c${key}`, tag: `s n${at}`, sinceMs: at, ...(principal === undefined ? {} : { principal }) }
}

test('keyOfForeignId() reads back what foreignId() writes, however it is spelled, and no id of others', () => {
  const key = 'ab'.repeat(16)
  expect(keyOfForeignId(foreignId(key))).toBe(key)
  expect(keyOfForeignId(`"\\u006dcpe-${key}"`)).toBe(key)
  for (const id of ['1', '"1"', '"init-1"', '"health_check_1"']) expect(keyOfForeignId(id)).toBeUndefined()
})

test('ForeignCalls.note() has all calls that run over sleep, but for one whose id takes the room of others', () => {
  const calls = new ForeignCalls()
  const [one, two] = [callOf(1), { ...callOf(2), tag: 'x'.repeat(1000) }]
  calls.put(one)
  calls.put(two)
  const woken = new ForeignCalls(calls.note())
  expect(woken.all()).toEqual([one])
  expect(woken.tagged('s n1')).toEqual(one)
})

test('ForeignCalls.isFullFor() leaves half of all to other principals', () => {
  const calls = new ForeignCalls()
  for (let at = 0; at < MAX_FOREIGN_CALLS / 2; at++) calls.put(callOf(at, 'greedy'))
  expect(calls.isFullFor('greedy')).toBe(true)
  expect(calls.isFullFor('other')).toBe(false)
  for (let at = MAX_FOREIGN_CALLS / 2; at < MAX_FOREIGN_CALLS; at++) calls.put(callOf(at, `${at}`))
  expect(calls.isFullFor('other')).toBe(true)
})

test('ForeignCalls.end() remembers so many keys as there may be, the latest', () => {
  const calls = new ForeignCalls()
  const run = (at: number): unknown => {
    calls.put(callOf(at))
    return calls.end(callOf(at).key)
  }
  expect(calls.end(callOf(0).key)).toBeUndefined()
  expect(calls.hasEnded(callOf(0).key)).toBe(false)
  expect(run(0)).toEqual(callOf(0))
  for (let at = 1; at < MAX_ENDED_FOREIGN_CALLS; at++) run(at)
  expect(calls.hasEnded(callOf(0).key)).toBe(true)
  run(MAX_ENDED_FOREIGN_CALLS)
  expect(calls.hasEnded(callOf(0).key)).toBe(false)
  expect(calls.hasEnded(callOf(1).key)).toBe(true)
})
