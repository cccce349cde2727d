/** The digest by which a retry shows that it repeats the request whose state it brings. Pure. */
import { canonicalId } from '../../protocol/json-id.ts'
import type { Span } from '../../protocol/json-scan.ts'
import { OPEN_ARRAY, OPEN_OBJECT, QUOTE } from '../../protocol/json-skip.ts'
import { elementsAt, findPath, isObjectAt, rootOf, textAt, valueAt } from './json-view.ts'
import { objectText } from './object-text.ts'
import { walkObject } from '../../protocol/object-members.ts'

/** What may differ between a request and its retry (MCP 2026-07-28, basic/patterns/mrtr). */
const UNBOUND: readonly string[] = ['_meta', 'inputResponses', 'requestState']

/**
 * Values nested deeper than this, or longer, in bytes, count byte by byte: a client that writes them otherwise the second time
 * must call anew. What is taken apart becomes many times its size for a while.
 */
const MAX_DEPTH = 64
const MAX_CANONICAL_BYTES = 64 * 1024

/**
 * SHA-256 over method and params, whatever the order of keys, the white space, and the spelling of strings and numbers.
 * Numbers count exactly, also beyond 2^53.
 */
export async function requestDigest(body: Uint8Array, method: string): Promise<Uint8Array<ArrayBuffer>> {
  const params = findPath(body, rootOf(body), 'params')
  const text = isObjectAt(body, params) ? canonicalObject(body, params, 0, UNBOUND) : '{}'
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`${JSON.stringify(method)}${text}`)))
}

function canonicalText(body: Uint8Array, span: Span, depth: number): string {
  const first = body[span[0]]
  if (depth >= MAX_DEPTH || span[1] - span[0] > MAX_CANONICAL_BYTES) return textAt(body, span)
  if (first === OPEN_OBJECT) return canonicalObject(body, span, depth, [])
  if (first === OPEN_ARRAY)
    return `[${elementsAt(body, span[0])
      .map((element) => canonicalText(body, element, depth + 1))
      .join(',')}]`
  const text = textAt(body, span)
  return first === QUOTE ? JSON.stringify(valueAt(body, span)) : canonicalId(text)
}

function canonicalObject(body: Uint8Array, span: Span, depth: number, without: readonly string[]): string {
  const members = new Map<string, string>()
  walkObject(body, span[0], (key, value) => {
    // Of a key that stands twice the last counts, as it does for who executes the request.
    if (!without.includes(key)) members.set(key, canonicalText(body, value, depth + 1))
  })
  return objectText(new Map([...members].toSorted(([left], [right]) => (left < right ? -1 : 1))))
}
