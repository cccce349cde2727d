/** When a share ends, as the registry said a moment ago: whoever opens its consent page has shown nothing, so that it must not cost a request to the registry each. */
import type { Env } from '../env.ts'
import { Newest } from '../newest.ts'
import { MAX_KNOWN_LINKS } from '../trust-limits.ts'
import { pause } from '../within.ts'
import { END_ASKS, END_ASKS_MS, END_LOOK_MS, END_WAIT_MS, KNOWN_END_MS } from './limits.ts'

/** Times are milliseconds since 1970. `endsAtMs`: undefined where there is no such share. */
interface KnownEnd {
  readonly endsAtMs: number | undefined
  readonly untilMs: number
}

const known = new Newest<KnownEnd>(MAX_KNOWN_LINKS)
/** How often the registry was asked for a share lately, and since when that is counted. A request that was asked for may end before it is answered, so none is waited for. */
const asked = new Newest<{ readonly count: number; readonly sinceMs: number }>(MAX_KNOWN_LINKS)

/** Undefined when so many ask that nothing is known in END_WAIT_MS. Rejects when the registry cannot be asked. */
export async function knownEnd(env: Env, share: string): Promise<Pick<KnownEnd, 'endsAtMs'> | undefined> {
  for (const startMs = Date.now(); ; await pause(END_LOOK_MS)) {
    const nowMs = Date.now()
    const before = known.get(share)
    if (before !== undefined && before.untilMs > nowMs) return before
    if (mayAsk(share, nowMs)) break
    if (nowMs - startMs >= END_WAIT_MS) return undefined
  }
  const trust = await env.REGISTRY.getByName('registry').shareTrust(share)
  const told = { endsAtMs: trust?.expiresAtMs, untilMs: Date.now() + KNOWN_END_MS }
  known.set(share, told)
  return told
}

function mayAsk(share: string, nowMs: number): boolean {
  const before = asked.get(share)
  const isOld = before === undefined || nowMs - before.sinceMs >= END_ASKS_MS
  if (!isOld && before.count >= END_ASKS) return false
  asked.set(share, isOld ? { count: 1, sinceMs: nowMs } : { count: before.count + 1, sinceMs: before.sinceMs })
  return true
}
