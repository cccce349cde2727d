/** Puts together the messages of clients that come in parts, and takes apart those of servers that one frame does not hold. No I/O. */
import type { Answer, Call, Chunk, Notification, Notify, Respond } from '../../../../protocol/frame.ts'
import { CHUNK_BYTES } from '../../../../protocol/limits.ts'
import { concat } from '../../../../protocol/splice.ts'
import { MAX_FOREIGN_UPLOADS } from '../../../foreign-limits.ts'

export type Inbound = Call | Notify | Respond

interface Upload {
  readonly header: Inbound
  readonly parts: Uint8Array[]
  bytes: number
}

/** A client's message, whole. */
interface WholeInbound {
  readonly header: Inbound
  readonly body: Uint8Array
}

export class PartlyCome {
  readonly #uploads = new Map<string, Upload>()

  /** The first part of a message. Returns the oldest one that has lost its room by it. */
  begin(header: Inbound, part: Uint8Array): Inbound | undefined {
    this.#uploads.set(header.key, { header, parts: [part], bytes: part.length })
    const [oldest] = this.#uploads.size > MAX_FOREIGN_UPLOADS ? this.#uploads.values() : []
    if (oldest !== undefined) this.#uploads.delete(oldest.header.key)
    return oldest?.header
  }

  /** The next part; the message, once it is whole. */
  goOn(key: string, part: Uint8Array): WholeInbound | undefined {
    const upload = this.#uploads.get(key)
    if (upload === undefined) return undefined
    upload.parts.push(part)
    upload.bytes += part.length
    if (upload.bytes < upload.header.size) return undefined
    this.#uploads.delete(key)
    return { header: upload.header, body: concat(upload.parts) }
  }
}

/** What a server has said, without its place in its channel. */
export type Outbound = Omit<Answer, 'n' | 'at' | 'size' | 'to'> | Omit<Notification, 'n' | 'at' | 'size' | 'to'>

/**
 * The frames of a server's message, which has this number. Each names the stream that it is for, since there is no telling whether that
 * was come back for while the object slept.
 */
export function* framesOf(
  message: Outbound,
  body: Uint8Array,
  n: number,
): Generator<{ readonly header: Answer | Notification | Chunk; readonly part: Uint8Array }> {
  const { ch, ra } = message
  const to = ra === undefined ? {} : { to: ra }
  yield { header: { ...message, ...to, n, at: 0, size: body.length }, part: body.subarray(0, CHUNK_BYTES) }
  const sure = message.type === 'notification' ? message.sure : undefined
  const place = { ch, n, at: 0, ...(ra === undefined ? {} : { ra }), ...(sure === undefined ? {} : { sure }), ...to }
  for (let offset = CHUNK_BYTES; offset < body.length; offset += CHUNK_BYTES) {
    const last = offset + CHUNK_BYTES >= body.length ? ({ last: true } as const) : {}
    yield { header: { type: 'chunk', ...place, offset, ...last }, part: body.subarray(offset, offset + CHUNK_BYTES) }
  }
}

/** A message in one line: line feeds and carriage returns can only stand between tokens of JSON. */
export function inOneLine(message: Uint8Array): Uint8Array {
  return message.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte))
}
