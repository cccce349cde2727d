/** How long what a client sent is kept while no agent is there to take it. */
import { TAKEOVER_WAIT_MS } from '../limits.ts'
import type { Away } from '../share/contract.ts'

/** Milliseconds, from when it was first found away. `settledMs` is what the deployer has settled on. */
export function awayWaitMs({ isReplaceable = false }: Away, settledMs: number): number {
  return isReplaceable ? Math.max(settledMs, TAKEOVER_WAIT_MS) : settledMs
}
