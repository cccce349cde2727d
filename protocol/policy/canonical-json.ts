/**
 * One text for each JSON value, whatever its white space, order of keys and escapes: RFC 8785, but that the text of a number stays as it was
 * sent, since `JSON.parse` makes one number of many. What could be read in two ways has none. Pure.
 */
import { encodeBase64Url } from '../encoding/base64url.ts'
import type { Span } from '../json-scan.ts'
import { OPEN_ARRAY, OPEN_OBJECT, QUOTE, ScanFault } from '../json-skip.ts'
import { elementsAt, membersAt, orUndefined, textAt } from './json-members.ts'

/** Deeper values than any schema or argument that a person could look over have no canonical text. */
const MAX_DEPTH = 128

const LONE_SURROGATE = /\p{Surrogate}/u

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/**
 * The canonical text of the value at a span of valid JSON (`isJson`). Undefined where a key stands twice in one object, a text has half of
 * a surrogate pair (RFC 8785 §3.2.2.2), an object has more members than are looked at, or the nesting is too deep.
 */
export function canonicalJson(bytes: Uint8Array, span: Span): string | undefined {
  return orUndefined(() => valueText(bytes, span, 0))
}

/**
 * The same of the members of an object that are kept, and of others whose texts are canonical already.
 *
 * @throws {ScanFault} where they have no such text.
 */
export function canonicalObject(
  bytes: Uint8Array,
  span: Span,
  isKept: (key: string) => boolean,
  others: readonly (readonly [string, string])[] = [],
): string {
  return objectText(bytes, span, 0, isKept, others)
}

/** SHA-256 of a text, in base64url. */
export async function textDigest(text: string): Promise<string> {
  return encodeBase64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text))))
}

function valueText(bytes: Uint8Array, span: Span, depth: number): string {
  if (depth > MAX_DEPTH) throw new ScanFault('value_too_long')
  switch (bytes[span[0]]) {
    case OPEN_OBJECT:
      return objectText(bytes, span, depth)
    case OPEN_ARRAY:
      return `[${elementsAt(bytes, span[0])
        .map((element) => valueText(bytes, element, depth + 1))
        .join(',')}]`
    case QUOTE:
      return stringText(textAt(bytes, span) ?? '')
    default:
      return utf8.decode(bytes.subarray(...span))
  }
}

function objectText(
  bytes: Uint8Array,
  span: Span,
  depth: number,
  isKept: (key: string) => boolean = () => true,
  others: readonly (readonly [string, string])[] = [],
): string {
  const members = new Map(others)
  for (const { key, span: value } of membersAt(bytes, span[0])) {
    if (!isKept(key)) continue
    if (members.has(key)) throw new ScanFault('duplicate_key', key)
    members.set(key, valueText(bytes, value, depth + 1))
  }
  // Keys in the order of their UTF-16 code units (RFC 8785 §3.2.3), which is that of `<`.
  const sorted = [...members].toSorted(([left], [right]) => (left < right ? -1 : 1))
  return `{${sorted.map(([key, text]) => `${stringText(key)}:${text}`).join(',')}}`
}

function stringText(text: string): string {
  if (LONE_SURROGATE.test(text)) throw new ScanFault('not_json')
  return JSON.stringify(text)
}
