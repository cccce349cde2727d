/** Whether a wait is over after a time, by the fake timers of the test. */
import { vi } from 'vitest'

export async function isOverAfter(ms: number, wait: Promise<void>): Promise<boolean> {
  let isOver = false
  void wait.then(() => (isOver = true))
  await vi.advanceTimersByTimeAsync(ms)
  return isOver
}
