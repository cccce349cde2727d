/** Cuts a stream of server-sent events (HTML, server-sent events, 9.2.5) into events, each with the empty line behind it. Holds no more than one. Pure. */
import { concat } from '../../../protocol/splice.ts'

const [LINE_FEED, RETURN] = [0x0a, 0x0d]
const LAST_FEED = Uint8Array.of(LINE_FEED)

/** One event; of one that is larger than is held, `part`s as they come. */
export type EventPiece =
  | { readonly kind: 'event'; readonly bytes: Uint8Array }
  | { readonly kind: 'part'; readonly bytes: Uint8Array; readonly isLast: boolean }

export class EventSplitter {
  readonly #maxBytes: number
  #held: Uint8Array[] = []
  #size = 0
  /** Bytes of the line that has begun. */
  #line = 0
  #isAfterReturn = false
  /** Parts of the event that has begun have been given. */
  #isInParts = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Whether an event has begun that is not whole yet. */
  get isAmid(): boolean {
    return this.#size > 0 || this.#isInParts
  }

  push(chunk: Uint8Array): EventPiece[] {
    const pieces: EventPiece[] = []
    let from = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]
      const isSecond = byte === LINE_FEED && this.#isAfterReturn
      this.#isAfterReturn = byte === RETURN
      if (isSecond) {
        if (!this.isAmid && from === at) from = at + 1
        continue
      }
      if (byte !== LINE_FEED && byte !== RETURN) {
        this.#line++
        continue
      }
      const isEmpty = this.#line === 0
      this.#line = 0
      if (!isEmpty) continue
      const isCut = byte === RETURN && at + 1 === chunk.length
      if (byte === RETURN && chunk[at + 1] === LINE_FEED) at++
      const bytes = chunk.subarray(from, at + 1)
      // Readers wait for what may follow upon a return: it is told at once, and left out when it comes.
      pieces.push(this.#whole(isCut ? concat([bytes, LAST_FEED]) : bytes))
      this.#isAfterReturn = isCut
      from = at + 1
    }
    if (from < chunk.length) {
      const part = this.#more(chunk.subarray(from))
      if (part !== undefined) pieces.push(part)
    }
    return pieces
  }

  #whole(bytes: Uint8Array): EventPiece {
    const all = this.#held.length === 0 ? bytes : concat([...this.#held, bytes])
    const wasInParts = this.#isInParts
    this.#held = []
    this.#size = 0
    this.#isInParts = false
    return wasInParts || all.length > this.#maxBytes ? { kind: 'part', bytes: all, isLast: true } : { kind: 'event', bytes: all }
  }

  #more(bytes: Uint8Array): EventPiece | undefined {
    this.#held.push(bytes)
    this.#size += bytes.length
    if (!this.#isInParts && this.#size <= this.#maxBytes) return undefined
    const all = concat(this.#held)
    this.#held = []
    this.#size = 0
    this.#isInParts = true
    return { kind: 'part', bytes: all, isLast: false }
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The fields of an event but for its data, line by line, and the data. */
export interface EventFields {
  readonly others: readonly string[]
  /** Undefined where there is none. */
  readonly data: string | undefined
  readonly hasId: boolean
}

export function readEvent(bytes: Uint8Array): EventFields {
  const lines = decoder.decode(bytes).split(/\r\n|\n|\r/)
  const isData = (line: string): boolean => line === 'data' || line.startsWith('data:')
  const data = lines.filter(isData).map((line) => line.slice('data:'.length).replace(/^ /, ''))
  const others = lines.filter((line) => line !== '' && !isData(line))
  const hasId = others.some((line) => line.startsWith('id:') && line.slice('id:'.length).trim() !== '')
  return { others, data: data.length === 0 ? undefined : data.join('\n'), hasId }
}

/** An event with this data, in lines of its own each. */
export function writeEvent(data: string, others: readonly string[] = []): Uint8Array {
  const lines = data.split(/\r\n|\n|\r/).map((line) => `data: ${line}`)
  return encoder.encode(`${[...others, ...lines].join('\n')}\n\n`)
}
