/** Lower-case base32 without padding (RFC 4648 §6): the spelling of share ids and path keys, valid in a DNS label. */

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const BITS_PER_CHAR = 5

export function encodeBase32(bytes: Uint8Array): string {
  let text = ''
  let buffer = 0
  let bits = 0
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte
    bits += 8
    while (bits >= BITS_PER_CHAR) {
      bits -= BITS_PER_CHAR
      text += ALPHABET.charAt((buffer >> bits) & 31)
    }
    buffer &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + ALPHABET.charAt((buffer << (BITS_PER_CHAR - bits)) & 31)
}

/**
 * The bytes of a text, or `undefined` when it is not exactly what `encodeBase32` writes: upper case, padding, spare
 * bits and spare characters are refused, so that no two spellings name the same thing.
 */
export function decodeBase32(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * BITS_PER_CHAR) / 8))
  let buffer = 0
  let bits = 0
  let length = 0
  for (const char of text) {
    const value = ALPHABET.indexOf(char)
    if (value < 0) return undefined
    buffer = (buffer << BITS_PER_CHAR) | value
    bits += BITS_PER_CHAR
    if (bits >= 8) {
      bits -= 8
      bytes[length++] = buffer >> bits
    }
    buffer &= (1 << bits) - 1
  }
  return bits < BITS_PER_CHAR && buffer === 0 ? bytes : undefined
}
