/** Finds the elements of a JSON array in bytes. Pure. */
import type { Span } from './json-scan.ts'
import { CLOSE_ARRAY, COMMA, OPEN_ARRAY, ScanFault, skipSpace, skipValue } from './json-skip.ts'

/** Spans of the elements of the array at `open`. Of what is cut off, malformed or no array those before that, and `isWhole` is false. */
export function readElements(bytes: Uint8Array, open: number): { readonly elements: readonly Span[]; readonly isWhole: boolean } {
  const elements: Span[] = []
  try {
    if (bytes[open] !== OPEN_ARRAY) return { elements, isWhole: false }
    let at = skipSpace(bytes, open + 1)
    if (bytes[at] === CLOSE_ARRAY) return { elements, isWhole: true }
    for (;;) {
      const end = skipValue(bytes, at)
      elements.push([at, end])
      at = skipSpace(bytes, end)
      if (bytes[at] !== COMMA) return { elements, isWhole: bytes[at] === CLOSE_ARRAY }
      at = skipSpace(bytes, at + 1)
    }
  } catch (fault) {
    if (fault instanceof ScanFault) return { elements, isWhole: false }
    throw fault
  }
}
