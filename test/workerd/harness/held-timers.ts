/** Holds timers of one length, so that a test sees what does not wait for them, or lets them end at once. The test restores the mocks. */
import { vi } from 'vitest'

/** From now on timers of this length end only when told to. They are ended where they were set, since I/O is bound to that. */
export function heldTimers(heldMs: number): { readonly count: number; end(): void } {
  const real = globalThis.setTimeout
  const held = { count: 0, hasEnded: false, end: () => void (held.hasEnded = true) }
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms: number) => {
    if (ms !== heldMs) return real(run, ms)
    held.count++
    const look = (): unknown => (held.hasEnded ? run() : real(look, 5))
    return real(look, 5)
  }) as typeof setTimeout)
  return held
}

/** From now on timers of these lengths end at once, until what is returned is called; those that are held are held. */
export function shortTimers(...lengthsMs: readonly number[]): () => void {
  const before = globalThis.setTimeout
  const held = vi.isMockFunction(before) ? before.getMockImplementation() : undefined
  const real = held ?? before
  const soon = (ms: number | undefined): number | undefined => (ms !== undefined && lengthsMs.includes(ms) ? 1 : ms)
  const mock = vi.spyOn(globalThis, 'setTimeout')
  mock.mockImplementation(((run: () => void, ms?: number) => real(run, soon(ms))) as typeof setTimeout)
  return () => void (held === undefined ? mock.mockRestore() : mock.mockImplementation(held))
}
