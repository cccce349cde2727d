/** Counts refused calls, alike ones as one, and leaves room for everybody: of whoever brings too many of different kinds only that is counted. Pure, bounded. */
import type { RefusedCalls } from '../call-records.ts'

/** How many of different kinds are told apart, and how many of them may be of one link of the owner's. */
interface Bounds {
  readonly most: number
  readonly mostOfOne: number
}

type Refused = Omit<RefusedCalls, 'count' | 'at'>

export class CountedRefusals {
  readonly #bounds: Bounds
  readonly #counted = new Map<string, RefusedCalls>()
  /** How many of different kinds there are of each. */
  readonly #numbers = new Map<string, number>()

  constructor(bounds: Bounds) {
    this.#bounds = bounds
  }

  add({ count, at, ...refused }: RefusedCalls): void {
    const kind = this.#kindOf(refused)
    const name = nameOf(kind)
    const before = this.#counted.get(name)
    this.#counted.set(name, { ...kind, count: count + (before?.count ?? 0), at: Math.max(at, before?.at ?? 0) })
  }

  /** As what it is counted. */
  #kindOf(refused: Refused): Refused {
    if (this.#counted.has(nameOf(refused))) return refused
    const { most, mostOfOne } = this.#bounds
    const { whose, outcome } = refused
    const number = this.#numbers.get(whose) ?? 0
    if (number < mostOfOne && this.#counted.size < most) {
      this.#numbers.set(whose, number + 1)
      return refused
    }
    const rest = { whose, principal: '', method: '', outcome }
    // So many bring too much that not even they are told apart.
    return this.#counted.has(nameOf(rest)) || this.#counted.size < 2 * most ? rest : { ...rest, whose: '' }
  }

  /** All that was counted; nothing is left. */
  take(): RefusedCalls[] {
    const taken = [...this.#counted.values()]
    this.clear()
    return taken
  }

  clear(): void {
    this.#counted.clear()
    this.#numbers.clear()
  }
}

function nameOf({ whose, principal, address, method, tool, outcome }: Refused): string {
  return JSON.stringify([whose, principal, address, method, tool, outcome])
}
