/** An `initialize` as a client has sent it: whether another is the same but for its id, and how an answer to one becomes one to the other. Pure. */
import { canonicalId, otherTypeId } from '../../protocol/json/json-id.ts'
import { scanMessage, type Span } from '../../protocol/json/json-scan.ts'
import { scanWithoutNulls } from '../../protocol/members/null-members.ts'
import { replacement, splice } from '../../protocol/splice.ts'

export class Opening {
  readonly #rawId: string
  /** All but the id, as text; JSON text that is not UTF-8 is no message. */
  readonly #rest: string

  private constructor(line: Buffer, span: Span, rawId: string) {
    this.#rawId = rawId
    this.#rest = `${line.toString('utf8', 0, span[0])}\n${line.toString('utf8', span[1])}`
  }

  /** Undefined when the message is no `initialize`. Line ends, which the agent writes as spaces, make no difference. */
  static of(message: Uint8Array): Opening | undefined {
    const scanned = scanMessage(message)
    if (!scanned.ok || scanned.value.method !== 'initialize' || scanned.value.id === undefined) return undefined
    const { raw, span } = scanned.value.id
    return new Opening(Buffer.from(message.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte))), span, raw)
  }

  equals(other: Opening): boolean {
    return this.#rest.trimEnd() === other.#rest.trimEnd()
  }

  hasIdOf(other: Opening): boolean {
    return this.#rawId === other.#rawId
  }

  /** The answer of a server to this one, made one to another that is equal; undefined when the line is no answer to it. */
  answerTo(other: Opening, line: Uint8Array): Uint8Array | undefined {
    const { bytes, scanned } = scanWithoutNulls(line)
    if (!scanned.ok || (scanned.value.kind !== 'result' && scanned.value.kind !== 'error') || scanned.value.id === undefined)
      return undefined
    const { raw, span } = scanned.value.id
    const [own, seen] = [canonicalId(this.#rawId), canonicalId(raw)]
    return seen === own || seen === otherTypeId(own) ? splice(bytes, [replacement(span, other.#rawId)]) : undefined
  }
}
