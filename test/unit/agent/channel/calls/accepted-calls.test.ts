import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AcceptedCalls } from '../../../../../agent/channel/calls/accepted-calls.ts'
import type { RunningCall } from '../../../../../agent/channel/calls/call-memory.ts'
import { RECEIPT_AFTER_MS } from '../../../../../agent/limits.ts'

function callOf(key: string, extra: Partial<RunningCall> = {}): RunningCall {
  return { key, ch: 'c', method: 'm', tag: `t-${key}`, sinceMs: 0, ra: 'ra', written: false, ...extra }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('AcceptedCalls receipts a call once, when it has run for RECEIPT_AFTER_MS, and none that ended before', () => {
  const receipted: string[] = []
  const calls = new AcceptedCalls((key) => receipted.push(key))
  calls.add(callOf('slow'))
  calls.add(callOf('quick'))
  vi.advanceTimersByTime(RECEIPT_AFTER_MS - 1)
  calls.delete('quick')
  expect(receipted).toEqual([])
  vi.advanceTimersByTime(10 * RECEIPT_AFTER_MS)
  expect(receipted).toEqual(['slow'])
  expect(vi.getTimerCount()).toBe(0)
})

test('AcceptedCalls tells calls that are waited for from listens', () => {
  const calls = new AcceptedCalls(() => {})
  expect([calls.isBusy, calls.hasListener]).toEqual([false, false])
  calls.add(callOf('listen', { method: 'subscriptions/listen' }))
  expect([calls.isBusy, calls.hasListener]).toEqual([false, true])
  calls.add(callOf('call'))
  expect([calls.isBusy, calls.hasListener]).toEqual([true, true])
  calls.delete('listen')
  calls.delete('call')
  expect([calls.isBusy, calls.hasListener]).toEqual([false, false])
})

test('AcceptedCalls.tagged() finds the newest call with a tag, also after an older one with it has ended', () => {
  const calls = new AcceptedCalls(() => {})
  const newer = callOf('b', { tag: 't' })
  calls.add(callOf('a', { tag: 't' }))
  calls.add(newer)
  calls.delete('a')
  expect(calls.tagged('t')).toBe(newer)
  calls.delete('b')
  expect(calls.tagged('t')).toBeUndefined()
})
