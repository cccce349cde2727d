/** Lanes: the objects that carry one share. Which of them serves whom, and how each is named. A server of a share that has a name is a lane of its own. */
import { MAX_LANES } from '../protocol/limits.ts'
import { type Jurisdiction, knownShareFacts } from './access/share-id.ts'
import type { LaneKey, LanesOfShare } from './contract/lane-key.ts'

/** One of the objects that carry a share. */
export interface Lane {
  readonly share: string
  /** From 0; of a server 0, since it has one lane whatever its share has. */
  readonly index: number
  /** Name of the one server that it carries; absent of what carries the one without a name. */
  readonly server?: string
  readonly jurisdiction: Jurisdiction
}

/** What a share may be made with: powers of two, since that is what its id has room for. */
export const LANE_COUNTS: readonly number[] = Array.from({ length: Math.log2(MAX_LANES) + 1 }, (_, log2) => 2 ** log2)

const LANE_MARK = '.'
const SERVER_MARK = '/'
/** What ends the id of the share in the name of an object. */
const MARK = /[./]/

/** How many lanes a share has. `share` must be an id that was found to be ours. */
export function laneCount(share: string): number {
  return knownShareFacts(share).lanes
}

/** The lane of a session or of a group of clients: the same name is always on the same one. `share` as for `laneCount`. */
export function laneOf(share: string, name: string): Lane {
  const { lanes, jurisdiction } = knownShareFacts(share)
  // The mask is right because the count is a power of two.
  return { share, index: lanes === 1 ? 0 : hash(name) & (lanes - 1), jurisdiction }
}

/** The lane of the same server to which a name hashes; one that has a name has no other. */
export function laneBeside(lane: Lane, name: string): Lane {
  return lane.server === undefined ? laneOf(lane.share, name) : lane
}

/** The lane that keeps what holds for the whole share. `share` as for `laneCount`. */
export function keeperOf(share: string): Lane {
  return laneOf(share, share)
}

/** The lane with this index, or undefined when the share has fewer. `share` as for `laneCount`. */
export function laneAt(share: string, index: number): Lane | undefined {
  const { lanes, jurisdiction } = knownShareFacts(share)
  return Number.isInteger(index) && index >= 0 && index < lanes ? { share, index, jurisdiction } : undefined
}

/** The lane of a server that has a name. `share` as for `laneCount`. */
export function serverLane(share: string, server: string): Lane {
  return { share, index: 0, server, jurisdiction: knownShareFacts(share).jurisdiction }
}

/** The lane that a key means, or undefined when the share has fewer. `share` as for `laneCount`. */
export function laneBy(share: string, key: LaneKey): Lane | undefined {
  return typeof key === 'number' ? laneAt(share, key) : serverLane(share, key)
}

/** All objects of a share, its numbered lanes first. `id` as `share` for `laneCount`. */
export function laneKeys({ id, servers }: LanesOfShare): LaneKey[] {
  return [...Array.from({ length: laneCount(id) }, (_, index) => index), ...servers]
}

/** Name of a lane's object. The first has the share's own, so that a share of one lane is one object of that name. */
export function laneName({ share, index, server }: Lane): string {
  if (server !== undefined) return `${share}${SERVER_MARK}${server}`
  return index === 0 ? share : `${share}${LANE_MARK}${index}`
}

/** The share whose lane has this name. */
export function shareOfLane(name: string): string {
  const end = name.search(MARK)
  return end === -1 ? name : name.slice(0, end)
}

/** The key of the lane that has this name. */
export function keyOfLane(name: string): LaneKey {
  const end = name.search(MARK)
  if (end === -1) return 0
  const key = name.slice(end + 1)
  return name[end] === SERVER_MARK ? key : Number(key)
}

/** FNV-1a, and a last mixing of all its bits into the low ones, of which few are used. */
function hash(name: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < name.length; at++) value = Math.imul(value ^ name.charCodeAt(at), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
