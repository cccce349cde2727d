/** Walks the members of a JSON object in bytes, and finds what is to be cut out where some of them are left out. Pure. */
import type { Span } from '../json/json-scan.ts'
import {
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
} from '../json/json-skip.ts'

/** Begins `null`. */
const LOWER_N = 0x6e

/** Keys up to this length, in bytes, are read char by char, which is faster than decoding while they are short. */
const SHORT_KEY_BYTES = 256

const utf8 = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

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

/** What leaves members out of an object. */
export interface MemberCut {
  /** To be replaced by nothing: runs of members that go, each with one comma; what stays is not touched. */
  readonly cuts: readonly Span[]
  /** The members that stay, each from its key's quote to the end of its value. */
  readonly kept: readonly Span[]
  readonly end: WalkEnd
}

/**
 * Where the members stand that are dropped, and the others. Of an object that is cut off, those dropped go that have
 * another member behind them before the cut.
 */
export function cutMembers(bytes: Uint8Array, open: number, isDropped: (key: string) => boolean): MemberCut {
  const cuts: Span[] = []
  const kept: Span[] = []
  /** Where the run of dropped members began whose end is not yet known. */
  let runStart: number | undefined
  let lastEnd = open + 1
  const end = walkObject(bytes, open, (key, value, start) => {
    if (isDropped(key)) runStart ??= start
    else {
      if (runStart !== undefined) cuts.push([runStart, start])
      runStart = undefined
      kept.push([start, value[1]])
    }
    lastEnd = value[1]
  })
  if (runStart !== undefined && end.cut !== undefined) cuts.push([runStart, end.cut.start])
  if (runStart !== undefined && end.close !== undefined) cuts.push([kept.at(-1)?.[1] ?? runStart, lastEnd])
  return { cuts, kept, end }
}

function readKey(bytes: Uint8Array, from: number, to: number): string {
  const plain = to - from > SHORT_KEY_BYTES ? undefined : readPlainKey(bytes, from, to)
  if (plain !== undefined) return plain
  try {
    return String(JSON.parse(utf8.decode(bytes.subarray(from, to))))
  } catch {
    return ''
  }
}
