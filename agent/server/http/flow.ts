/** Reads bodies of responses no faster than the relay takes what is in them. */
import { MAX_LINE_BYTES } from '../../../protocol/limits.ts'
import { concat } from '../../../protocol/splice.ts'

export class Flow {
  #gate: PromiseWithResolvers<void> | undefined

  pause(): void {
    this.#gate ??= Promise.withResolvers()
  }

  resume(): void {
    this.#gate?.resolve()
    this.#gate = undefined
  }

  /**
   * Gives each piece of a body to `take`, until that says that it is enough.
   *
   * @throws {Error} when the connection breaks before the end.
   */
  async read(response: AsyncIterable<unknown>, take: (chunk: Buffer) => boolean | void): Promise<void> {
    for await (const chunk of response) {
      if (take(chunk as Buffer) === false) return
      if (this.#gate !== undefined) await this.#gate.promise
    }
  }

  /**
   * The whole body, or undefined when it has more bytes than that; it is not read on then.
   *
   * @throws {Error} when the connection breaks before the end.
   */
  async readWhole(response: AsyncIterable<unknown>, mostBytes = MAX_LINE_BYTES): Promise<Uint8Array | undefined> {
    const pieces: Buffer[] = []
    let size = 0
    await this.read(response, (chunk) => {
      size += chunk.length
      if (size > mostBytes) return false
      pieces.push(chunk)
      return true
    })
    return size > mostBytes ? undefined : concat(pieces)
  }
}
