/**
 * One text for each JSON value, whatever its white space, order of keys and escapes: RFC 8785, but that the text of a number stays as it was
 * sent, since `JSON.parse` makes one number of many. What could be read in two ways has none, unless whoever asks says how it is spelt. Pure.
 */
import { encodeBase64Url } from '../encoding/base64url.ts'
import type { Span } from '../json/json-scan.ts'
import { OPEN_ARRAY, OPEN_OBJECT, QUOTE, ScanFault } from '../json/json-skip.ts'
import { isObject } from '../json/json-object.ts'
import { elementsAt, type Member, membersAt, orUndefined, textAt } from './json-members.ts'

/** Deeper values than any schema or argument that a person could look over have no canonical text. */
const MAX_DEPTH = 128

const LONE_SURROGATE = /\p{Surrogate}/u

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** How values are spelt, and what becomes of those that have no one text. */
export interface Spelling {
  /** The text of a value that is not taken apart at this depth; undefined for one that is. */
  readonly whole: (bytes: Uint8Array, span: Span, depth: number) => string | undefined
  /** Of what is neither object nor list. */
  readonly scalar: (bytes: Uint8Array, span: Span) => string
  readonly membersOf: (bytes: Uint8Array, start: number) => Iterable<Member>
  readonly elementsOf: (bytes: Uint8Array, start: number) => readonly Span[]
}

const STRICT: Spelling = {
  whole: (_bytes, _span, depth) => {
    if (depth > MAX_DEPTH) throw new ScanFault('value_too_long')
    return undefined
  },
  scalar: (bytes, span) => (bytes[span[0]] === QUOTE ? stringText(textAt(bytes, span) ?? '') : utf8.decode(bytes.subarray(...span))),
  *membersOf(bytes, start) {
    const keys = new Set<string>()
    for (const member of membersAt(bytes, start)) {
      if (keys.has(member.key)) throw new ScanFault('duplicate_key', member.key)
      if (LONE_SURROGATE.test(member.key)) throw new ScanFault('not_json')
      keys.add(member.key)
      yield member
    }
  },
  elementsOf: elementsAt,
}

/**
 * The canonical text of the value at a span of valid JSON (`isJson`). Undefined where a key stands twice in one object, a text has half of
 * a surrogate pair (RFC 8785 §3.2.2.2), an object has more members than are looked at, or the nesting is too deep.
 */
export function canonicalJson(bytes: Uint8Array, span: Span): string | undefined {
  return orUndefined(() => valueText(bytes, span, 0, STRICT))
}

/** Which members of an object have a part in its text, and others whose texts are canonical already. */
interface Chosen {
  readonly isKept: (key: string) => boolean
  readonly others?: readonly (readonly [string, string])[]
}

/**
 * The same of some members of an object.
 *
 * @throws {ScanFault} where they have no such text, unless the spelling has one.
 */
export function canonicalObject(bytes: Uint8Array, span: Span, { isKept, others = [] }: Chosen, spelling = STRICT): string {
  const members = new Map(others)
  for (const { key, span: value } of spelling.membersOf(bytes, span[0]))
    if (isKept(key)) members.set(key, valueText(bytes, value, 1, spelling))
  return sortedObject(members)
}

/** The canonical text of a value that is no bytes any more, so that its numbers are those of `JSON.parse`. */
export function canonicalValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalValue).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  return sortedObject(new Map(Object.entries(value).map(([key, member]) => [key, canonicalValue(member)])))
}

/** SHA-256 of a text, in base64url. */
export async function textDigest(text: string): Promise<string> {
  return encodeBase64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text))))
}

function valueText(bytes: Uint8Array, span: Span, depth: number, spelling: Spelling): string {
  const whole = spelling.whole(bytes, span, depth)
  if (whole !== undefined) return whole
  switch (bytes[span[0]]) {
    case OPEN_OBJECT: {
      const members = new Map<string, string>()
      for (const { key, span: value } of spelling.membersOf(bytes, span[0])) members.set(key, valueText(bytes, value, depth + 1, spelling))
      return sortedObject(members)
    }
    case OPEN_ARRAY:
      return `[${spelling
        .elementsOf(bytes, span[0])
        .map((element) => valueText(bytes, element, depth + 1, spelling))
        .join(',')}]`
    default:
      return spelling.scalar(bytes, span)
  }
}

/** Keys in the order of their UTF-16 code units (RFC 8785 §3.2.3), which is that of `<`. */
function sortedObject(members: ReadonlyMap<string, string>): string {
  const sorted = [...members].toSorted(([left], [right]) => (left < right ? -1 : 1))
  return `{${sorted.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`
}

function stringText(text: string): string {
  if (LONE_SURROGATE.test(text)) throw new ScanFault('not_json')
  return JSON.stringify(text)
}
