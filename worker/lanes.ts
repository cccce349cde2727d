/** Lanes: the objects that carry one share. Which of them serves whom, and how each is named. */
import { MAX_LANES } from '../protocol/limits.ts'
import { type Jurisdiction, knownShareFacts } from './access/share-id.ts'

/** One of the objects that carry a share. */
export interface Lane {
  readonly share: string
  /** From 0. */
  readonly index: number
  readonly jurisdiction: Jurisdiction
}

/** What a share may be made with: powers of two, since that is what its id has room for. */
export const LANE_COUNTS: readonly number[] = Array.from({ length: Math.log2(MAX_LANES) + 1 }, (_, log2) => 2 ** log2)

const LANE_MARK = '.'

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

/** The lane that keeps what holds for the whole share. `share` as for `laneCount`. */
export function keeperOf(share: string): Lane {
  return laneOf(share, share)
}

/** The lane with this index, or undefined when the share has fewer. `share` as for `laneCount`. */
export function laneAt(share: string, index: number): Lane | undefined {
  const { lanes, jurisdiction } = knownShareFacts(share)
  return Number.isInteger(index) && index >= 0 && index < lanes ? { share, index, jurisdiction } : undefined
}

/** Name of a lane's object. The first has the share's own, so that a share of one lane is one object of that name. */
export function laneName({ share, index }: Lane): string {
  return index === 0 ? share : `${share}${LANE_MARK}${index}`
}

/** The share whose lane has this name. */
export function shareOfLane(name: string): string {
  const end = name.indexOf(LANE_MARK)
  return end === -1 ? name : name.slice(0, end)
}

/** The index of the lane that has this name. */
export function indexOfLane(name: string): number {
  return Number(name.slice(shareOfLane(name).length + 1))
}

/** FNV-1a, and a last mixing of all its bits into the low ones, of which few are used. */
function hash(name: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < name.length; at++) value = Math.imul(value ^ name.charCodeAt(at), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
