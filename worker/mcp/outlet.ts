/** A response body that knows what its client has taken: the reader pulls, the rest waits in a queue. */
import { STREAM_HIGH_WATER_BYTES } from '../limits.ts'

interface Queued {
  readonly bytes: Uint8Array
  /** How many bytes of a link's body these are: what the sender gets credit for. */
  readonly bodyBytes: number
}

export interface OutletEvents {
  /** The client has taken bytes that stand for so many body bytes. */
  readonly taken?: (bodyBytes: number) => void
  /** The client has gone; nothing more can be written. */
  readonly gone?: () => void
}

export class Outlet {
  readonly readable: ReadableStream<Uint8Array>
  readonly #events: OutletEvents
  readonly #queue: Queued[] = []
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #state: 'open' | 'ending' | 'closed' = 'open'

  /** `signal` is the request's: it aborts when the client is found to be gone, which takes a write. */
  constructor(signal: AbortSignal, events: OutletEvents = {}) {
    this.#events = events
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#drain(),
        cancel: () => this.#leave(),
      },
      { highWaterMark: STREAM_HIGH_WATER_BYTES, size: (chunk) => chunk.length },
    )
    if (signal.aborted) this.#leave()
    else signal.addEventListener('abort', () => this.#leave(), { once: true })
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** True when nothing waits for the client: what a heartbeat would only add to. */
  get isIdle(): boolean {
    return this.#queue.length === 0
  }

  write(bytes: Uint8Array, bodyBytes = 0): void {
    if (this.#state !== 'open') return
    this.#queue.push({ bytes, bodyBytes })
    this.#drain()
  }

  /** Closes the body behind what was written. */
  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#drain()
  }

  #drain(): void {
    const controller = this.#controller
    if (controller === undefined || this.#state === 'closed') return
    let takenBytes = 0
    while (this.#queue.length > 0 && (controller.desiredSize ?? 0) > 0) {
      const next = this.#queue.shift()
      if (next === undefined) break
      if (next.bytes.length > 0) controller.enqueue(next.bytes)
      takenBytes += next.bodyBytes
    }
    if (takenBytes > 0) this.#events.taken?.(takenBytes)
    if (this.#state === 'ending' && this.#queue.length === 0) {
      this.#state = 'closed'
      controller.close()
    }
  }

  #leave(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#queue.length = 0
    this.#events.gone?.()
  }
}
