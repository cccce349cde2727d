/** Queues what has come for one reader, which waits for the next item until the wait is ended. */

export class ItemQueue<T> {
  readonly #items: T[] = []
  /** Of the reader that waits. */
  #resolve: ((item: T | undefined) => void) | undefined
  #isOver = false

  /** Whether nothing more is waited for. */
  get isOver(): boolean {
    return this.#isOver
  }

  put(item: T): void {
    if (this.#resolve === undefined) this.#items.push(item)
    else this.#give(item)
  }

  /** The next item; undefined when the wait is over and all that had come is taken. For one reader, which waits for one at a time. */
  next(): Promise<T | undefined> {
    if (this.#items.length > 0 || this.#isOver) return Promise.resolve(this.#items.shift())
    const { promise, resolve } = Promise.withResolvers<T | undefined>()
    this.#resolve = resolve
    return promise
  }

  end(): void {
    this.#isOver = true
    this.#give(undefined)
  }

  #give(item: T | undefined): void {
    const resolve = this.#resolve
    this.#resolve = undefined
    resolve?.(item)
  }
}
