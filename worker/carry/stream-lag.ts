/** Notices that a client does not take in time what others wait for. Holds a timer only while they do. */
import { LISTENER_LAG_MS } from '../limits.ts'

export class StreamLag {
  readonly #onLag: () => void
  #receivedBytes = 0
  #takenBytes = 0
  /** What must be taken in time, counted from the stream's beginning. */
  #dueBytes = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(onLag: () => void) {
    this.#onLag = onLag
  }

  received(bytes: number): void {
    this.#receivedBytes += bytes
  }

  taken(bytes: number): void {
    this.#takenBytes += bytes
    if (this.#takenBytes >= this.#dueBytes) this.stop()
  }

  /** Others wait for this client: what it has been sent until now is due. */
  watch(): void {
    if (this.#timer !== undefined || this.#takenBytes >= this.#receivedBytes) return
    this.#dueBytes = this.#receivedBytes
    this.#timer = setTimeout(this.#onLag, LISTENER_LAG_MS)
  }

  stop(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
