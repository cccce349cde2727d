/** Owns what an isolate remembers and can do without: the newest values by name, no more than so many, nor larger together than was said. */

/** Of so many values or more one part of these goes at a time. */
const VERY_MANY = 4096
const SPARE_PARTS = 16

/** What all values may have together, by a measure of their own. A value must not grow while it is kept. */
interface Room<V> {
  readonly most: number
  readonly sizeOf: (value: V) => number
}

export class Newest<V> {
  readonly #most: number
  readonly #room: Room<V> | undefined
  readonly #values = new Map<string, V>()
  /** Of all values together. */
  #used = 0

  constructor(most: number, room?: Room<V>) {
    this.#most = most
    this.#room = room
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

  /** Keeps a value; of too many the one that was set longest ago goes, and of very many some more with it. One that needs more than all the room is not kept. */
  set(name: string, value: V): void {
    this.delete(name)
    const size = this.#room?.sizeOf(value) ?? 0
    if (this.#room !== undefined && size > this.#room.most) return
    this.#values.set(name, value)
    this.#used += size
    this.#makeRoom()
  }

  delete(name: string): void {
    const value = this.#values.get(name)
    if (value !== undefined && this.#room !== undefined) this.#used -= this.#room.sizeOf(value)
    this.#values.delete(name)
  }

  clear(): void {
    this.#values.clear()
    this.#used = 0
  }

  #makeRoom(): void {
    // A Map finds its first entry behind all that were deleted before it, so they go together: of one at a time each would pay for all.
    let left = this.#values.size <= this.#most ? 0 : this.#most < VERY_MANY ? 1 : Math.floor(this.#most / SPARE_PARTS)
    const isFull = (): boolean => this.#room !== undefined && this.#used > this.#room.most
    if (left === 0 && !isFull()) return
    for (const oldest of this.#values.keys()) {
      this.delete(oldest)
      left--
      if (left <= 0 && !isFull()) break
    }
  }
}
