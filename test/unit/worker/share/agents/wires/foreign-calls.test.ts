import { expect, test } from 'vitest'
import { MAX_ENDED_FOREIGN_CALLS, MAX_FOREIGN_CALLS, MAX_FOREIGN_NOTE_CHARS } from '../../../../../../worker/foreign-limits.ts'
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

test('ForeignCalls.note() has the oldest calls that run over sleep, as many as find room; what is forgotten is known by its key', () => {
  const calls = new ForeignCalls()
  const [long, one] = [{ ...callOf(0), tag: 'x'.repeat(MAX_FOREIGN_NOTE_CHARS) }, callOf(1)]
  calls.put(long)
  calls.put(one)
  for (let at = 2; at < 200; at++) calls.put(callOf(at))
  expect(calls.note().length).toBeLessThan(MAX_FOREIGN_NOTE_CHARS + 200)
  const woken = new ForeignCalls(calls.note())
  expect(woken.all().length).toBeGreaterThan(50)
  expect(woken.tagged('s n1')).toEqual(one)
  expect(woken.get(long.key)).toBeUndefined()
  expect(woken.forgotten(long.key, 'shared.1')).toMatchObject({ key: long.key, ra: `c${long.key}` })
  woken.end(one.key)
  expect(woken.forgotten(one.key, 'shared.1')).toBeUndefined()
  expect(woken.forgotten('nonsense', 'shared.1')).toBeUndefined()
  expect(calls.forgotten(callOf(999).key, 'shared.1')).toBeUndefined()
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
