/**
 * Slows whoever tries wrong credentials, by address and share. Each isolate counts for itself, in memory: no object is asked and no row
 * written. A right credential is never counted, nor looked at here: nobody is locked out by what others try, from the same address either.
 */
import { MAX_TRYING_ADDRESSES, WRONG_TRIES, WRONG_TRY_MS } from '../trust-limits.ts'
import { Newest } from '../newest.ts'
import type { Refusal } from './authenticate.ts'

/** From where (`clientAddress`), and at which share; or what takes the place of one where there is none. */
export interface Trying {
  readonly address: string | undefined
  readonly share: string
}

/** When the last of the wrong tries is forgotten, in milliseconds since 1970. */
const forgottenAtMs = new Newest<number>(MAX_TRYING_ADDRESSES)

/**
 * Counts a wrong try. How long to wait until one more is looked at, in milliseconds; undefined while there were few. One that has to wait is not
 * counted, so that whoever goes on trying waits no longer for it.
 */
export function countTry({ address = '', share }: Trying, nowMs = Date.now()): number | undefined {
  const name = `${address} ${share}`
  const fromMs = Math.max(nowMs, forgottenAtMs.get(name) ?? 0)
  const waitMs = fromMs - nowMs - (WRONG_TRIES - 1) * WRONG_TRY_MS
  if (waitMs > 0) return waitMs
  forgottenAtMs.set(name, fromMs + WRONG_TRY_MS)
  return undefined
}

/** A refusal as its sender is told it: after too many wrong credentials to wait. An id that is no share's is counted apart from all shares. */
export function slowed(refusal: Refusal, { address, share }: Trying): Refusal {
  const waitMs = refusal.isWrong === true ? countTry({ address, share: refusal.code === 'SHARE_NOT_FOUND' ? '' : share }) : undefined
  return waitMs === undefined ? refusal : { code: 'TOO_MANY_TRIES', retryAfterMs: waitMs }
}

/** The credential that was counted was right. */
export function takeBackTry({ address = '', share }: Trying): void {
  const name = `${address} ${share}`
  const untilMs = forgottenAtMs.get(name)
  if (untilMs !== undefined) forgottenAtMs.set(name, untilMs - WRONG_TRY_MS)
}
