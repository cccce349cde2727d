/** Counts the body bytes that a client has taken of its stream, until the Share is told of them. */
import { TAKEN_EVERY_BYTES } from '../limits.ts'
import type { StreamControl } from '../contract/streams.ts'

export class TakenBytes {
  #bytes = 0
  #isEager = false

  /** More was taken: told over the stream's socket once that is worth a message. */
  add(bytes: number, socket: Pick<WebSocket, 'send'> | undefined): void {
    this.#bytes += bytes
    if (this.#bytes === 0 || (!this.#isEager && this.#bytes < TAKEN_EVERY_BYTES)) return
    socket?.send(JSON.stringify({ type: 'taken', bytes: this.#bytes } satisfies StreamControl))
    this.#bytes = 0
  }

  /** The Share has asked: from now on whatever is taken is told at once. */
  sync(socket: Pick<WebSocket, 'send'> | undefined): void {
    this.#isEager = true
    this.add(0, socket)
  }
}
