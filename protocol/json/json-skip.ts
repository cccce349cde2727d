/** Steps over JSON in bytes: white space, strings, whole values. Nesting is counted, so depth costs nothing. */

export const QUOTE = 0x22
export const BACKSLASH = 0x5c
export const COMMA = 0x2c
export const MINUS = 0x2d
export const COLON = 0x3a
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d
export const OPEN_ARRAY = 0x5b
export const CLOSE_ARRAY = 0x5d

export type ScanError =
  | 'not_json'
  | 'not_a_message'
  | 'duplicate_key'
  | 'look_alike_key'
  | 'relay_key'
  | 'too_many_members'
  | 'value_too_long'
  | 'batch_too_long'

/** Thrown below json-scan.ts only; every function that it exports turns it into a value. */
export class ScanFault extends Error {
  readonly reason: ScanError
  /** The key at fault, where it is one. */
  readonly key: string | undefined
  constructor(reason: ScanError, key?: string) {
    super(reason)
    this.reason = reason
    this.key = key
  }
}

/** Offset of the first byte that is no white space. */
export function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at++
  }
}

/**
 * The key in quotes at a span, read char by char, which is faster than decoding while it is short; undefined when it must
 * be decoded: an escaped key can spell `id` too, and a peer that decodes it would read it so.
 */
export function readPlainKey(bytes: Uint8Array, from: number, to: number): string | undefined {
  let text = ''
  for (let at = from + 1; at < to - 1; at++) {
    const byte = bytes[at] ?? 0
    if (byte === BACKSLASH || byte > 0x7e) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

/** Offset behind the string that opens at `from`. */
export function skipString(bytes: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    at = bytes.indexOf(QUOTE, at + 1)
    if (at === -1) throw new ScanFault('not_json')
    let slashes = 0
    while (bytes[at - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return at + 1
  }
}

/** Offset behind the value that starts at `from`; nesting is counted, not recursed into. */
export function skipValue(bytes: Uint8Array, from: number): number {
  const first = bytes[from]
  if (first === QUOTE) return skipString(bytes, from)
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return skipLiteral(bytes, from)
  let depth = 0
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) at = skipString(bytes, at) - 1
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++
    else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth === 0) return at + 1
  }
  throw new ScanFault('not_json')
}

/** Offset behind a number, `true`, `false` or `null`. */
function skipLiteral(bytes: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    const byte = bytes[at] ?? 0
    const inside =
      (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x45
    if (!inside) break
    at++
  }
  if (at === from) throw new ScanFault('not_json')
  return at
}
