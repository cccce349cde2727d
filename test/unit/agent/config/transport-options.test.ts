import { expect, test } from 'vitest'
import { readTransport } from '../../../../agent/config/transport-options.ts'
import { verifies } from '../../../requirements/verifies.ts'

test('readTransport() takes what the user says, and has a default for the rest', () => {
  verifies('link.poll.options')
  expect(readTransport({})).toEqual({ kind: 'auto', pollTimeoutMs: 30_000, pollRetryMs: 1000, webSocketRetryMs: 300_000 })
  expect(readTransport({ transport: 'poll', pollTimeout: '5', pollRetryDelay: '5s', websocketRetry: '1h' })).toEqual({
    kind: 'poll',
    pollTimeoutMs: 5000,
    pollRetryMs: 5000,
    webSocketRetryMs: 3_600_000,
  })
})

test.each([
  [{ transport: 'sse' }, '--transport sse must be one of: auto, websocket, poll.'],
  [{ pollTimeout: '31s' }, '--poll-timeout 31s must be at most 30s'],
  [{ pollTimeout: '500ms' }, '--poll-timeout 500ms must be a time'],
  [{ pollRetryDelay: '11s' }, '--poll-retry-delay 11s must be at most 10s'],
  [{ websocketRetry: '0' }, '--websocket-retry 0 must be a time'],
])('readTransport() refuses %j and names the option', (raw, message) => {
  verifies('link.poll.options')
  expect(() => readTransport(raw)).toThrow(message)
})
