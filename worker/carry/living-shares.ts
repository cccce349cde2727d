/** The shares of an owner whose objects can be asked something, page by page, the newest first. */
import { MAX_ASKED_SHARES } from '../foreign-limits.ts'
import type { LanesOfShare } from '../contract/lane-key.ts'
import type { Env } from '../env.ts'

/** `after`: the last share of the page before. `next`: where the list goes on, if it does. At most MAX_ASKED_SHARES a page, of which those are left out that nobody is served by. */
export async function livingShares(
  env: Env,
  owner: string,
  after: string | undefined,
): Promise<{ readonly shares: readonly LanesOfShare[]; readonly next?: string }> {
  const registry = env.REGISTRY.getByName('registry')
  const before = after === undefined ? undefined : await registry.share(owner, after)
  const { records, isMore } = await registry.shares(owner, before)
  const page = records.slice(0, MAX_ASKED_SHARES)
  // To ask an object for the first time is to make it.
  const living = page.filter(({ isMade, isEnding, expiresAtMs }) => isMade && !isEnding && expiresAtMs > Date.now())
  const last = isMore || page.length < records.length ? page.at(-1)?.id : undefined
  return { shares: living.map(({ id, servers }) => ({ id, servers })), ...(last === undefined ? {} : { next: last }) }
}
