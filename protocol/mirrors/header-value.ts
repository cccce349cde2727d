/** Writes and reads the text of a header that mirrors a value of the body (MCP 2026-07-28, Streamable HTTP, value encoding). Pure. */

const PREFIX = '=?base64?'
const SUFFIX = '?='

/** RFC 4648 §4, with padding. Whether unused bits of the last character are zero is checked by encoding again. */
const CANONICAL_BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Visible ASCII, space and tab, with neither space nor tab at the ends. */
const PLAIN = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The header for a text: as it is when a header can carry it, else in base64 between lower-case markers. */
export function encodeHeaderValue(text: string): string {
  if (PLAIN.test(text) && !isMarked(text)) return text
  return `${PREFIX}${toBase64(new TextEncoder().encode(text))}${SUFFIX}`
}

/** The text that a header stands for, or undefined when its base64 is not canonical, not UTF-8, or the header has other characters than may be. */
export function decodeHeaderValue(header: string): string | undefined {
  const value = trimHeader(header)
  if (!isMarked(value)) return /^[\t\x20-\x7e]*$/.test(value) ? value : undefined
  const base64 = value.slice(PREFIX.length, -SUFFIX.length)
  if (!CANONICAL_BASE64.test(base64)) return undefined
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
  if (toBase64(bytes) !== base64) return undefined
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** Without the white space around a field value (RFC 9110 §5.5). A loop, since `/[\t ]+$/` takes quadratic time. */
export function trimHeader(header: string): string {
  let from = 0
  let to = header.length
  while (from < to && isSpace(header.charCodeAt(from))) from++
  while (to > from && isSpace(header.charCodeAt(to - 1))) to--
  return header.slice(from, to)
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function isMarked(value: string): boolean {
  return value.length >= PREFIX.length + SUFFIX.length && value.startsWith(PREFIX) && value.endsWith(SUFFIX)
}

function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}
