import { expect, test } from 'vitest'
import { CallLog } from '../../../../../agent/channel/calls/call-log.ts'
import type { RunningCall } from '../../../../../agent/channel/calls/call-memory.ts'
import { LOGGED_CALLS, LOGGED_CALLS_MS } from '../../../../../agent/limits.ts'
import type { LogFields } from '../../../../../agent/log.ts'
import { SILENT_LOG } from '../../silent-log.ts'

const CALL: RunningCall = { key: 'k', ch: 'c', method: 'tools/call', tag: 't', sinceMs: 100, ra: 'r', written: true }

test('CallLog has a line for each call with method, time and outcome, and only counts those of a storm', () => {
  const lines: (readonly [string, LogFields | undefined])[] = []
  let nowMs = 123.4
  const calls = new CallLog({ ...SILENT_LOG, info: (event, fields) => void lines.push([event, fields]) }, () => nowMs)
  calls.ended(CALL, 'ok')
  expect(lines).toEqual([['call', { ch: 'c', method: 'tools/call', ms: 23, outcome: 'ok' }]])
  for (let count = 1; count < LOGGED_CALLS + 5; count++) calls.ended(CALL, 'error')
  expect(lines).toHaveLength(LOGGED_CALLS)
  nowMs += LOGGED_CALLS_MS
  calls.ended(CALL, 'CANCELLED')
  expect(lines.slice(LOGGED_CALLS)).toMatchObject([
    ['calls', { unlogged: 5 }],
    ['call', { outcome: 'CANCELLED' }],
  ])
})
