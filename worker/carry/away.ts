/** Decides how long a client's message waits for an agent that is away, and waits for news of agents. */
import type { Failure } from '../../protocol/errors.ts'
import { LEFT_LOOK_MS, RETRY_MS, TAKEOVER_WAIT_MS } from '../limits.ts'
import type { Away } from '../contract/share-rpc.ts'
import { pause, within } from '../within.ts'
import { PassRefused } from './pass-refused.ts'
import { type ShareClient } from './share-client.ts'
import { isRetryable } from './reset-error.ts'

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

/** Who waits. `isResend`: an agent may have had its message before. */
interface WhoWaits {
  readonly principal: string
  readonly isResend: boolean
}

/**
 * Waits until an agent has come, but no longer than `maxMs`: by a socket, with which the Share may sleep. `isWanted`: whether anybody still
 * waits for this.
 */
export async function agentNews(
  share: ShareClient,
  { newsMark }: Away,
  who: WhoWaits,
  maxMs: number,
  isWanted = (): boolean => true,
): Promise<void> {
  if (newsMark === undefined) return pause(RETRY_MS)
  try {
    await newsBySocket(share, newsMark, who, maxMs, isWanted)
  } catch (error) {
    // The call that is made then is told why.
    if (error instanceof PassRefused) return
    // A Share that was reset is asked again at once: what its agents are at, nobody knows now.
    if (!isRetryable(error)) return pause(RETRY_MS)
    share.renew()
  }
}

/** The socket closes when there is news; so does one whose Share was reset. */
async function newsBySocket(
  share: ShareClient,
  mark: number,
  { principal, isResend }: WhoWaits,
  maxMs: number,
  isWanted: () => boolean,
): Promise<void> {
  const socket = await share.open({ kind: 'news', mark: String(mark), principal, ...(isResend ? { isResend: 'true' as const } : {}) })
  if (socket === undefined) return pause(RETRY_MS)
  const { promise, resolve } = Promise.withResolvers<true>()
  for (const event of ['close', 'error'] as const) socket.addEventListener(event, () => resolve(true))
  socket.accept()
  for (let leftMs = maxMs; leftMs > 0 && isWanted(); leftMs -= LEFT_LOOK_MS)
    if ((await within(Math.min(leftMs, LEFT_LOOK_MS), promise)) === true) return
  socket.close(1000)
}
