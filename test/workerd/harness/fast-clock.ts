/** A clock that runs faster, for timers and the time of day alike, so that seconds of waiting are seen to end. The test restores the mocks. */
import { vi } from 'vitest'

export function runClockFaster(factor: number): void {
  const { setTimeout: set, setInterval: repeat } = globalThis
  const now = Date.now.bind(Date)
  const sinceMs = now()
  vi.spyOn(Date, 'now').mockImplementation(() => sinceMs + (now() - sinceMs) * factor)
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms = 0) => set(run, ms / factor)) as typeof setTimeout)
  vi.spyOn(globalThis, 'setInterval').mockImplementation(((run: () => void, ms = 0) => repeat(run, ms / factor)) as typeof setInterval)
}
