import { expect, test } from 'vitest'
import { CallMemory, type CallEnd, type RunningCall } from '../../../../../agent/channel/calls/call-memory.ts'
import { KEPT_ANSWER_BYTES } from '../../../../../agent/limits.ts'
import { ANSWER_KEEP_BYTES, ANSWER_KEEP_MS, CALL_KEY_MS, MAX_HELD_KEYS } from '../../../../../protocol/limits.ts'
import type { ErrorCode, Executed } from '../../../../../protocol/errors.ts'
import type { Failed } from '../../../../../protocol/frame.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { keyOf } from '../../scripted-relay.ts'

function callOf(label: number): RunningCall {
  return { key: keyOf(label), ch: 'c1', method: 'm', tag: `t${label}`, sinceMs: 0, ra: 'ra', written: true }
}

function answerOf(bytes: number): CallEnd {
  return { kind: 'answer', id: [0, 1], failed: false, body: new Uint8Array(bytes) }
}

test('CallMemory knows a call while it runs, then its answer, then only its key, then nothing', () => {
  verifies('promise.2.memory-bounds')
  const memory = new CallMemory()
  const call = callOf(1)
  memory.begin(call)
  memory.sweep(CALL_KEY_MS * 10)
  expect(memory.known(call.key)).toEqual({ kind: 'running', call })
  const answer = answerOf(3)
  memory.end(call.key, answer, 0)
  expect(memory.known(call.key)).toEqual({ kind: 'ended', outcome: answer })
  memory.sweep(ANSWER_KEEP_MS)
  expect(memory.known(call.key)).toEqual({ kind: 'ended', outcome: answer })
  memory.sweep(ANSWER_KEEP_MS + 1)
  expect(memory.known(call.key)).toEqual({ kind: 'ended', outcome: undefined })
  memory.sweep(CALL_KEY_MS)
  expect(memory.known(call.key)).toBeDefined()
  memory.sweep(CALL_KEY_MS + 1)
  expect(memory.known(call.key)).toBeUndefined()
})

test('CallMemory keeps a failure as long as its key: it says whether the call ran', () => {
  const memory = new CallMemory()
  const failure: CallEnd = { kind: 'failure', failure: { code: 'CHILD_DIED', executed: 'unknown' } }
  memory.end(keyOf(1), failure, 0)
  memory.sweep(CALL_KEY_MS)
  expect(memory.known(keyOf(1))).toEqual({ kind: 'ended', outcome: failure })
})

test('CallMemory forgets a call that never ran, so that it may be tried again, but not one that was cancelled', () => {
  const memory = new CallMemory()
  for (const [label, code] of (['CHANNEL_CLOSED', 'CANCELLED'] as const).entries()) {
    memory.begin(callOf(label))
    memory.end(keyOf(label), { kind: 'failure', failure: { code, executed: 'no' } }, 0)
  }
  expect(memory.known(keyOf(0))).toBeUndefined()
  expect(memory.known(keyOf(1))).toMatchObject({ kind: 'ended', outcome: { failure: { code: 'CANCELLED' } } })
})

test('CallMemory.isOutdated() tells a failure that was reported from how the call ended after it was made again', () => {
  const report = (code: ErrorCode, executed: Executed): Failed => ({ type: 'failed', ch: 'c0', key: keyOf(1), ra: 'ra', code, executed })
  const [unsent, died, forgotten] = [report('CHILD_DIED', 'no'), report('CHILD_DIED', 'unknown'), report('ALREADY_EXECUTED', 'yes')]
  const memory = new CallMemory()
  const seen = (): boolean[] => [unsent, died, forgotten].map((failed) => memory.isOutdated(failed))
  expect(seen()).toEqual([false, false, false])
  memory.begin(callOf(1))
  expect(seen()).toEqual([true, true, true])
  memory.end(keyOf(1), { kind: 'failure', failure: { code: 'CHILD_DIED', executed: 'unknown' } }, 0)
  expect(seen()).toEqual([true, false, false])
  memory.end(keyOf(1), answerOf(3), 0)
  expect(seen()).toEqual([true, true, false])
  memory.sweep(ANSWER_KEEP_MS + 1)
  expect(seen()).toEqual([true, false, false])
})

test('CallMemory lets the oldest answers go above its bytes, never their keys', () => {
  verifies('promise.2.memory-bounds')
  const memory = new CallMemory()
  for (let label = 0; label < 5; label++) memory.end(keyOf(label), answerOf(ANSWER_KEEP_BYTES / 4 - KEPT_ANSWER_BYTES), label)
  const kept = Array.from({ length: 5 }, (_, label) => memory.known(keyOf(label)))
  expect(kept.map((known) => known?.kind === 'ended' && known.outcome !== undefined)).toEqual([false, true, true, true, true])
  expect(memory.held(5)).toHaveLength(5)
})

test('CallMemory.held() gives the newest keys, those that run last', () => {
  const memory = new CallMemory()
  memory.begin(callOf(0))
  for (let label = 1; label <= MAX_HELD_KEYS + 10; label++) memory.end(keyOf(label), answerOf(0), 0)
  const held = memory.held(0)
  expect(held).toHaveLength(MAX_HELD_KEYS)
  expect(held.at(-1)).toBe(keyOf(0))
  expect(held.at(-2)).toBe(keyOf(MAX_HELD_KEYS + 10))
})

test('CallMemory.forget() makes a key as if it had never come', () => {
  const memory = new CallMemory()
  memory.begin(callOf(1))
  memory.beginPassing(keyOf(2))
  memory.forget(keyOf(1))
  memory.forget(keyOf(2))
  expect(memory.held(0)).toEqual([])
})

test('CallMemory tells a notification that waits from one that the child has taken', () => {
  const memory = new CallMemory()
  memory.beginPassing(keyOf(1))
  expect(memory.known(keyOf(1))).toEqual({ kind: 'passing' })
  memory.endPassing(keyOf(1), 0)
  expect(memory.known(keyOf(1))).toEqual({ kind: 'passed' })
})
