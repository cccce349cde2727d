/** Bounds how many server processes run at a time, for all lanes of the share together, and decides whose makes room for another. */
import { type Open, RELAY_OWNER } from '../../protocol/frame.ts'
import { ANONYMOUS } from '../../protocol/handshake.ts'
import { LONG_IDLE_MS, MAX_RELAY_CHILDREN } from '../limits.ts'
import type { Log } from '../log.ts'
import type { Channel } from './channel.ts'

/** The channels of one lane, and the log that names the lane. */
interface LaneChannels {
  readonly channels: () => Iterable<Channel>
  readonly log: Log
}

/** A channel whose child runs, and the log of its lane. */
interface Live {
  readonly channel: Channel
  readonly log: Log
}

/** Processes without a channel, kept for the next tries of clients that gave up on their start. */
interface KeptStarts {
  readonly size: number
  readonly endingCount: number
  has(owner: string | undefined): boolean
  /** Ends one; false when there is none. */
  drop(): boolean
}

const NONE_KEPT: KeptStarts = { size: 0, endingCount: 0, has: () => false, drop: () => false }

export class ChildLimit {
  readonly maxChildren: number
  readonly #kept: KeptStarts
  readonly #lanes: LaneChannels[] = []

  constructor(maxChildren: number, kept: KeptStarts = NONE_KEPT) {
    this.maxChildren = maxChildren
    this.#kept = kept
  }

  add(lane: LaneChannels): void {
    this.#lanes.push(lane)
  }

  /** Whether a child may run that nobody has asked for. */
  get hasRoom(): boolean {
    const running = this.#lanes.flatMap(({ channels }) => [...channels()].filter((channel) => channel.endedMs === undefined))
    return running.length + this.#kept.size < this.maxChildren
  }

  /** Whether one more child may run now. Ends an idle one if need be, see `#victimFor`. */
  admit({ owner, root = owner }: Pick<Open, 'owner' | 'root'>, nowMs: number): boolean {
    const every = this.#lanes.flatMap(({ channels, log }) => [...channels()].map((channel) => ({ channel, log })))
    // The relay's own run for a moment, beside those of clients: they neither take a client's place nor wait for one.
    const all = every.filter(({ channel }) => channel.owner !== RELAY_OWNER)
    if (owner === RELAY_OWNER) return countRunning(every) - countRunning(all) < MAX_RELAY_CHILDREN
    const live = all.filter(({ channel }) => channel.isLive)
    const endingCount = all.filter(({ channel }) => !channel.isLive && channel.endedMs === undefined).length + this.#kept.endingCount
    const liveCount = live.length + this.#kept.size
    if (root === ANONYMOUS && !this.#hasRoomForGuests(live, nowMs)) return false
    if (liveCount < this.maxChildren) return liveCount + endingCount < 2 * this.maxChildren
    // Its channel takes it over, or it ends.
    if (this.#kept.has(owner)) return true
    // Those that end still take up memory; a storm of sessions must not start more than they leave.
    if (endingCount >= this.maxChildren) return false
    if (this.#kept.drop()) return true
    const victim = this.#victimFor(root, live, nowMs)
    if (victim === undefined) return false
    evict(victim)
    return true
  }

  /** Clients without a credential have half of all children at most, busy ones too: the other half is for those with one. */
  #hasRoomForGuests(live: readonly Live[], nowMs: number): boolean {
    const theirs = live.filter(({ channel }) => channel.root === ANONYMOUS)
    if (theirs.length < Math.max(1, Math.floor(this.maxChildren / 2))) return true
    const victim = this.#victimFor(ANONYMOUS, theirs, nowMs)
    if (victim !== undefined) evict(victim)
    return victim !== undefined
  }

  /**
   * The idle child that makes room: of whoever has more than an equal share, the one who asks first, then who has most. Nobody
   * else loses one that was used within LONG_IDLE_MS. All that comes from one link of the owner's is one here, however often it was
   * narrowed. Children that nobody owns, and those of a relay that names no owners, go by age alone.
   */
  #victimFor(root: string | undefined, live: readonly Live[], nowMs: number): Live | undefined {
    const counts = new Map<string | undefined, number>([[root, 0]])
    for (const { channel } of live) counts.set(channel.root, (counts.get(channel.root) ?? 0) + 1)
    const share = Math.max(1, Math.floor(this.maxChildren / counts.size))
    const countOf = ({ channel }: Live): number => counts.get(channel.root) ?? 0
    const idle = live.filter(({ channel }) => channel.idleSinceMs !== undefined).toSorted(byIdleness)
    const own = idle.find(({ channel }) => channel.root === root)
    if (own !== undefined && countOf(own) >= share) return own
    const greedy = idle.filter((one) => countOf(one) > share)
    const most = Math.max(...greedy.map(countOf))
    const long = idle.find(({ channel }) => nowMs - (channel.idleSinceMs ?? nowMs) >= LONG_IDLE_MS)
    return greedy.find((one) => countOf(one) === most) ?? own ?? long
  }
}

function evict({ channel, log }: Live): void {
  log.info('channel.evict', { ch: channel.ch, meaning: 'idle longest of those that must make room, and --max-children is reached' })
  void channel.stop('idle')
}

function countRunning(channels: readonly Live[]): number {
  return channels.filter(({ channel }) => channel.endedMs === undefined).length
}

/** Those that nobody listens to first, and of these the one that was idle longest. */
function byIdleness({ channel: a }: Live, { channel: b }: Live): number {
  return Number(a.hasListener) - Number(b.hasListener) || (a.idleSinceMs ?? 0) - (b.idleSinceMs ?? 0)
}
