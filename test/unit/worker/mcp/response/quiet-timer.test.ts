import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { QuietTimer } from '../../../../../worker/mcp/response/quiet-timer.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('QuietTimer ends a stream once it was quiet for the whole time', () => {
  const end = vi.fn(() => true)
  const timer = new QuietTimer(1000, end)
  vi.advanceTimersByTime(999)
  timer.restart()
  vi.advanceTimersByTime(999)
  expect(end).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(end).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(5000)
  expect(end).toHaveBeenCalledTimes(1)
})

test('QuietTimer begins anew when the stream cannot end yet', () => {
  let isReady = false
  const end = vi.fn(() => isReady)
  new QuietTimer(1000, end)
  vi.advanceTimersByTime(2500)
  isReady = true
  vi.advanceTimersByTime(5000)
  expect(end).toHaveBeenCalledTimes(3)
})

test('QuietTimer.stop() leaves no timer', () => {
  new QuietTimer(1000, () => true).stop()
  expect(vi.getTimerCount()).toBe(0)
})
