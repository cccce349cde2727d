/** How long what a client sent is kept while no agent is there to take it. */
import { AWAY_WAIT_MS, TAKEOVER_WAIT_MS } from '../limits.ts'
import type { Away } from '../share/contract.ts'

/** Milliseconds, from when it was first found away. */
export function awayWaitMs({ isReplaceable = false }: Away): number {
  return isReplaceable ? Math.max(AWAY_WAIT_MS, TAKEOVER_WAIT_MS) : AWAY_WAIT_MS
}
