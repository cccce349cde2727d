/** Says whether bytes are one JSON value in UTF-8 (RFC 8259), without making the value: of a few bytes JSON.parse may make many times their size. Pure. */
import { BACKSLASH, CLOSE_ARRAY, CLOSE_OBJECT, COLON, COMMA, MINUS, OPEN_ARRAY, OPEN_OBJECT, QUOTE, skipSpace } from './json-skip.ts'

/** Decoded at once, so that the text of a long body is never there whole. */
const PIECE_BYTES = 64 * 1024

const codesOf = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0))

const LITERALS = ['true', 'false', 'null'].map(codesOf)
/** What may stand behind a backslash, but for `u`, which has four digits behind it. */
const ESCAPES: ReadonlySet<number> = new Set(codesOf('"\\/bfnrt'))
const SMALL_U = 0x75
const NOWHERE = -1

/** Agrees with JSON.parse of the decoded bytes, for any bytes. A level of nesting costs one byte. */
export function isJson(bytes: Uint8Array): boolean {
  return isUtf8(bytes) && isOneValue(bytes)
}

function isUtf8(bytes: Uint8Array): boolean {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  try {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) utf8.decode(bytes.subarray(at, at + PIECE_BYTES), { stream: true })
    utf8.decode()
    return true
  } catch {
    return false
  }
}

function isOneValue(bytes: Uint8Array): boolean {
  /** The bytes that close the containers which are open, innermost last. */
  let closing = new Uint8Array(64)
  let depth = 0
  let at = skipSpace(bytes, 0)
  for (;;) {
    // A value begins here, or in an object the key before it.
    const first = bytes[at]
    if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      if (depth === closing.length) closing = doubled(closing)
      closing[depth++] = first === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY
      at = skipSpace(bytes, at + 1)
      if (bytes[at] !== closing[depth - 1]) {
        if (first === OPEN_OBJECT) at = valueBehindKey(bytes, at)
        if (at === NOWHERE) return false
        continue
      }
    } else {
      const end = scalarEnd(bytes, at)
      if (end === NOWHERE) return false
      at = skipSpace(bytes, end)
    }
    while (depth > 0 && bytes[at] === closing[depth - 1]) {
      depth--
      at = skipSpace(bytes, at + 1)
    }
    if (depth === 0) return at === bytes.length
    if (bytes[at] !== COMMA) return false
    at = skipSpace(bytes, at + 1)
    if (closing[depth - 1] === CLOSE_OBJECT) at = valueBehindKey(bytes, at)
    if (at === NOWHERE) return false
  }
}

function doubled(full: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(full.length * 2)
  larger.set(full)
  return larger
}

/** Where the value stands whose key is at `from`, or NOWHERE. */
function valueBehindKey(bytes: Uint8Array, from: number): number {
  if (bytes[from] !== QUOTE) return NOWHERE
  const keyEnd = stringEnd(bytes, from)
  const colon = keyEnd === NOWHERE ? NOWHERE : skipSpace(bytes, keyEnd)
  return colon !== NOWHERE && bytes[colon] === COLON ? skipSpace(bytes, colon + 1) : NOWHERE
}

function scalarEnd(bytes: Uint8Array, from: number): number {
  const first = bytes[from] ?? 0
  if (first === QUOTE) return stringEnd(bytes, from)
  if (first === MINUS || isDigit(first)) return numberEnd(bytes, from)
  for (const word of LITERALS) if (word.every((letter, n) => bytes[from + n] === letter)) return from + word.length
  return NOWHERE
}

function stringEnd(bytes: Uint8Array, from: number): number {
  for (let at = from + 1; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if (byte === QUOTE) return at + 1
    if (byte < 0x20) return NOWHERE
    if (byte !== BACKSLASH) continue
    const escaped = bytes[++at] ?? 0
    if (escaped === SMALL_U) {
      for (let n = 0; n < 4; n++) if (!isHexDigit(bytes[++at] ?? 0)) return NOWHERE
    } else if (!ESCAPES.has(escaped)) return NOWHERE
  }
  return NOWHERE
}

function numberEnd(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from
  const whole = digitsEnd(bytes, at)
  // A zero in front has no digits behind it.
  if (whole === at || (bytes[at] === 0x30 && whole > at + 1)) return NOWHERE
  at = whole
  if (bytes[at] === 0x2e) {
    const fraction = digitsEnd(bytes, at + 1)
    if (fraction === at + 1) return NOWHERE
    at = fraction
  }
  if (bytes[at] !== 0x65 && bytes[at] !== 0x45) return at
  at++
  if (bytes[at] === 0x2b || bytes[at] === MINUS) at++
  const power = digitsEnd(bytes, at)
  return power === at ? NOWHERE : power
}

function digitsEnd(bytes: Uint8Array, from: number): number {
  let at = from
  while (isDigit(bytes[at] ?? 0)) at++
  return at
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

function isHexDigit(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)
}
