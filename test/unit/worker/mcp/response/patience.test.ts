import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Patience } from '../../../../../worker/mcp/response/patience.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('Patience ends a stream once it was quiet for the whole time', () => {
  const end = vi.fn(() => true)
  const patience = new Patience(1000, end)
  vi.advanceTimersByTime(999)
  patience.heard()
  vi.advanceTimersByTime(999)
  expect(end).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(end).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(5000)
  expect(end).toHaveBeenCalledTimes(1)
})

test('Patience begins anew when the stream cannot end yet', () => {
  let isReady = false
  const end = vi.fn(() => isReady)
  new Patience(1000, end)
  vi.advanceTimersByTime(2500)
  isReady = true
  vi.advanceTimersByTime(5000)
  expect(end).toHaveBeenCalledTimes(3)
})

test('Patience.stop() leaves no timer', () => {
  new Patience(1000, () => true).stop()
  expect(vi.getTimerCount()).toBe(0)
})
