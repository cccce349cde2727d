/** Which shares' agents pass on what clients show for the server itself, as this isolate knows. The Share looks again before anything of it is sent. */
import type { PassingVerdict } from '../contract/passing.ts'
import { MAX_PASSING_SHARES, PASSING_MS } from '../trust-limits.ts'
import { Newest } from '../newest.ts'
import { isRetryable } from './reset-error.ts'
import type { ShareClient } from './share-client.ts'

/** Until when that holds, in milliseconds since 1970, by the name of the object. */
const known = new Newest<number>(MAX_PASSING_SHARES)

/** Only that they do is remembered: a share without such agents is asked each time, and what it refuses is counted as wrong. Rejects with PassRefused. */
export async function passingVerdict(share: ShareClient): Promise<PassingVerdict> {
  const untilMs = known.get(share.id)
  if (untilMs !== undefined && untilMs > Date.now()) return 'passes'
  const verdict = await asked(share).catch((error: unknown) => {
    if (!isRetryable(error)) throw error
    share.renew()
    return asked(share)
  })
  if (verdict === 'passes') known.set(share.id, Date.now() + PASSING_MS)
  return verdict
}

function asked(share: ShareClient): Promise<PassingVerdict> {
  return share.ask<PassingVerdict>((stub, pass) => stub.passing(pass))
}
