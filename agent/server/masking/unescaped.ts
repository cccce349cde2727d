/** Reads a line as if its JSON escapes were the characters that they stand for, and finds places of the one in the other. Pure and linear. */
import { BACKSLASH } from '../../../protocol/json/json-skip.ts'

const LETTER_U = 0x75
/** No character. */
const NONE = -1
/** What a letter behind a backslash stands for (RFC 8259 §7), by its code. */
const SHORT = new Int16Array(256).fill(NONE)
Buffer.from('"\\/bfnrt').forEach((letter, index) => (SHORT[letter] = '"\\/\b\f\n\r\t'.charCodeAt(index)))

/** The line without escapes. `firstEscape`: where its first backslash stands. What is no escape stays as it is. */
export function unescaped(line: Uint8Array, firstEscape: number): Uint8Array {
  const out = Buffer.allocUnsafe(line.length)
  out.set(line.subarray(0, firstEscape))
  return out.subarray(0, pass(line, firstEscape, out, undefined))
}

/** Where in the line those offsets of its unescaped form lie; they ascend. */
export function unescapedMarks(line: Uint8Array, offsets: readonly number[]): number[] {
  const marks = { offsets, places: [] as number[] }
  const length = pass(line, 0, Buffer.allocUnsafe(line.length), marks)
  while (marks.places.length < offsets.length && (offsets[marks.places.length] ?? 0) >= length) marks.places.push(line.length)
  return marks.places
}

interface Marks {
  readonly offsets: readonly number[]
  readonly places: number[]
}

/** Pieces between one escape and the next are mostly short, and then faster byte by byte. */
const SHORT_PIECE_BYTES = 64

/** Writes the unescaped bytes from `start` on, before which there is no escape. Returns the length of all. */
function pass(line: Uint8Array, start: number, out: Uint8Array, marks: Marks | undefined): number {
  let [read, write] = [start, start]
  while (read < line.length) {
    const [from, to] = [read, write]
    const code = line[read] === BACKSLASH ? codeAt(line, read) : NONE
    if (code === NONE) {
      // A backslash that begins no escape is a byte like any other.
      read = copyPiece(line, read, out, write)
      write += read - from
    } else {
      write = encode(code, out, write)
      read += line[read + 1] !== LETTER_U ? 2 : code > 0xffff ? 12 : 6
    }
    if (marks !== undefined) mark(marks, from, to, write)
  }
  return write
}

/** Copies at least one byte, and all up to the next backslash. Returns where that stands. */
function copyPiece(line: Uint8Array, from: number, out: Uint8Array, to: number): number {
  const soon = Math.min(line.length, from + SHORT_PIECE_BYTES)
  let at = from
  do out[to + at - from] = line[at] ?? 0
  while (++at < soon && line[at] !== BACKSLASH)
  if (at < soon || at === line.length || line[at] === BACKSLASH) return at
  const found = line.indexOf(BACKSLASH, at)
  const end = found === -1 ? line.length : found
  out.set(line.subarray(at, end), to + at - from)
  return end
}

/** Notes the places of all offsets from `write` to `next`, of bytes that stand in the line from `read` on as they are, or are one escape. */
function mark({ offsets, places }: Marks, read: number, write: number, next: number): void {
  for (;;) {
    const offset = offsets[places.length]
    if (offset === undefined || offset >= next) return
    places.push(read + offset - write)
  }
}

/** The character that an escape stands for, or two of `\uXXXX` that are one; NONE for half a pair and for what is no escape. */
function codeAt(line: Uint8Array, at: number): number {
  const letter = line[at + 1] ?? 0
  if (letter !== LETTER_U) return SHORT[letter] ?? NONE
  const unit = hexAt(line, at + 2)
  if (unit < 0xd800 || unit > 0xdfff) return unit
  const isPair = unit < 0xdc00 && line[at + 6] === BACKSLASH && line[at + 7] === LETTER_U
  const low = isPair ? hexAt(line, at + 8) : NONE
  return low < 0xdc00 || low > 0xdfff ? NONE : 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
}

function hexAt(line: Uint8Array, from: number): number {
  let value = 0
  for (let at = from; at < from + 4; at++) {
    const byte = line[at] ?? 0
    const small = byte | 0x20
    const digit = byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : small >= 0x61 && small <= 0x66 ? small - 0x57 : -1
    if (digit < 0) return NONE
    value = value * 16 + digit
  }
  return value
}

/** UTF-8; an escape is never shorter than what it stands for. */
function encode(code: number, out: Uint8Array, at: number): number {
  if (code < 0x80) {
    out[at] = code
    return at + 1
  }
  const bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  let rest = code
  for (let index = bytes - 1; index > 0; index--) {
    out[at + index] = 0x80 | (rest & 0x3f)
    rest >>= 6
  }
  out[at] = (bytes === 2 ? 0xc0 : bytes === 3 ? 0xe0 : 0xf0) | rest
  return at + bytes
}
