import { expect, test } from 'vitest'
import { failedFrame, failureOf } from '../../../protocol/failed-frame.ts'

const CALL = { ch: 'c', key: '0'.repeat(32), ra: 'r' }

test('failedFrame() has the facts that a frame has a place for, and no other', () => {
  const facts = { code: 'CHILD_DIED', executed: 'no', exitCode: null, signal: 'SIGKILL', stderr: 'e', detail: 'd' } as const
  const failure = { ...facts, at: 'a', retryAfterMs: 1, supported: ['s'], requested: 'q', requiredCapabilities: {} }
  expect(failedFrame(CALL, failure)).toEqual({ type: 'failed', ...CALL, ...facts })
})

test('failedFrame() says that it is not known whether the call ran, unless it is', () => {
  expect(failedFrame(CALL, { code: 'AGENT_LOST' })).toEqual({ type: 'failed', ...CALL, code: 'AGENT_LOST', executed: 'unknown' })
})

test('failureOf() is what failedFrame() was made of, without what only the link needs', () => {
  const failure = { code: 'CHILD_DIED', executed: 'yes', exitCode: 3, stderr: 'e' } as const
  expect(failureOf(failedFrame(CALL, failure))).toEqual(failure)
})
