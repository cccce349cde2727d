import { expect, test } from 'vitest'
import { CallIds } from '../../../../../agent/channel/calls/call-ids.ts'
import { ENDED_IDS } from '../../../../../agent/limits.ts'
import { verifies } from '../../../../requirements/verifies.ts'

function idsOf(...ids: readonly string[]): CallIds<string> {
  const calls = new CallIds<string>()
  for (const id of ids) calls.set(id, id)
  return calls
}

test.each([
  ['1', '1', '1'],
  ['1', '"1"', '1'],
  ['1', '"1.0"', '1'],
  ['"1"', '1', '"1"'],
  ['-7', '"-7"', '-7'],
  ['1', '"x"', '"x"'],
  ['1', '" 1"', '" 1"'],
  ['1', '2', '2'],
  ['1', 'null', 'null'],
])('CallIds.meant() with %s running takes %s for %s', (running, written, meant) => {
  verifies('promise.1.odd-servers')
  expect(idsOf(running).meant(written)).toBe(meant)
})

test('CallIds.meant() takes the same type first, and no other where the client has used both', () => {
  verifies('promise.1.ids-distinct')
  const calls = idsOf('1', '"1"')
  expect([calls.meant('1'), calls.meant('"1"')]).toEqual(['1', '"1"'])
  calls.delete('"1"')
  expect(calls.meant('"1"')).toBe('"1"')
})

test('CallIds.meant() takes an id of the other type of a client that uses both, where no call of that very id was there lately', () => {
  verifies('promise.1.odd-servers', 'promise.1.ids-distinct')
  const calls = idsOf('0', '"7"')
  expect(calls.meant('0')).toBe('0')
  calls.delete('0')
  expect(calls.meant('0')).toBe('0')
  expect(calls.meant('7')).toBe('"7"')
})

test('CallIds remembers ENDED_IDS ids that have ended, the latest', () => {
  const calls = idsOf('"0"')
  for (let id = 0; id <= ENDED_IDS; id++) {
    calls.set(String(id), '')
    calls.delete(String(id))
  }
  calls.set('"1"', '')
  expect(calls.meant('1')).toBe('1')
  expect(calls.meant('0')).toBe('"0"')
})

test('CallIds.has() holds two ids for one with a server that is known to change types', () => {
  const calls = idsOf('1')
  expect([calls.has('1'), calls.has('"1"')]).toEqual([true, false])
  calls.meant('"1"')
  expect(calls.changesTypes).toBe(true)
  expect([calls.has('"1"'), calls.has('"2"')]).toEqual([true, false])
})

test('CallIds.meant() takes a near miss for nothing once the server has written an id as it was', () => {
  verifies('promise.1.stray-answers')
  const calls = idsOf('1')
  expect(calls.meant('1')).toBe('1')
  calls.set('2', '2')
  expect(calls.meant('"2"')).toBe('"2"')
})
