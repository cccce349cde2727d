/** Has the owner told of what was held back from a client: once by each isolate for a while, since lists are asked for again and again. */
import { waitUntil } from 'cloudflare:workers'
import type { ShareClient } from '../../carry/share-client.ts'
import type { ServerEntry } from '../../contract/pinned-server.ts'
import { Newest } from '../../newest.ts'
import { MAX_TOLD_ENTRIES, TOLD_ENTRY_MS } from '../../trust-limits.ts'
import { forgetSessionTools } from '../policy/tool-facts.ts'
import { OfferedEntries } from './offered-entries.ts'
import { type ListingPeers, takeListing } from './pin-server.ts'

/** By share and digest: when it was told, in milliseconds since 1970. */
const told = new Newest<number>(MAX_TOLD_ENTRIES)

/** Nobody waits for this: what is not told now is told the next time. `peers`: of an upstream. */
export function noteHeld(share: Pick<ShareClient, 'firstLane'>, held: readonly ServerEntry[], peers?: ListingPeers): void {
  if (held.length === 0) return
  const nowMs = Date.now()
  const first = share.firstLane()
  const nameOf = ({ kind, digest }: ServerEntry): string => `${first.id} ${kind} ${digest}`
  const entries = held.filter((entry) => nowMs - (told.get(nameOf(entry)) ?? -Infinity) > TOLD_ENTRY_MS).slice(0, MAX_TOLD_ENTRIES)
  if (entries.length === 0) return
  for (const entry of entries) told.set(nameOf(entry), nowMs)
  const offered = new OfferedEntries()
  for (const entry of entries) offered.add(entry)
  waitUntil(tell(first, offered.all, peers).catch(() => undefined))
}

/** What is done about what was held back from a session: its owner is told, and what was known of its server's lists is forgotten. */
export function heldFrom(share: Pick<ShareClient, 'firstLane' | 'id'>, session: string): (held: readonly ServerEntry[]) => void {
  return (held) => {
    noteHeld(share, held)
    forgetSessionTools(share.id, session)
  }
}

/** The server is listed anew then, which tells whether it still offers what these have changed. */
async function tell(share: ShareClient, entries: readonly ServerEntry[], peers?: ListingPeers): Promise<void> {
  const task = await share.pin({ op: 'seen', entries })
  if (task !== undefined) await takeListing(share, task, peers)
}
