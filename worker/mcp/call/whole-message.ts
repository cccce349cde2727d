/** Assembles a message of a child whose frames come one by one, where it can be read only as a whole. */
import type { Answer, Ask, Chunk, Notification } from '../../../protocol/frame.ts'
import { concat } from '../../../protocol/splice.ts'
import type { Failure } from '../../../protocol/errors.ts'
import { failureOf } from '../../../protocol/failed-frame.ts'
import { MAX_BRIDGED_ANSWER_BYTES } from '../../limits.ts'
import { isFinal, type ItemSource } from './item.ts'

interface Whole<H> {
  readonly header: H
  readonly body: Uint8Array
}

export class WholeMessage<H extends Answer | Ask | Notification> {
  #header: H | undefined
  #parts: Uint8Array[] = []
  #bytes = 0

  /** Takes the first frame of a message. One that begins again comes whole again, under the same number or another. */
  begin(header: H, body: Uint8Array): Whole<H> | undefined {
    this.#header = header
    this.#parts = [body]
    this.#bytes = body.length
    return this.#whole()
  }

  /** Whether this is a part of the message that has begun. */
  owns({ ch, n }: Chunk): boolean {
    return this.#header?.ch === ch && this.#header.n === n
  }

  /** Takes another part; bytes that were there before are passed over, and so is a part of another message. */
  goOn(chunk: Chunk, body: Uint8Array): Whole<H> | undefined {
    const repeated = this.#bytes - chunk.offset
    if (!this.owns(chunk) || repeated < 0 || repeated >= body.length) return undefined
    this.#parts.push(body.subarray(repeated))
    this.#bytes += body.length - repeated
    return this.#whole()
  }

  #whole(): Whole<H> | undefined {
    const header = this.#header
    if (header === undefined || this.#bytes < header.size) return undefined
    const [only] = this.#parts
    return { header, body: this.#parts.length === 1 && only !== undefined ? only : concat(this.#parts) }
  }
}

/** The whole answer to a call of the relay's own, or how that failed; undefined when it is longer than `mostBytes`. */
export async function readAnswer(source: ItemSource, mostBytes = MAX_BRIDGED_ANSWER_BYTES): Promise<Uint8Array | Failure | undefined> {
  const answer = new WholeMessage<Answer>()
  try {
    for (let item = await source.next(); item !== undefined; item = await source.next()) {
      if (item.kind === 'failed') return item.failure
      if (item.kind !== 'frame') return undefined
      const { header, body } = item
      source.taken(body.length)
      if (header.type === 'failed') return failureOf(header)
      if (header.type === 'answer' && header.size > mostBytes) return undefined
      const whole = header.type === 'answer' ? answer.begin(header, body) : header.type === 'chunk' ? answer.goOn(header, body) : undefined
      if (whole !== undefined) return whole.body
      if (isFinal(item)) return undefined
    }
    return undefined
  } finally {
    source.close()
  }
}
