/** Puts an answer together whose frames come one by one, for what can be translated only as a whole. */
import type { Answer, Chunk } from '../../../protocol/frame.ts'
import { concat } from '../../../protocol/splice.ts'

interface Whole {
  readonly header: Answer
  readonly body: Uint8Array
}

export class WholeAnswer {
  #header: Answer | undefined
  #parts: Uint8Array[] = []
  #bytes = 0

  /** Takes the first frame of an answer. One that begins again comes whole again, under the same number or another. */
  begin(header: Answer, body: Uint8Array): Whole | undefined {
    this.#header = header
    this.#parts = [body]
    this.#bytes = body.length
    return this.#whole()
  }

  /** Whether this is a part of the answer that has begun. */
  owns({ ch, n }: Chunk): boolean {
    return this.#header?.ch === ch && this.#header.n === n
  }

  /** Takes another part; bytes that were there before are passed over. */
  goOn({ offset }: Chunk, body: Uint8Array): Whole | undefined {
    const repeated = this.#bytes - offset
    if (repeated < 0 || repeated >= body.length) return undefined
    this.#parts.push(body.subarray(repeated))
    this.#bytes += body.length - repeated
    return this.#whole()
  }

  #whole(): Whole | undefined {
    const header = this.#header
    if (header === undefined || this.#bytes < header.size) return undefined
    const [only] = this.#parts
    return { header, body: this.#parts.length === 1 && only !== undefined ? only : concat(this.#parts) }
  }
}
