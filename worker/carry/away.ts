/** Decides how long a client's message waits for an agent that is away, and waits for news of agents. */
import type { Failure } from '../../protocol/errors.ts'
import { NEWS_WAIT_MS, RETRY_MS, TAKEOVER_WAIT_MS } from '../limits.ts'
import type { Away } from '../contract/share-rpc.ts'
import { pause } from '../within.ts'
import { isRetryable, type ShareClient } from './share-client.ts'

/** No agent took the message; clients may try again, which is why this is never a 4xx. */
export const AGENT_AWAY: Failure = { code: 'AGENT_AWAY', executed: 'no', retryAfterMs: 2000 }

/** For how much longer an agent is waited for that has been away for `waitedMs`, in milliseconds; 0 when it is not worth waiting. */
export function awayLeftMs(
  { isExpected, isReplaceable = false }: Away,
  waitedMs: number,
  { awayWaitMs }: Pick<ShareClient, 'awayWaitMs'>,
): number {
  if (!isExpected) return 0
  return Math.max(0, (isReplaceable ? Math.max(awayWaitMs, TAKEOVER_WAIT_MS) : awayWaitMs) - waitedMs)
}

/**
 * Waits until an agent has come, but no longer than `maxMs`. The Share is asked once for each NEWS_WAIT_MS, since a Worker may not
 * ask it as often as it likes. `isResend`: an agent may have had the message before. `isWanted`: whether anybody still waits for this.
 */
export async function agentNews(
  share: ShareClient,
  { newsMark }: Away,
  isResend: boolean,
  maxMs: number,
  isWanted = (): boolean => true,
): Promise<void> {
  if (newsMark === undefined) return pause(RETRY_MS)
  try {
    for (let leftMs = maxMs; leftMs > 0 && isWanted(); leftMs -= NEWS_WAIT_MS)
      if (await share.agentNews(newsMark, Math.min(leftMs, NEWS_WAIT_MS), isResend)) return
  } catch (error) {
    // A Share that was reset is asked again at once: what its agents are at, nobody knows now.
    if (!isRetryable(error)) return pause(RETRY_MS)
    share.renew()
  }
}
