/** The digest by which a retry shows that it repeats the request whose state it brings. Pure. */
import { canonicalId } from '../../protocol/json/json-id.ts'
import { QUOTE } from '../../protocol/json/json-skip.ts'
import { readElements } from '../../protocol/json/array-elements.ts'
import { walkObject } from '../../protocol/members/object-members.ts'
import { canonicalObject, type Spelling } from '../../protocol/policy/canonical-json.ts'
import type { Member } from '../../protocol/policy/json-members.ts'
import { findPath, isObjectAt, rootOf, textAt, valueAt } from './json-view.ts'

/** What may differ between a request and its retry (MCP 2026-07-28, basic/patterns/mrtr). */
const UNBOUND: readonly string[] = ['_meta', 'inputResponses', 'requestState']

/**
 * Values nested deeper than this, or longer, in bytes, count byte by byte: a client that writes them otherwise the second time
 * must call anew. What is taken apart becomes many times its size for a while.
 */
const MAX_DEPTH = 64
const MAX_CANONICAL_BYTES = 64 * 1024

/** Any text is read somehow, as whoever executes the request reads it: of a key that stands twice the last counts. */
const LENIENT: Spelling = {
  whole: (bytes, span, depth) => (depth >= MAX_DEPTH || span[1] - span[0] > MAX_CANONICAL_BYTES ? textAt(bytes, span) : undefined),
  scalar: (bytes, span) => (bytes[span[0]] === QUOTE ? JSON.stringify(valueAt(bytes, span)) : canonicalId(textAt(bytes, span))),
  membersOf: (bytes, start) => {
    const members: Member[] = []
    walkObject(bytes, start, (key, span) => members.push({ key, span }))
    return members
  },
  elementsOf: (bytes, start) => readElements(bytes, start).elements,
}

/**
 * SHA-256 over method and params, whatever the order of keys, the white space, and the spelling of strings and numbers.
 * Numbers count exactly, also beyond 2^53.
 */
export async function requestDigest(body: Uint8Array, method: string): Promise<Uint8Array<ArrayBuffer>> {
  const params = findPath(body, rootOf(body), 'params')
  const text = isObjectAt(body, params) ? canonicalObject(body, params, { isKept: (key) => !UNBOUND.includes(key) }, LENIENT) : '{}'
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`${JSON.stringify(method)}${text}`)))
}
