import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { StreamLag } from '../../../../worker/carry/stream-lag.ts'
import { LISTENER_LAG_MS } from '../../../../worker/limits.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('StreamLag', () => {
  test('is told of once what was sent when others began to wait is not taken in time', () => {
    const onLag = vi.fn()
    const lag = new StreamLag(onLag)
    lag.received(10)
    lag.watch()
    lag.taken(9)
    vi.advanceTimersByTime(LISTENER_LAG_MS - 1)
    lag.watch()
    expect(onLag).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(onLag).toHaveBeenCalledOnce()
  })

  test('does not mind what was sent later, and looks again when others wait again', () => {
    const onLag = vi.fn()
    const lag = new StreamLag(onLag)
    lag.received(10)
    lag.watch()
    lag.received(10)
    lag.taken(10)
    vi.advanceTimersByTime(LISTENER_LAG_MS)
    expect(onLag).not.toHaveBeenCalled()
    lag.watch()
    vi.advanceTimersByTime(LISTENER_LAG_MS)
    expect(onLag).toHaveBeenCalledOnce()
  })

  test('holds no timer while nothing is due, and none once its stream has ended', () => {
    const lag = new StreamLag(() => undefined)
    lag.watch()
    expect(vi.getTimerCount()).toBe(0)
    lag.received(1)
    lag.watch()
    expect(vi.getTimerCount()).toBe(1)
    lag.stop()
    expect(vi.getTimerCount()).toBe(0)
  })
})
