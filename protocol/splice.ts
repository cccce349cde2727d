/** Replaces a few spans of a body with other bytes, and leaves every other byte as it was. */
import type { Span } from './json/json-scan.ts'

export interface Replacement {
  readonly span: Span
  readonly bytes: Uint8Array
}

const encoder = new TextEncoder()

export function replacement(span: Span, text: string): Replacement {
  return { span, bytes: encoder.encode(text) }
}

/**
 * The part of a body that starts at `offset`, with the spans replaced; spans count from the body's start, hold at least
 * one byte, and must not overlap. A span that begins in an earlier part was replaced there, so only its remainder is
 * dropped here: parts of a body can be spliced one by one. Throws a RangeError for other spans: the scan makes none, and
 * the frame decoder lets none in.
 */
export function splice(part: Uint8Array, replacements: readonly Replacement[], offset = 0): Uint8Array {
  // An empty span between two parts belongs to neither, so it could not mean the same in every chunking.
  for (const { span } of replacements) if (span[0] >= span[1]) throw new RangeError(`span at ${span[0]} holds no byte`)
  const end = offset + part.length
  const touching = replacements.filter(({ span }) => span[0] < end && span[1] > offset).toSorted((a, b) => a.span[0] - b.span[0])
  if (touching.length === 0) return part
  const pieces: Uint8Array[] = []
  let read = offset
  for (const { span, bytes } of touching) {
    if (span[0] >= offset) {
      if (span[0] < read) throw new RangeError(`spans overlap at ${span[0]}`)
      pieces.push(part.subarray(read - offset, span[0] - offset), bytes)
    }
    read = Math.min(span[1], end)
  }
  pieces.push(part.subarray(read - offset))
  return concat(pieces)
}

/** The whole of a body with the same text in place of each span. */
export function writeOver(body: Uint8Array, spans: readonly Span[], text: string): Uint8Array {
  return splice(
    body,
    spans.map((span) => replacement(span, text)),
  )
}

export function concat(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let size = 0
  for (const piece of pieces) size += piece.length
  const whole = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
