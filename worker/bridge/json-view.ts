/** Finds values in JSON bytes and edits objects in place, so that every byte that is not edited arrives as it was sent. Pure. */
import type { Span } from '../../protocol/json/json-scan.ts'
import { OPEN_ARRAY, OPEN_OBJECT, skipSpace } from '../../protocol/json/json-skip.ts'
import { cutMembers, walkObject } from '../../protocol/members/object-members.ts'
import { type Replacement, replacement } from '../../protocol/splice.ts'
import { membersText } from './object-text.ts'

const utf8 = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

export function textAt(bytes: Uint8Array, [from, to]: Span): string {
  return utf8.decode(bytes.subarray(from, to))
}

/** The value at a span, or undefined for what is no JSON. Only to look at: numbers beyond 2^53 are rounded. */
export function valueAt(bytes: Uint8Array, span: Span | undefined): unknown {
  if (span === undefined) return undefined
  try {
    return JSON.parse(textAt(bytes, span))
  } catch {
    return undefined
  }
}

export function isObjectAt(bytes: Uint8Array, span: Span | undefined): span is Span {
  return span !== undefined && bytes[span[0]] === OPEN_OBJECT
}

export function isArrayAt(bytes: Uint8Array, span: Span | undefined): span is Span {
  return span !== undefined && bytes[span[0]] === OPEN_ARRAY
}

/** The string, number or boolean at a span, or null; undefined for an object or array, of which no value is made. */
export function scalarAt(bytes: Uint8Array, span: Span | undefined): unknown {
  return isObjectAt(bytes, span) || isArrayAt(bytes, span) ? undefined : valueAt(bytes, span)
}

/** Where the value of a path of keys stands, from the object at `open` on. Of a key that stands twice the last counts, as with JSON.parse. */
export function findPath(bytes: Uint8Array, open: number, ...path: readonly string[]): Span | undefined {
  let found: Span | undefined = [open, open]
  for (const wanted of path) {
    const from: number = found[0]
    found = undefined
    walkObject(bytes, from, (key, value) => {
      if (key === wanted) found = value
    })
    if (found === undefined) return undefined
  }
  return found
}

/** Where the value of a key begins, also when the bytes end before the value does. */
export function valueStart(bytes: Uint8Array, open: number, key: string): number | undefined {
  let from: number | undefined
  const { cut } = walkObject(bytes, open, (name, value) => {
    if (name === key) from = value[0]
  })
  return cut?.key === key ? cut.from : from
}

/** Where a message's first brace stands. */
export function rootOf(bytes: Uint8Array): number {
  return skipSpace(bytes, 0)
}

/** Changes to the members of one object; nested objects are edited by edits of their own. */
export interface ObjectEdit {
  readonly drop?: (key: string) => boolean
  /** JSON texts of new values by key. Each replaces all members of that key and stands in front of the others. */
  readonly set?: Readonly<Record<string, string>>
}

/**
 * The replacements that make an edit. Of an object that is cut off, those dropped go that have another member behind
 * them before the cut.
 */
export function editObject(bytes: Uint8Array, open: number, { drop, set = {} }: ObjectEdit): Replacement[] {
  const { cuts, kept, end } = cutMembers(bytes, open, (key) => Object.hasOwn(set, key) || drop?.(key) === true)
  const edits = cuts.map((span) => replacement(span, ''))
  const added = membersText(set)
  const hasMore = kept.length > 0 || end.close === undefined
  if (added !== '') edits.push(replacement([open, open + 1], `{${added}${hasMore ? ',' : ''}`))
  return edits
}
