/** Splits a stream of bytes into lines of bounded length, in time linear in the bytes however they are chunked. No I/O. */
import { OVERSIZED_HEAD_BYTES, OVERSIZED_TAIL_BYTES } from '../limits.ts'

export interface LineHandlers {
  /** One line without its end; carriage returns at the end are cut off, others are spaces. The bytes are the receiver's own. */
  readonly line: (bytes: Uint8Array) => void
  /** A line over the limit has ended: what is left of it. `size` counts all its bytes. */
  readonly tooLong: (head: Uint8Array, tail: Uint8Array, size: number) => void
}

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
/** The byte order mark of UTF-8, which some runtimes write first of all, or each time that they write; a reader may ignore it (RFC 8259 §8.1). */
const MARK = [0xef, 0xbb, 0xbf] as const

/** Smaller pieces are gathered in one buffer, so that a child that writes byte by byte does not cost an object for each. */
const SMALL_PIECE_BYTES = 16 * 1024
const GATHER_BYTES = 64 * 1024

export class LineSplitter {
  readonly #maxBytes: number
  readonly #handlers: LineHandlers
  readonly #edit: ((line: Uint8Array) => Uint8Array) | undefined
  #pieces: Uint8Array[] = []
  #gather = new Uint8Array(0)
  #gathered = 0
  /** Bytes of the unfinished line, those that were thrown away included. */
  #size = 0
  #oversized: { head: Uint8Array; tail: Uint8Array } | undefined

  /** Lines longer than `maxBytes` are not kept. Each other is what `edit` makes of it. */
  constructor(maxBytes: number, handlers: LineHandlers, edit?: (line: Uint8Array) => Uint8Array) {
    this.#maxBytes = maxBytes
    this.#handlers = handlers
    this.#edit = edit
  }

  /** A line whose end has not come, or undefined where it has more than `mostBytes`. */
  unfinished(mostBytes: number): Uint8Array | undefined {
    return this.#oversized === undefined && this.#size <= mostBytes ? this.#join(this.#size) : undefined
  }

  push(chunk: Uint8Array): void {
    let from = 0
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, from)
      if (end === -1) break
      this.#finish(chunk.subarray(from, end))
      from = end + 1
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from))
  }

  /** Nothing more comes: an unfinished line counts as one. */
  end(): void {
    if (this.#size > 0) this.#finish(new Uint8Array(0))
  }

  #finish(rest: Uint8Array): void {
    // The common case, a line inside one chunk, is copied once: a short line must not keep its whole chunk alive.
    if (this.#size === 0 && rest.length <= this.#maxBytes) return this.#line(copy(rest))
    this.#keep(rest)
    const [size, oversized] = [this.#size, this.#oversized]
    const line = oversized === undefined ? this.#join(size) : undefined
    this.#reset()
    if (line !== undefined) this.#line(line)
    else if (oversized !== undefined) this.#handlers.tooLong(oversized.head, oversized.tail, size)
  }

  #line(bytes: Uint8Array): void {
    const line = tidy(bytes)
    const text = withoutMark(line)
    this.#handlers.line(this.#edit === undefined ? text : this.#edit(text))
  }

  #keep(piece: Uint8Array): void {
    this.#size += piece.length
    if (this.#oversized !== undefined) {
      if (this.#oversized.head.length < OVERSIZED_HEAD_BYTES) this.#oversized.head = firstBytes([this.#oversized.head, piece])
      this.#oversized.tail = lastBytes([this.#oversized.tail, piece])
    } else if (this.#size > this.#maxBytes) {
      const kept = [...this.#pieces, this.#gather.subarray(0, this.#gathered), piece]
      this.#oversized = { head: firstBytes(kept), tail: lastBytes(kept) }
      this.#drop()
    } else if (piece.length < SMALL_PIECE_BYTES) {
      this.#gatherUp(piece)
    } else {
      this.#flushGathered()
      this.#pieces.push(copy(piece))
    }
  }

  #gatherUp(piece: Uint8Array): void {
    if (this.#gathered + piece.length > this.#gather.length) this.#flushGathered()
    if (this.#gather.length === 0) this.#gather = new Uint8Array(GATHER_BYTES)
    this.#gather.set(piece, this.#gathered)
    this.#gathered += piece.length
  }

  #flushGathered(): void {
    if (this.#gathered > 0) this.#pieces.push(this.#gather.slice(0, this.#gathered))
    this.#gathered = 0
  }

  #join(size: number): Uint8Array {
    const line = new Uint8Array(size)
    let at = 0
    for (const piece of [...this.#pieces, this.#gather.subarray(0, this.#gathered)]) {
      line.set(piece, at)
      at += piece.length
    }
    return line
  }

  #drop(): void {
    this.#pieces = []
    this.#gather = new Uint8Array(0)
    this.#gathered = 0
  }

  #reset(): void {
    this.#pieces = []
    this.#gathered = 0
    this.#size = 0
    this.#oversized = undefined
  }
}

/** Text without the byte order mark that it may begin with. */
export function withoutMark(text: Uint8Array): Uint8Array {
  return text[0] === MARK[0] && text[1] === MARK[1] && text[2] === MARK[2] ? text.subarray(MARK.length) : text
}

/** A Buffer's own `slice` would be a view. */
function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

/** Works in place, on bytes that are ours. */
function tidy(line: Uint8Array): Uint8Array {
  let end = line.length
  while (end > 0 && line[end - 1] === CARRIAGE_RETURN) end--
  for (let at = line.indexOf(CARRIAGE_RETURN); at !== -1 && at < end; at = line.indexOf(CARRIAGE_RETURN, at + 1)) line[at] = SPACE
  return end === line.length ? line : line.subarray(0, end)
}

function firstBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const kept: Uint8Array[] = []
  let room = OVERSIZED_HEAD_BYTES
  for (const piece of pieces) {
    kept.push(piece.subarray(0, room))
    room -= Math.min(room, piece.length)
    if (room === 0) break
  }
  return copy(Buffer.concat(kept))
}

function lastBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const kept: Uint8Array[] = []
  let room = OVERSIZED_TAIL_BYTES
  for (const piece of pieces.toReversed()) {
    kept.unshift(piece.subarray(Math.max(0, piece.length - room)))
    room -= Math.min(room, piece.length)
    if (room === 0) break
  }
  return copy(Buffer.concat(kept))
}
