/** A map that finds its oldest entry in constant time, however many came and went before. No clock. */

interface Entry<V> {
  readonly key: string
  readonly sinceMs: number
  /** Undefined once deleted; the entry itself is dropped when it is the oldest. */
  value: V | undefined
  next: Entry<V> | undefined
}

/**
 * A Map alone is too slow: V8 keeps a hole for each deleted entry until it rebuilds the table, and whoever looks for the first
 * entry walks over all holes, so that dropping the oldest of 100,000 takes as long as counting them.
 */
export class ByAge<V extends {}> {
  readonly #entries = new Map<string, Entry<V>>()
  #oldest: Entry<V> | undefined
  #newest: Entry<V> | undefined

  get size(): number {
    return this.#entries.size
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value
  }

  /** Puts the key at the end, also when it was there. */
  set(key: string, value: V, nowMs: number): void {
    this.delete(key)
    const entry: Entry<V> = { key, sinceMs: nowMs, value, next: undefined }
    if (this.#newest === undefined) this.#oldest = entry
    else this.#newest.next = entry
    this.#newest = entry
    this.#entries.set(key, entry)
  }

  /** Returns the value that was there. */
  delete(key: string): V | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    const { value } = entry
    entry.value = undefined
    this.#entries.delete(key)
    return value
  }

  /** The key that was set before all others, and when. */
  oldest(): { readonly key: string; readonly sinceMs: number } | undefined {
    for (let entry = this.#oldest; entry !== undefined; entry = this.#oldest) {
      if (entry.value !== undefined) return entry
      this.#oldest = entry.next
      // A dropped entry that still points to a live one would keep that from being collected.
      entry.next = undefined
    }
    this.#newest = undefined
    return undefined
  }

  /** Oldest first. */
  keys(): Iterable<string> {
    return this.#entries.keys()
  }
}
