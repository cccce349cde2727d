/** Owns the lines of a process's output: keeps them all, and tells who waits when one matches. */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { within } from './deadline.ts'

const TAIL_LINES = 40

export class LineLog {
  readonly lines: string[] = []
  readonly #ended = Promise.withResolvers<never>()
  readonly #watchers = new Set<(line: string) => void>()

  constructor(stream: Readable) {
    this.#ended.promise.catch(() => {})
    const reader = createInterface({ input: stream, crlfDelay: Infinity })
    reader.on('line', (line) => {
      this.lines.push(line)
      for (const watch of this.#watchers) watch(line)
    })
    reader.on('close', () => this.#ended.reject(new Error('the output ended')))
  }

  /**
   * The first value that `match` makes of a line, past lines included.
   *
   * @throws Error with the last lines when the output ends or the bound is reached first.
   */
  async find<T>(match: (line: string) => T | undefined, what: string, boundMs?: number): Promise<T> {
    for (const line of this.lines) {
      const found = match(line)
      if (found !== undefined) return found
    }
    const next = Promise.withResolvers<T>()
    const watch = (line: string): void => {
      const found = match(line)
      if (found !== undefined) next.resolve(found)
    }
    this.#watchers.add(watch)
    try {
      return await within(Promise.race([next.promise, this.#ended.promise]), what, boundMs)
    } catch (error) {
      throw new Error(`${what}: ${String(error)}\n${this.tail()}`, { cause: error })
    } finally {
      this.#watchers.delete(watch)
    }
  }

  tail(): string {
    return this.lines.slice(-TAIL_LINES).join('\n')
  }
}
