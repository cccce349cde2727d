/** Writes messages into a response body: as events, as one JSON value, or as a JSON array. */
import type { ResponseBody } from '../../carry/response-body.ts'

/** What stands around each message, and what says that we live while there is none. */
interface Framing {
  readonly open: string
  readonly separator: string
  readonly close: string
  readonly end: string
  readonly keepAlive: string
}

/** One `data` line each (HTML, server-sent events): a message of the link holds no line break. */
const EVENTS: Framing = { open: 'event: message\ndata: ', separator: '', close: '\n\n', end: '', keepAlive: ':\n\n' }
/** White space may stand before a JSON value (RFC 8259 §2). */
const JSON_VALUE: Framing = { open: '', separator: '', close: '', end: '', keepAlive: ' ' }
const JSON_ARRAY: Framing = { open: '', separator: ',', close: '', end: ']', keepAlive: ' ' }

export const FRAMINGS = { events: EVENTS, json: JSON_VALUE, array: JSON_ARRAY } as const

const encoder = new TextEncoder()

interface Part {
  readonly owner: object
  readonly bytes: Uint8Array
  readonly isLast: boolean
  readonly taken: (() => void) | undefined
  readonly id: string | undefined
}

export class MessageWriter {
  readonly body: ResponseBody
  readonly #framing: Framing
  /** Whose message is being written; parts of others wait, since messages must not run into each other. */
  #owner: object | undefined
  #waiting: Part[] = []
  #isFirst = true
  /** Ids of the event that is being written, or was written last, and of the one before. */
  #id = ''
  #idBefore = ''

  constructor(body: ResponseBody, framing: Framing) {
    this.body = body
    this.#framing = framing
    if (framing === JSON_ARRAY) this.#text('[')
  }

  /** True when a message of the relay's own would go out at once: none is half written, and the client does not lag. */
  get isIdle(): boolean {
    return this.#owner === undefined && this.body.isIdle
  }

  /**
   * Writes a part of a message. All parts of one message have the same owner; the last one says so. `taken` is called
   * when the client has taken the part. `id` names the event, if events have ids.
   */
  write(owner: object, bytes: Uint8Array, isLast: boolean, taken?: () => void, id?: string): void {
    if (this.#owner !== undefined && this.#owner !== owner) {
      this.#waiting.push({ owner, bytes, isLast, taken, id })
      return
    }
    if (this.#owner === undefined) {
      const name = id === undefined || this.#framing !== EVENTS ? '' : `id: ${id}\n`
      this.#idBefore = this.#id
      if (name !== '' && id !== undefined) this.#id = id
      this.#text((this.#isFirst ? '' : this.#framing.separator) + name + this.#framing.open)
      this.#isFirst = false
    }
    this.#owner = isLast ? undefined : owner
    this.body.write(bytes, taken)
    if (!isLast) return
    this.#text(this.#framing.close)
    this.#writeWaiting()
  }

  /** A whole message that is no frame's. `taken` is called when the client has taken it. */
  writeText(message: string, id?: string, taken?: () => void): void {
    this.write({}, encoder.encode(message), true, taken, id)
  }

  /** An event without data, whose id the client can come back with before there is any other (SEP-1699). */
  prime(id: string, retryMs: number): void {
    this.#id = id
    this.#text(`id: ${id}\nretry: ${retryMs}\ndata: \n\n`)
  }

  /** Ends a message whose rest will not come. An event gets a name that no client listens for; a JSON body is cut off. */
  abort(owner: object): void {
    this.#waiting = this.#waiting.filter((part) => part.owner !== owner)
    if (this.#owner !== owner) return
    this.#owner = undefined
    if (this.#framing !== EVENTS) {
      this.body.abort('the answer broke off')
      return
    }
    // Back to the id before: this one would say that the message was seen.
    const id = this.#id === this.#idBefore ? '' : `\nid: ${this.#idBefore}`
    this.#id = this.#idBefore
    this.#text(`${id}\nevent: aborted\n\n`)
    this.#writeWaiting()
  }

  /** An event other than a message (HTTP+SSE's `endpoint`), with the id that a client comes back with, and how soon. */
  writeEvent(name: string, data: string, id: string, retryMs: number): void {
    this.#text(`event: ${name}\nid: ${id}\nretry: ${retryMs}\ndata: ${data}\n\n`)
  }

  /** Shows that we live. Not within a message, where it would be taken for content, and not to a client that lags. */
  keepAlive(): void {
    if (this.isIdle) this.#text(this.#framing.keepAlive)
  }

  end(): void {
    this.#text(this.#framing.end)
    this.body.end()
  }

  #writeWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const part of waiting) this.write(part.owner, part.bytes, part.isLast, part.taken, part.id)
  }

  #text(text: string): void {
    if (text !== '') this.body.write(encoder.encode(text))
  }
}
