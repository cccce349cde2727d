/** Decides how long a client's message waits for an agent that is away, and waits for news of agents. */
import type { Failure } from '../../protocol/errors.ts'
import { RETRY_MS, TAKEOVER_WAIT_MS } from '../limits.ts'
import type { Away } from '../contract/share-rpc.ts'
import { pause } from '../within.ts'
import { isRetryable, type ShareClient } from './share-client.ts'

/** No agent took the message; clients may try again, which is why this is never a 4xx. */
export const AGENT_AWAY: Failure = { code: 'AGENT_AWAY', executed: 'no', retryAfterMs: 2000 }

/** Whether an agent that has been away for `waitedMs` is waited for any longer. */
export function isWorthWaiting(
  { isExpected, isReplaceable = false }: Away,
  waitedMs: number,
  { awayWaitMs }: Pick<ShareClient, 'awayWaitMs'>,
): boolean {
  return isExpected && waitedMs < (isReplaceable ? Math.max(awayWaitMs, TAKEOVER_WAIT_MS) : awayWaitMs)
}

/** Waits until an agent has come, but no longer than RETRY_MS. `isResend`: an agent may have had it before. */
export async function agentNews(share: ShareClient, { newsMark }: Away, isResend: boolean): Promise<void> {
  if (newsMark === undefined) return pause(RETRY_MS)
  try {
    await share.agentNews(newsMark, RETRY_MS, isResend)
  } catch (error) {
    // A Share that was reset is asked again at once: what its agents are at, nobody knows now.
    if (!isRetryable(error)) return pause(RETRY_MS)
    share.renew()
  }
}
