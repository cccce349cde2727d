/** Base64url without padding (RFC 4648 §5): one text for each byte string, and no other is read. Pure. */

export function encodeBase64Url(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

const BASE64URL = /^[A-Za-z0-9_-]*$/

/** The bytes of a text, or undefined when it is not exactly what `encodeBase64Url` writes: no padding, no spare bits. */
export function decodeBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!BASE64URL.test(text) || text.length % 4 === 1) return undefined
  const chars = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = Uint8Array.from(chars, (char) => char.charCodeAt(0))
  return encodeBase64Url(bytes) === text ? bytes : undefined
}
