/** The servers that are merged into one, for all its sessions: which there are now, and how each is started. Tells when that changes. */
import type { Log } from '../../log.ts'
import { type Child, type ChildHandlers, unstarted } from '../child.ts'

/** A server as its sessions see it. */
export interface MergedServer {
  readonly name: string
  /** Its names have no prefix. */
  readonly isBare: boolean
  /** Of all that it was told: with another it is another server. */
  readonly digest: string
  /** Whether clients are told why it could not be started, and what it wrote to stderr. */
  readonly tellsStderr: boolean
  /** Its lines name it. */
  readonly log: Log
  readonly start: (handlers: ChildHandlers) => Child
}

export class MergedServers {
  #all: readonly MergedServer[]
  readonly #listeners = new Set<() => void>()

  constructor(all: readonly MergedServer[]) {
    this.#all = all
  }

  /** In the order of their file. */
  get all(): readonly MergedServer[] {
    return this.#all
  }

  /** Those that are the same as before stay as they are, with what they count. */
  set(all: readonly MergedServer[]): void {
    const before = new Map(this.#all.map((one) => [one.name, one]))
    this.#all = all.map((one) => {
      const same = before.get(one.name)
      return same?.digest === one.digest && same.isBare === one.isBare ? same : one
    })
    for (const tell of this.#listeners) tell()
  }

  /** Returns what ends it. */
  onChange(tell: () => void): () => void {
    this.#listeners.add(tell)
    return () => void this.#listeners.delete(tell)
  }
}

/** Starts that have `most` processes at a time; one more ends at once, and says why. */
export function boundedStart(start: (handlers: ChildHandlers) => Child, most: number): (handlers: ChildHandlers) => Child {
  let running = 0
  return (handlers) => {
    if (running >= most) return unstarted(handlers, `${most} processes of it run already`, 'TOO_MANY_CHILDREN')
    running++
    return start({
      ...handlers,
      gone: (end) => {
        running--
        handlers.gone(end)
      },
    })
  }
}
