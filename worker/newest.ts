/** Owns what an isolate remembers and can do without: the newest values by name, and no more than so many. */

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

  /** Keeps a value; of too many the one that was set longest ago goes. */
  set(name: string, value: V): void {
    this.#values.delete(name)
    this.#values.set(name, value)
    const [oldest] = this.#values.keys()
    if (this.#values.size > this.#most && oldest !== undefined) this.#values.delete(oldest)
  }

  delete(name: string): void {
    this.#values.delete(name)
  }

  clear(): void {
    this.#values.clear()
  }
}
