/**
 * The messages of a link where no WebSocket passes: in batches, as the bodies of HTTP. Each message has a number, by which one that comes
 * twice is known and one that is missing shows.
 *
 * A batch is the number of its first message in eight bytes, then each message: a byte that says what it is, its length in four bytes, and
 * its bytes; all numbers the most significant byte first. docs/protocol.md is normative.
 */
import { MAX_BATCH_BYTES } from './limits.ts'
import { err, ok, type Result } from './result.ts'

/** What a WebSocket would have carried. `close` is the last of its side. */
export type PolledMessage =
  | { readonly kind: 'binary'; readonly data: Uint8Array }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string }

export interface Batch {
  /** Number of its first message, from 1. */
  readonly first: number
  readonly messages: readonly PolledMessage[]
}

const BINARY = 0
const TEXT = 1
const CLOSE = 2
const FIRST_BYTES = 8
const HEAD_BYTES = 5
const CODE_BYTES = 2

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A message as its batch will hold it. */
function encodePolled(message: PolledMessage): Uint8Array {
  switch (message.kind) {
    case 'binary':
      return framed(BINARY, message.data)
    case 'text':
      return framed(TEXT, encoder.encode(message.text))
    case 'close': {
      const reason = encoder.encode(message.reason)
      const payload = new Uint8Array(CODE_BYTES + reason.length)
      new DataView(payload.buffer).setUint16(0, message.code)
      payload.set(reason, CODE_BYTES)
      return framed(CLOSE, payload)
    }
  }
}

/** Encoded messages that wait for their turn, in order; each stays until it is known to have come. */
export class UnackedMessages {
  #messages: Uint8Array[] = []
  #bytes = 0
  /** Number of the first of them. */
  #first: number

  constructor(first = 1) {
    this.#first = first
  }

  /** Bytes of all of them. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0
  }

  push(message: PolledMessage): void {
    const encoded = encodePolled(message)
    this.#messages.push(encoded)
    this.#bytes += encoded.length
  }

  /** The other side has all messages up to this number. */
  acknowledge(upto: number): void {
    const count = Math.min(Math.max(0, upto - this.#first + 1), this.#messages.length)
    for (const { length } of this.#messages.slice(0, count)) this.#bytes -= length
    this.#messages = this.#messages.slice(count)
    this.#first += count
  }

  /** The oldest of them as one batch, as many as it holds; undefined where there are none. `upto`: the number of its last message. */
  batch(): { readonly body: Uint8Array<ArrayBuffer>; readonly upto: number } | undefined {
    let [bytes, count] = [FIRST_BYTES, 0]
    for (const { length } of this.#messages) {
      if (count > 0 && bytes + length > MAX_BATCH_BYTES) break
      bytes += length
      count++
    }
    if (count === 0) return undefined
    const body = new Uint8Array(bytes)
    new DataView(body.buffer).setBigUint64(0, BigInt(this.#first))
    let at = FIRST_BYTES
    for (const message of this.#messages.slice(0, count)) {
      body.set(message, at)
      at += message.length
    }
    return { body, upto: this.#first + count - 1 }
  }
}

/** Never throws. What it holds are copies, so that whoever keeps one message does not take the others along. */
export function decodeBatch(body: Uint8Array): Result<Batch, 'bad_batch'> {
  if (body.length < FIRST_BYTES || body.length > MAX_BATCH_BYTES) return err('bad_batch')
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  const first = Number(view.getBigUint64(0))
  if (!Number.isSafeInteger(first) || first < 1) return err('bad_batch')
  const messages: PolledMessage[] = []
  for (let at = FIRST_BYTES; at < body.length;) {
    const from = at + HEAD_BYTES
    if (from > body.length) return err('bad_batch')
    const to = from + view.getUint32(at + 1)
    const message = to > body.length ? undefined : messageIn(view.getUint8(at), new Uint8Array(body.subarray(from, to)))
    if (message === undefined) return err('bad_batch')
    messages.push(message)
    at = to
  }
  return ok({ first, messages })
}

function framed(kind: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + payload.length)
  bytes[0] = kind
  new DataView(bytes.buffer).setUint32(1, payload.length)
  bytes.set(payload, HEAD_BYTES)
  return bytes
}

function messageIn(kind: number, payload: Uint8Array): PolledMessage | undefined {
  if (kind === BINARY) return { kind: 'binary', data: payload }
  try {
    if (kind === TEXT) return { kind: 'text', text: decoder.decode(payload) }
    if (kind !== CLOSE || payload.length < CODE_BYTES) return undefined
    const code = new DataView(payload.buffer, payload.byteOffset).getUint16(0)
    return { kind: 'close', code, reason: decoder.decode(payload.subarray(CODE_BYTES)) }
  } catch {
    return undefined
  }
}
