import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  LATE_CALL_MS,
  MAX_ANONYMOUS_WAITING_CALLS,
  MAX_RPC_WAIT_MS,
  MOVING_MS,
  MAX_WAITING_CALLS,
  MAX_WAITING_CALLS_OF_PRINCIPAL,
  TAKEOVER_WAIT_MS,
  TOLD_CALL_MS,
  TURNED_AWAY_MS,
} from '../../../../../worker/limits.ts'
import { type Waiter, Waiters } from '../../../../../worker/share/clients/waiters.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const FACTS = { group: 'g', agent: 'a', session: 's', principal: 'p', isInitialize: false, restarted: false, canStream: true }

function waiting(waiters: Waiters, key: string): Waiter {
  const waiter = waiters.get(key)
  if (waiter === undefined) throw new Error(`nothing waits under ${key}`)
  return waiter
}

describe('Waiters', () => {
  test('wait() resolves with the outcome that settle() gives, and forgets the call', async () => {
    const waiters = new Waiters(() => {})
    const outcome = waiters.wait('k', FACTS)
    waiters.settle(waiting(waiters, 'k'), { kind: 'accepted' })
    expect(await outcome).toEqual({ kind: 'accepted' })
    expect([waiters.size, waiters.get('k')]).toEqual([0, undefined])
  })

  test('wait() under the same key tells the first caller that the call has moved', async () => {
    const waiters = new Waiters(() => {})
    const first = waiters.wait('k', FACTS)
    const second = waiters.wait('k', FACTS)
    expect(await first).toEqual({ kind: 'moved' })
    waiters.settle(waiting(waiters, 'k'), { kind: 'accepted' })
    expect(await second).toEqual({ kind: 'accepted' })
  })

  test('moveToStream() hands over a waiting call once', async () => {
    const waiters = new Waiters(() => {})
    const outcome = waiters.wait('k', FACTS)
    expect(waiters.moveToStream('k')).toMatchObject({ key: 'k', ...FACTS })
    expect(await outcome).toEqual({ kind: 'moved' })
    expect(waiters.moveToStream('k')).toBeUndefined()
  })

  test('isBusy() counts calls of the group, and no listens', () => {
    const waiters = new Waiters(() => {})
    void waiters.wait('k', { ...FACTS, isListen: true })
    expect(waiters.isBusy('g')).toBe(false)
    void waiters.wait('l', FACTS)
    expect([waiters.isBusy('g'), waiters.isBusy('h')]).toEqual([true, false])
  })

  test.each(['again', 'repeat'] as const)('onItsWayMs() expects a call that was settled as %s for LATE_CALL_MS', (kind) => {
    const waiters = new Waiters(() => {})
    void waiters.wait('k', FACTS)
    const beforeMs = Date.now()
    waiters.settle(waiting(waiters, 'k'), { kind })
    expect(waiters.onItsWayMs('k', -Infinity, beforeMs)).toBeGreaterThanOrEqual(LATE_CALL_MS)
    expect(waiters.onItsWayMs('k', -Infinity, Date.now() + LATE_CALL_MS)).toBe(0)
  })

  test('onItsWayMs() expects a call that was turned away long ago for LATE_CALL_MS after the next news, until it has come', () => {
    const waiters = new Waiters(() => {})
    waiters.turnAway('k', 1000)
    expect(waiters.onItsWayMs('k', 0, 20_000)).toBe(0)
    expect(waiters.onItsWayMs('k', 20_000, 20_001)).toBe(LATE_CALL_MS - 1)
    waiters.turnAway('other', 1000 + TURNED_AWAY_MS)
    expect(waiters.onItsWayMs('k', 20_000, 20_001)).toBe(0)
    void waiters.wait('other', FACTS)
    expect(waiters.onItsWayMs('other', 20_000, 20_001)).toBe(0)
  })

  test('onItsWayMs() leaves a call alone that has found no agent since the news, for as long as one may be waited for', () => {
    const waiters = new Waiters(() => {})
    waiters.turnAway('k', 1000, 7)
    expect(waiters.onItsWayMs('k', 1000, 1000 + LATE_CALL_MS, 7)).toBe(TAKEOVER_WAIT_MS - LATE_CALL_MS)
    expect(waiters.onItsWayMs('k', 1000, 1000 + TAKEOVER_WAIT_MS, 7)).toBe(0)
  })

  test('onItsWayMs() expects a call that waits for an agent for TOLD_CALL_MS after the next news', () => {
    const waiters = new Waiters(() => {})
    waiters.turnAway('k', 1000, 7)
    expect(waiters.onItsWayMs('k', 20_000, 20_001, 8)).toBe(TOLD_CALL_MS - 1)
    expect(waiters.onItsWayMs('k', 20_000, 20_000 + TOLD_CALL_MS, 8)).toBe(0)
  })

  test('onItsWayMs() expects every call for LATE_CALL_MS after a reset, and none otherwise', () => {
    const waiters = new Waiters(() => {})
    expect(waiters.onItsWayMs('k', -Infinity, 1000)).toBe(0)
    waiters.noteReset(1000)
    expect(waiters.onItsWayMs('k', -Infinity, 1001)).toBe(LATE_CALL_MS - 1)
    expect(waiters.onItsWayMs('k', -Infinity, 1000 + LATE_CALL_MS)).toBe(0)
  })
})

test('Waiters.isFullFor() refuses who has half of all that may wait, and everybody once all do', () => {
  verifies('promise.10.own-first')
  const waiters = new Waiters(() => {})
  const add = (principal: string, count: number): void => {
    for (let n = 0; n < count; n++) void waiters.wait(`${principal}${n}`, { ...FACTS, principal })
  }
  add('greedy', MAX_WAITING_CALLS_OF_PRINCIPAL)
  add('modest', 1)
  expect([waiters.isFullFor('greedy'), waiters.isFullFor('modest')]).toEqual([true, false])
  add('other', MAX_WAITING_CALLS - MAX_WAITING_CALLS_OF_PRINCIPAL - 1)
  expect([waiters.isFullFor('modest'), waiters.isFullFor('new')]).toEqual([true, true])
  for (const waiter of waiters.where(() => true)) waiters.settle(waiter, { kind: 'accepted' })
})

test('Waiters.isFullFor() counts what waits by socket, anew before it refuses', () => {
  verifies('promise.10.own-first')
  const known = { greedy: MAX_WAITING_CALLS_OF_PRINCIPAL, lately: MAX_WAITING_CALLS_OF_PRINCIPAL, modest: 1 }
  const open = { ...known, lately: 1 }
  const waiters = new Waiters(
    () => {},
    (principal, exact) => (exact ? open : known)[principal as 'modest'],
  )
  expect(['greedy', 'lately', 'modest'].map((principal) => waiters.isFullFor(principal))).toEqual([true, false, false])
})

describe('Waiters that are overdue', () => {
  afterEach(() => void vi.useRealTimers())

  test('are told of in their order, each after MAX_RPC_WAIT_MS and again after MOVING_MS, until they end', () => {
    verifies('promise.6.no-rpc-for-ever')
    vi.useFakeTimers()
    const told: string[] = []
    const waiters = new Waiters(({ key }) => void told.push(key))
    void waiters.wait('a', FACTS)
    vi.advanceTimersByTime(1)
    void waiters.wait('b', FACTS)
    vi.advanceTimersByTime(MAX_RPC_WAIT_MS - 1)
    expect(told).toEqual(['a'])
    vi.advanceTimersByTime(1)
    expect(told).toEqual(['a', 'b'])
    waiters.settle(waiting(waiters, 'a'), { kind: 'accepted' })
    vi.advanceTimersByTime(2 * MOVING_MS)
    expect(told).toEqual(['a', 'b', 'b', 'b'])
  })

  test('leave no timer behind when the last has ended', () => {
    vi.useFakeTimers()
    const waiters = new Waiters(() => {})
    void waiters.wait('a', FACTS)
    void waiters.wait('b', FACTS)
    waiters.settle(waiting(waiters, 'a'), { kind: 'accepted' })
    expect(vi.getTimerCount()).toBe(1)
    waiters.moveToStream('b')
    expect(vi.getTimerCount()).toBe(0)
  })
})

test('Waiters count the calls of all that count as one together', () => {
  verifies('promise.10.root')
  const bySocket = MAX_WAITING_CALLS_OF_PRINCIPAL - 2
  const waiters = new Waiters(
    () => {},
    (root) => (root === 'client:root' ? bySocket : 0),
    (principal) => (principal.startsWith('derived:') ? 'client:root' : principal),
  )
  for (const principal of ['derived:1', 'client:other', 'client:other'])
    void waiters.wait(principal + String(waiters.size), { ...FACTS, principal })
  expect([waiters.isFullFor('derived:2'), waiters.isFullFor('client:other')]).toEqual([false, false])
  void waiters.wait('another', { ...FACTS, principal: 'derived:2' })
  expect([waiters.isFullFor('derived:3'), waiters.isFullFor('client:root'), waiters.isFullFor('client:other')]).toEqual([true, true, false])
  for (const waiter of waiters.where(() => true)) waiters.settle(waiter, { kind: 'accepted' })
})

test('Waiters.isFullFor() refuses whoever has no credential once so many of them wait, and nobody else', () => {
  verifies('promise.10.guests')
  const rootOf = (principal: string): string => (principal.startsWith('anonymous:') ? 'anonymous' : principal)
  const waiters = new Waiters(
    () => {},
    () => 0,
    rootOf,
  )
  for (let n = 0; n < MAX_ANONYMOUS_WAITING_CALLS; n++) {
    expect(waiters.isFullFor(`anonymous:${n}`)).toBe(false)
    void waiters.wait(String(n), { ...FACTS, principal: `anonymous:${n}` })
  }
  expect([waiters.isFullFor('anonymous:new'), waiters.isFullFor('client:1')]).toEqual([true, false])
  for (const waiter of waiters.where(() => true)) waiters.settle(waiter, { kind: 'accepted' })
})
