/** Has a share's server listed and pinned: when an agent has connected, and until that has succeeded once by any Worker whose client comes. */
import { waitUntil } from 'cloudflare:workers'
import { takingSet } from '../../../protocol/served-names.ts'
import { firstPins, listedSets, NOTHING_PINNED, type Pins, PinSet, readPins, unlistedSets } from '../../../protocol/policy/pins.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { ListingTask, ServerEntry } from '../../contract/pinned-server.ts'
import { hashedName, log } from '../../log.ts'
import { Newest } from '../../newest.ts'
import { LISTING_RETRY_MS, MAX_KNOWN_LINKS } from '../../trust-limits.ts'
import { type ListingPeer, listingPeer } from './listing-peer.ts'
import { OfferedEntries } from './offered-entries.ts'
import { listServer } from './server-listing.ts'

/** By whom a server is asked in each era. Absent: by the share's agents. */
export type ListingPeers = (era: ListingTask['eras'][number]) => ListingPeer

/** When this isolate last looked whether a share's server is to be listed, in milliseconds since 1970. */
const looked = new Newest<number>(MAX_KNOWN_LINKS)

/** An agent is connecting: `share` is the lane that it connects to, by its own pass. Nobody waits for this. */
export function pinOnConnect(share: ShareClient): void {
  waitUntil(pinServer(share, true))
}

/** Some client has asked a share of which nothing is pinned, though its owner wants that. Nobody waits for this. */
export function pinIfDue(share: ShareClient, peers?: ListingPeers): void {
  if (share.grant?.pins?.text !== NOTHING_PINNED || (share.grant.upstream !== undefined && peers === undefined)) return
  const first = share.firstLane()
  const nowMs = Date.now()
  if (nowMs - (looked.get(first.id) ?? -Infinity) < LISTING_RETRY_MS) return
  looked.set(first.id, nowMs)
  waitUntil(pinServer(first, false, peers))
}

async function pinServer(share: ShareClient, awaitsAgent: boolean, peers?: ListingPeers): Promise<void> {
  try {
    const task = await share.pin({ op: 'begin', ...(awaitsAgent ? { awaitsAgent } : {}) })
    if (task !== undefined) await takeListing(share, task, peers)
  } catch (error) {
    // Not let in, or the object was reset: the next Worker does it.
    log('pins.unlisted', { error: error instanceof Error ? error.message : 'unknown' })
  }
}

/** Lists a server as its Share has said, and has it kept. `share`: the first lane. */
export async function takeListing(
  share: ShareClient,
  task: ListingTask,
  peers: ListingPeers = (era) => listingPeer(share, era),
): Promise<void> {
  const offered = new OfferedEntries()
  const asked = task.eras.map(peers)
  const listed = await Promise.all(asked.map((peer) => listServer(peer, offered)))
  for (const peer of asked) if (peer.end !== undefined) waitUntil(peer.end().catch(() => undefined))
  // Which eras an upstream has shows when it is asked.
  const isListed = task.isUpstream === true ? listed.includes(true) : !listed.includes(false)
  if (isListed) return keep(share, task, offered)
  log('pins.failed', { code: 'LISTING_FAILED', share: hashedName(share.id) })
  await share.pin({ op: 'failed', task })
}

/** Rows first: what is pinned without a row cannot be shown to its owner. */
async function keep(share: ShareClient, task: ListingTask, { all, cut }: OfferedEntries): Promise<void> {
  if (cut.length > 0) log('pins.cut', { code: 'LISTING_TOO_LARGE', share: hashedName(share.id), kinds: cut.join() })
  await share.pin({ op: 'listed', task, entries: all, cut })
  const text = share.grant?.pins?.text
  const entries = all.map((entry) => ({ ...entry, digest: entry.digest === '' ? undefined : entry.digest }))
  const { sets } = task
  if (text === NOTHING_PINNED) {
    const first = JSON.stringify({ ...firstPins(entries), ...(sets === undefined ? {} : { served: sets }) })
    return share.pinFirst({ first })
  }
  const firstOf = text === undefined || sets === undefined ? [] : firstListed(entries, readPins(text), sets)
  if (firstOf.length > 0) await share.pinFirst({ served: firstOf })
  const accepted = new Set(firstOf.flatMap((listed) => listed.entries.map(({ digest }) => digest)))
  if (text !== undefined) {
    const others = all.filter(({ digest }) => !accepted.has(digest))
    logHeld(share, new PinSet(readPins(text)), others)
  }
}

/**
 * What agents of these sets of names list for the first time, and may be trusted: no agent that was listed before, whether it is there or not, could
 * have had the name. So nobody takes by a closer pattern what was accepted of another, nor has accepted by a new one what was held back.
 */
function firstListed<E extends Pick<ServerEntry, 'kind' | 'name'>>(
  entries: readonly E[],
  pins: Pins,
  sets: readonly string[],
): { readonly set: string; readonly entries: readonly E[] }[] {
  const unlisted = unlistedSets(pins, sets)
  const isNew = (entry: E): boolean => setOf(entry, listedSets(pins)) === undefined
  return unlisted.map((set) => ({ set, entries: entries.filter((entry) => setOf(entry, sets) === set && isNew(entry)) }))
}

/** The set of names, of these, that an entry is of; undefined for one that is of none, as what a server says of itself. */
function setOf({ kind, name }: Pick<ServerEntry, 'kind' | 'name'>, sets: readonly string[]): string | undefined {
  if (kind === 'instructions' || kind === 'serverInfo') return undefined
  const named = kind === 'tools' || kind === 'prompts' ? ({ kind: 'name', text: name } as const) : ({ kind: 'uri', text: name } as const)
  return takingSet(named, sets)
}

/** So that whoever looks after the relay finds why a tool is missing. Its share is known by its hashed name, as in other lines. */
function logHeld(share: ShareClient, pins: PinSet, all: OfferedEntries['all']): void {
  const entries = all.filter(({ kind, digest }) => !pins.accepts(kind, digest === '' ? undefined : digest)).length
  if (entries > 0) log('pins.held', { share: hashedName(share.id), entries, accept: 'mcp-edge-agent tools accept <share> --all' })
}
