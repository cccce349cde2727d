/** Owns what has come for an exchange and was not taken yet, and who waits for more. */

export class ItemQueue<T> {
  readonly #items: T[] = []
  #wake: (() => void) | undefined
  #isOver = false

  /** Whether nothing more is waited for. */
  get isOver(): boolean {
    return this.#isOver
  }

  put(item: T): void {
    this.#items.push(item)
    this.#wake?.()
  }

  /** The next item; undefined when the wait is over and all that had come is taken. */
  async next(): Promise<T | undefined> {
    while (this.#items.length === 0 && !this.#isOver) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
    return this.#items.shift()
  }

  end(): void {
    this.#isOver = true
    this.#wake?.()
  }
}
