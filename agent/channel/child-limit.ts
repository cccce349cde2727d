/** Bounds how many server processes run at a time, for all lanes of the share together. */
import type { Log } from '../log.ts'
import type { Channel } from './channel.ts'

/** The channels of one lane, and the log that names the lane. */
interface LaneChannels {
  readonly channels: () => Iterable<Channel>
  readonly log: Log
}

export class ChildLimit {
  readonly maxChildren: number
  readonly #lanes: LaneChannels[] = []

  constructor(maxChildren: number) {
    this.maxChildren = maxChildren
  }

  add(lane: LaneChannels): void {
    this.#lanes.push(lane)
  }

  /** Whether a child may run that nobody has asked for. */
  get hasRoom(): boolean {
    const running = this.#lanes.flatMap(({ channels }) => [...channels()].filter((channel) => channel.endedMs === undefined))
    return running.length < this.maxChildren
  }

  /** Whether one more child may run now. Ends the one that was idle longest if need be. */
  admit(): boolean {
    const all = this.#lanes.flatMap(({ channels, log }) => [...channels()].map((channel) => ({ channel, log })))
    const live = all.filter(({ channel }) => channel.isLive)
    const endingCount = all.filter(({ channel }) => !channel.isLive && channel.endedMs === undefined).length
    if (live.length < this.maxChildren) return live.length + endingCount < 2 * this.maxChildren
    // Those that end still take up memory; a storm of sessions must not start more than they leave.
    if (endingCount >= this.maxChildren) return false
    const [idlest] = live
      .flatMap(({ channel, log }) => (channel.idleSinceMs === undefined ? [] : [{ channel, log, sinceMs: channel.idleSinceMs }]))
      .toSorted((a, b) => Number(a.channel.hasListener) - Number(b.channel.hasListener) || a.sinceMs - b.sinceMs)
    if (idlest === undefined) return false
    idlest.log.info('channel.evict', { ch: idlest.channel.ch, meaning: 'idle longest, and --max-children is reached' })
    void idlest.channel.stop('idle')
    return true
  }
}
