/** Owns what an isolate remembers and can do without: the newest values by name, and no more than so many. */

/** Of so many values or more one part of these goes at a time. */
const VERY_MANY = 4096
const SPARE_PARTS = 16

export class Newest<V> {
  readonly #most: number
  readonly #values = new Map<string, V>()

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#values.size
  }

  /** Names and values, the one that was set longest ago first. */
  entries(): MapIterator<[string, V]> {
    return this.#values.entries()
  }

  get(name: string): V | undefined {
    return this.#values.get(name)
  }

  /** Keeps a value; of too many the one that was set longest ago goes, and of very many some more with it. */
  set(name: string, value: V): void {
    this.#values.delete(name)
    this.#values.set(name, value)
    if (this.#values.size <= this.#most) return
    // A Map finds its first entry behind all that were deleted before it, so they go together: of one at a time each would pay for all.
    let left = this.#most < VERY_MANY ? 1 : Math.floor(this.#most / SPARE_PARTS)
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest)
      if (--left === 0) break
    }
  }

  delete(name: string): void {
    this.#values.delete(name)
  }

  clear(): void {
    this.#values.clear()
  }
}
