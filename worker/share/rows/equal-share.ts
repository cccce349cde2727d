/** What each may keep where all together may keep so much: an equal share, and of what some do not use the others have more. Strangers have a bound of their own. Pure. */
import { ANONYMOUS } from '../../../protocol/handshake.ts'

/** How many items all links together may keep, and how many whoever shows no credential. */
export interface RingBounds {
  readonly most: number
  readonly mostOfStrangers: number
}

/** Of how many items each has kept, by whose they are, how many of its oldest are too many; whoever has none too many is not named. */
export function surplusOf(kept: ReadonlyMap<string, number>, { most, mostOfStrangers }: RingBounds): Map<string, number> {
  const share = equalShare(
    Array.from(kept).flatMap(([whose, count]) => (whose === ANONYMOUS ? [] : [count])),
    most,
  )
  const surplus = new Map<string, number>()
  for (const [whose, count] of kept) {
    const allowed = whose === ANONYMOUS ? mostOfStrangers : share
    if (count > allowed) surplus.set(whose, count - allowed)
  }
  return surplus
}

/** The items that stay, oldest first, when there are too many. */
export function withoutSurplus<Item>(items: readonly Item[], whoseOf: (item: Item) => string, bounds: RingBounds): Item[] {
  const kept = new Map<string, number>()
  const owners = items.map(whoseOf)
  for (const whose of owners) kept.set(whose, (kept.get(whose) ?? 0) + 1)
  const surplus = surplusOf(kept, bounds)
  return items.filter((_, at) => {
    const whose = owners[at] ?? ''
    const left = surplus.get(whose) ?? 0
    if (left > 0) surplus.set(whose, left - 1)
    return left <= 0
  })
}

/** The most that each of these may have, so that all together have `most` at most; of more than that each may have one. */
function equalShare(counts: readonly number[], most: number): number {
  let left = most
  for (const [at, count] of counts.toSorted((a, b) => a - b).entries()) {
    const share = Math.max(1, Math.floor(left / (counts.length - at)))
    if (count > share) return share
    left -= count
  }
  return Infinity
}
