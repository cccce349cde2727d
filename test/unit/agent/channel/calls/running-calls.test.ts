import { expect, test } from 'vitest'
import type { RunningCall } from '../../../../../agent/channel/calls/call-memory.ts'
import { CANCELLED_LINGER_MS } from '../../../../../agent/limits.ts'
import { RunningCalls } from '../../../../../agent/channel/calls/running-calls.ts'
import type { MessageFacts } from '../../../../../protocol/json/json-scan.ts'
import { verifies } from '../../../../requirements/verifies.ts'

function callOf(key: string): RunningCall {
  return { key, ch: 'c', method: 'm', tag: key, sinceMs: 0, ra: `ra-${key}`, written: true }
}

function listenOf(key: string): RunningCall {
  return { ...callOf(key), method: 'subscriptions/listen' }
}

function note(extra: Partial<MessageFacts> = {}): MessageFacts {
  return { kind: 'notification', method: 'notifications/message', ...extra }
}

function raw(text: string): { span: [number, number]; raw: string } {
  return { span: [0, text.length], raw: text }
}

test('RunningCalls.assignId() counts from 1 and reuses no id that runs or was cancelled', () => {
  const running = new RunningCalls('assign')
  expect([1, 2, 3].map(() => running.assignId())).toEqual(['1', '2', '3'])
  running.start(callOf('a'), '4', undefined, 0)
  running.start(callOf('b'), '5', undefined, 0)
  running.cancel('b', 0)
  expect(running.assignId()).toBe('6')
})

test('RunningCalls.start() refuses an id that runs, and takes it again once answered', () => {
  const running = new RunningCalls('keep')
  expect(running.start(callOf('a'), '1', undefined, 0)).toBe(true)
  expect(running.start(callOf('b'), '1', undefined, 0)).toBe(false)
  expect(running.answered('1')?.key).toBe('a')
  expect(running.answered('1')).toBeUndefined()
  expect(running.start(callOf('b'), '1', undefined, 0)).toBe(true)
})

test('RunningCalls.start() refuses the id of a cancelled call until it is answered or a minute has gone', () => {
  const running = new RunningCalls('keep')
  running.start(callOf('a'), '1', undefined, 0)
  running.cancel('a', 0)
  expect(running.start(callOf('b'), '1', undefined, 1)).toBe(false)
  expect(running.answered('1')).toBeUndefined()
  expect(running.start(callOf('b'), '1', undefined, 2)).toBe(true)
  running.cancel('b', 2)
  expect(running.start(callOf('c'), '1', undefined, 2 + CANCELLED_LINGER_MS)).toBe(true)
})

test('RunningCalls.address() finds the call of a progress token, and nobody for an unknown one', () => {
  const running = new RunningCalls('keep')
  running.start(callOf('a'), '1', '"t"', 0)
  running.start(callOf('b'), '2', '7', 0)
  expect(running.address(note({ progressToken: raw('7.0') }), 0)).toEqual({ ra: 'ra-b', sure: true })
  expect(running.address(note({ progressToken: raw('"t"') }), 0)).toEqual({ ra: 'ra-a', sure: true })
  expect(running.address(note({ progressToken: raw('"7"') }), 0)).toBeUndefined()
  running.answered('1')
  expect(running.address(note({ progressToken: raw('"t"') }), 0)).toBeUndefined()
})

test('RunningCalls.address() finds the call of a subscription id', () => {
  verifies('stdio.modern.by-subscription')
  const running = new RunningCalls('assign')
  running.start(callOf('a'), '1', undefined, 0)
  running.start(callOf('b'), '2', undefined, 0)
  expect(running.address(note({ subscriptionId: raw('1') }), 0)).toEqual({ ra: 'ra-a', sure: true })
})

test.each(['keep', 'assign'] as const)('RunningCalls.address() on a %s channel is sure of the only call, and of none else', (ids) => {
  verifies('promise.1.asks-certain')
  const running = new RunningCalls(ids)
  expect(running.address(note(), 0)).toEqual({})
  running.start(callOf('a'), '1', undefined, 0)
  expect(running.address(note(), 0)).toEqual({ ra: 'ra-a', sure: true })
  running.start(callOf('b'), '2', undefined, 0)
  expect(running.address(note(), 0)).toEqual(ids === 'keep' ? { ra: 'ra-b' } : {})
  running.cancel('a', 0)
  expect(running.address(note(), 1)).toEqual(ids === 'keep' ? { ra: 'ra-b' } : {})
  expect(running.address(note(), CANCELLED_LINGER_MS)).toEqual({ ra: 'ra-b', sure: true })
})

test('RunningCalls.address() is sure of the call on whose stream a message came, and guesses where that runs no more', () => {
  verifies('promise.http.asks')
  const running = new RunningCalls('keep')
  running.start(callOf('a'), '1', undefined, 0)
  running.start(callOf('b'), '2', undefined, 0)
  expect(running.address(note(), 0, '1')).toEqual({ ra: 'ra-a', sure: true })
  running.answered('1')
  expect(running.address(note(), 0, '1')).toEqual({ ra: 'ra-b', sure: true })
})

test('RunningCalls.notTaken() takes back that calls were written', () => {
  verifies('promise.http.session-lost')
  const running = new RunningCalls('keep')
  const [taken, refused] = [callOf('a'), callOf('b')]
  running.start(taken, '1', undefined, 0)
  running.start(refused, '"x"', undefined, 0)
  running.notTaken(['"x"', '7'])
  expect([taken.written, refused.written]).toEqual([true, false])
})

test('RunningCalls.address() finds nobody for a subscription id that no running call has', () => {
  const running = new RunningCalls('keep')
  running.start(callOf('a'), '1', undefined, 0)
  expect(running.address(note({ subscriptionId: raw('2') }), 0)).toBeUndefined()
  expect(running.address(note({ subscriptionId: raw('"1"') }), 0)).toBeUndefined()
})

test.each(['keep', 'assign'] as const)('RunningCalls.address() on a %s channel leaves calls that listen out of the account', (ids) => {
  const running = new RunningCalls(ids)
  running.start(listenOf('l'), '1', undefined, 0)
  expect(running.address(note(), 0)).toEqual({})
  running.start(callOf('a'), '2', undefined, 0)
  running.start(listenOf('k'), '3', undefined, 0)
  expect(running.address(note(), 0)).toEqual({ ra: 'ra-a', sure: true })
  running.cancel('l', 0)
  expect(running.address(note(), 0)).toEqual({ ra: 'ra-a', sure: true })
  expect(running.address(note({ subscriptionId: raw('1') }), 0)).toBeUndefined()
  expect(running.address(note({ subscriptionId: raw('3') }), 0)).toEqual({ ra: 'ra-k', sure: true })
  running.start(callOf('b'), '4', undefined, 0)
  running.start(listenOf('m'), '5', undefined, 0)
  expect(running.address(note(), 0)).toEqual(ids === 'keep' ? { ra: 'ra-b' } : {})
})

test('RunningCalls keeps a token for the newest of two calls that have it', () => {
  const running = new RunningCalls('keep')
  running.start(callOf('a'), '1', '5', 0)
  running.start(callOf('b'), '2', '5', 0)
  running.answered('1')
  expect(running.address(note({ progressToken: raw('5') }), 0)).toEqual({ ra: 'ra-b', sure: true })
})
