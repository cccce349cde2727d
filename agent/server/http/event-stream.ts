/** Takes server-sent events apart (HTML §9.2.6): messages, the last event id, and the pause that the server asks for. No I/O. */
import { MAX_LINE_BYTES } from '../../../protocol/limits.ts'
import { concat } from '../../../protocol/splice.ts'
import { HTTP_EVENT_ID_CHARS, HTTP_RETRY_MAX_MS } from '../../limits.ts'
import { LineSplitter } from '../line-splitter.ts'

interface EventHandlers {
  /** An event with data, in one line: lines of data are joined by spaces, which is all the same to JSON. `type` is `message` unless it has a name. */
  readonly event: (type: string, data: Uint8Array) => void
  /** One whose data is longer than MAX_LINE_BYTES: its first and last bytes, as far as they are known. */
  readonly tooLong: (head: Uint8Array, tail: Uint8Array, size: number) => void
}

/** The longest that begins a line of data, with room to spare. */
const FIELD_BYTES = 64
const COLON = 0x3a
const SPACE = Uint8Array.of(0x20)

export class EventStream {
  readonly #handlers: EventHandlers
  readonly #lines: LineSplitter
  #data: Uint8Array[] = []
  #size = 0
  #type = ''
  #id: string | undefined
  #lastId: string | undefined
  #retryMs: number | undefined
  #count = 0

  constructor(handlers: EventHandlers, lastId?: string) {
    this.#handlers = handlers
    this.#lastId = lastId
    this.#lines = new LineSplitter(MAX_LINE_BYTES + FIELD_BYTES, {
      line: (bytes) => this.#line(bytes),
      tooLong: (head, tail, size) => {
        const from = valueAt(head, head.indexOf(COLON))
        handlers.tooLong(head.subarray(from), tail, size - from)
      },
    })
  }

  /** Of the last event that came whole; undefined when there is none to go on behind. */
  get lastId(): string | undefined {
    return this.#lastId
  }

  get retryMs(): number | undefined {
    return this.#retryMs
  }

  /** How many events have come whole, those without data among them. */
  get count(): number {
    return this.#count
  }

  push(chunk: Uint8Array): void {
    this.#lines.push(chunk)
  }

  #line(line: Uint8Array): void {
    if (line.length === 0) return this.#dispatch()
    const colon = line.indexOf(COLON)
    if (colon === 0) return
    const name = Buffer.from(colon === -1 ? line : line.subarray(0, colon)).toString('latin1')
    this.#field(name, colon === -1 ? new Uint8Array(0) : line.subarray(valueAt(line, colon)))
  }

  #field(name: string, value: Uint8Array): void {
    switch (name) {
      case 'data':
        this.#size += value.length
        if (this.#size <= MAX_LINE_BYTES) this.#data.push(value)
        return
      case 'event':
        this.#type = textOf(value)
        return
      case 'id': {
        const id = textOf(value)
        // Such a one could not be given back in a header.
        if (id.length <= HTTP_EVENT_ID_CHARS && /^[\x20-\x7e]*$/.test(id)) this.#id = id
        return
      }
      case 'retry': {
        const ms = /^\d{1,10}$/.test(textOf(value)) ? Number(textOf(value)) : undefined
        if (ms !== undefined) this.#retryMs = Math.min(ms, HTTP_RETRY_MAX_MS)
      }
    }
  }

  #dispatch(): void {
    const [data, size, type] = [this.#data, this.#size, this.#type]
    if (this.#id !== undefined) this.#lastId = this.#id === '' ? undefined : this.#id
    if (size > 0 || this.#id !== undefined) this.#count++
    this.#data = []
    this.#size = 0
    this.#type = ''
    this.#id = undefined
    if (size > MAX_LINE_BYTES) this.#handlers.tooLong(data[0] ?? SPACE, data.at(-1) ?? SPACE, size)
    else if (size > 0) this.#handlers.event(type === '' ? 'message' : type, joined(data))
  }
}

/** Behind the colon, and one space. */
function valueAt(line: Uint8Array, colon: number): number {
  return line[colon + 1] === SPACE[0] ? colon + 2 : colon + 1
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8')
}

function joined(lines: readonly Uint8Array[]): Uint8Array {
  const [only] = lines
  return only !== undefined && lines.length === 1 ? only : concat(lines.flatMap((line, index) => (index === 0 ? [line] : [SPACE, line])))
}
