/** Web exchanges on a link that sends no marks back, as one that polls: what remains is the rate. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { LinkSocket } from '../../../../agent/link/link-socket.ts'
import { WebPacing } from '../../../../agent/link/web-pacing.ts'
import { WEB_PACE_CALLS_MS, WEB_RATE_BYTES_PER_MS } from '../../../../agent/web-limits.ts'
import { WEB_CHUNK_BYTES } from '../../../../protocol/web/web-limits.ts'
import { verifies } from '../../../requirements/verifies.ts'

const SOCKET: LinkSocket = {
  readyState: 1,
  bufferedAmount: 0,
  send: () => {},
  close: () => {},
  terminate: () => {},
  on: () => undefined,
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

test('WebPacing holds exchanges to the rate while calls go on beside them, and wakes them by itself', () => {
  verifies('promise.14.flow')
  let sent = 0
  const pump = (): void => {
    for (let count = 0; count < 1000 && pacing.hasRoom(); count++) pacing.send(WEB_CHUNK_BYTES, () => (sent += WEB_CHUNK_BYTES))
  }
  const pacing = new WebPacing(SOCKET, { flush: () => {}, resume: () => pump() })
  pump()
  expect(sent).toBe(1000 * WEB_CHUNK_BYTES)
  sent = 0
  pacing.called(performance.now())
  pump()
  vi.advanceTimersByTime(WEB_PACE_CALLS_MS / 2)
  const most = (WEB_PACE_CALLS_MS / 2) * WEB_RATE_BYTES_PER_MS
  expect(sent).toBeLessThanOrEqual(most + 2 * WEB_CHUNK_BYTES)
  expect(sent).toBeGreaterThan(0.9 * most)
  vi.advanceTimersByTime(WEB_PACE_CALLS_MS)
  pump()
  expect(sent).toBeGreaterThan(1000 * WEB_CHUNK_BYTES)
  pacing.stop()
})
