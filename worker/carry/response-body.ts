/** A response body that knows what its client has taken: the client pulls, and what it has not pulled waits in a queue. */
import { STREAM_HIGH_WATER_BYTES } from '../limits.ts'

interface Queued {
  readonly bytes: Uint8Array
  /** Called when the client has taken them. */
  readonly taken: (() => void) | undefined
}

export class ResponseBody {
  readonly readable: ReadableStream<Uint8Array>
  readonly #gone: () => void
  readonly #queue: Queued[] = []
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #state: 'open' | 'ending' | 'closed' = 'open'

  /**
   * `signal` is the request's: it aborts when the client is found to be gone, which takes a write. `gone` is called then,
   * never before the constructor has returned.
   */
  constructor(signal: AbortSignal, gone: () => void) {
    this.#gone = gone
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
    if (signal.aborted) queueMicrotask(() => this.#leave())
    else signal.addEventListener('abort', () => this.#leave(), { once: true })
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** True when nothing waits for the client: what a heartbeat would only add to. */
  get isIdle(): boolean {
    return this.#queue.length === 0
  }

  write(bytes: Uint8Array, taken?: () => void): void {
    if (this.#state !== 'open') return
    this.#queue.push({ bytes, taken })
    this.#drain()
  }

  /** Closes the body behind what was written. */
  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#drain()
  }

  /** Cuts the body off, so that its reader cannot take what it has for the whole. */
  abort(reason: string): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#queue.length = 0
    this.#controller?.error(new Error(reason))
    this.#gone()
  }

  #drain(): void {
    const controller = this.#controller
    if (controller === undefined || this.#state === 'closed') return
    while (this.#queue.length > 0 && (controller.desiredSize ?? 0) > 0) {
      const next = this.#queue.shift()
      if (next === undefined) break
      if (next.bytes.length > 0) controller.enqueue(next.bytes)
      next.taken?.()
    }
    if (this.#state === 'ending' && this.#queue.length === 0) {
      this.#state = 'closed'
      controller.close()
    }
  }

  #leave(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#queue.length = 0
    this.#gone()
  }
}
