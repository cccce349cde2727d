/** Finds values in JSON bytes and edits objects in place, so that every byte that is not edited arrives as it was sent. Pure. */
import type { Span } from '../../protocol/json-scan.ts'
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  readPlainKey,
  ScanFault,
  skipSpace,
  skipString,
  skipValue,
} from '../../protocol/json-skip.ts'
import { type Replacement, replacement } from '../../protocol/splice.ts'
import { membersText } from './object-text.ts'

/** Begins `null`. */
const LOWER_N = 0x6e

/** Keys up to this length, in bytes, are read char by char, which is faster than decoding while they are short. */
const SHORT_KEY_BYTES = 256

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

/** Whether a member is there and says that it is not: of optional members, null counts as absent. */
export function isNullAt(bytes: Uint8Array, span: Span | undefined): span is Span {
  return span !== undefined && span[1] - span[0] === 4 && bytes[span[0]] === LOWER_N
}

/** How a walk over an object ended: at its closing brace, or inside the value of a key because the bytes end there. */
export interface WalkEnd {
  readonly close?: number
  readonly cut?: { readonly key: string; readonly start: number; readonly from: number }
}

/**
 * Visits the members of the object at `open`, in order. `start` is where the key begins, `value` where its value stands.
 * An object that is cut off or malformed is visited up to there.
 */
export function walkObject(bytes: Uint8Array, open: number, visit: (key: string, value: Span, start: number) => void): WalkEnd {
  let cut: WalkEnd['cut']
  try {
    if (bytes[open] !== OPEN_OBJECT) return {}
    let at = skipSpace(bytes, open + 1)
    if (bytes[at] === CLOSE_OBJECT) return { close: at }
    for (;;) {
      cut = undefined
      const start = at
      if (bytes[at] !== QUOTE) return {}
      const keyEnd = skipString(bytes, at)
      at = skipSpace(bytes, keyEnd)
      if (bytes[at] !== COLON) return {}
      at = skipSpace(bytes, at + 1)
      cut = { key: readKey(bytes, start, keyEnd), start, from: at }
      const end = skipValue(bytes, at)
      // A number that touches the end may go on behind it.
      if (end === bytes.length && bytes[at] !== QUOTE && bytes[at] !== OPEN_OBJECT && bytes[at] !== OPEN_ARRAY) return { cut }
      visit(cut.key, [at, end], start)
      at = skipSpace(bytes, end)
      if (bytes[at] === CLOSE_OBJECT) return { close: at }
      if (bytes[at] !== COMMA) return {}
      at = skipSpace(bytes, at + 1)
    }
  } catch (fault) {
    if (fault instanceof ScanFault) return cut === undefined ? {} : { cut }
    throw fault
  }
}

/** Spans of an array's elements; those before the cut when the array is cut off. */
export function elementsAt(bytes: Uint8Array, open: number): Span[] {
  const spans: Span[] = []
  try {
    if (bytes[open] !== OPEN_ARRAY) return spans
    let at = skipSpace(bytes, open + 1)
    if (bytes[at] === CLOSE_ARRAY) return spans
    for (;;) {
      const end = skipValue(bytes, at)
      spans.push([at, end])
      at = skipSpace(bytes, end)
      if (bytes[at] !== COMMA) return spans
      at = skipSpace(bytes, at + 1)
    }
  } catch (fault) {
    if (fault instanceof ScanFault) return spans
    throw fault
  }
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
  const edits: Replacement[] = []
  let lastKeptEnd: number | undefined
  /** Where the run of dropped members began whose end is not yet known. */
  let runStart: number | undefined
  let lastEnd = open + 1
  const end = walkObject(bytes, open, (key, value, start) => {
    const isDropped = Object.hasOwn(set, key) || drop?.(key) === true
    if (isDropped) runStart ??= start
    else {
      if (runStart !== undefined) edits.push(replacement([runStart, start], ''))
      runStart = undefined
      lastKeptEnd = value[1]
    }
    lastEnd = value[1]
  })
  if (runStart !== undefined && end.cut !== undefined) edits.push(replacement([runStart, end.cut.start], ''))
  if (runStart !== undefined && end.close !== undefined) edits.push(replacement([lastKeptEnd ?? runStart, lastEnd], ''))
  const added = membersText(set)
  const hasMore = lastKeptEnd !== undefined || end.close === undefined
  if (added !== '') edits.push(replacement([open, open + 1], `{${added}${hasMore ? ',' : ''}`))
  return edits
}

function readKey(bytes: Uint8Array, from: number, to: number): string {
  const plain = to - from > SHORT_KEY_BYTES ? undefined : readPlainKey(bytes, from, to)
  if (plain !== undefined) return plain
  const key = valueAt(bytes, [from, to])
  return typeof key === 'string' ? key : ''
}
