/** Where values stand in the bytes of a message, by the keys that lead to them. Pure. */
import { readElements } from '../../../protocol/json/array-elements.ts'
import { findMember, type Span } from '../../../protocol/json/json-scan.ts'
import { OPEN_OBJECT, skipSpace } from '../../../protocol/json/json-skip.ts'
import { orUndefined, textAt } from '../../../protocol/policy/json-members.ts'

/** The value at the end of the path, from the message or from `within`; undefined where there is none. */
export function valueAt(bytes: Uint8Array, path: readonly string[], within?: Span): Span | undefined {
  let span: Span | undefined = within ?? [skipSpace(bytes, 0), bytes.length]
  for (const key of path) {
    if (span === undefined || bytes[span[0]] !== OPEN_OBJECT) return undefined
    span = findMember(bytes, span[0], key)
  }
  return span
}

/** The value if it is a text that can be read. */
export function textOf(bytes: Uint8Array, span: Span | undefined): string | undefined {
  return span === undefined ? undefined : orUndefined(() => textAt(bytes, span))
}

/** The elements of an array; none of what is no whole array. */
export function elementsOf(bytes: Uint8Array, span: Span | undefined): readonly Span[] {
  if (span === undefined) return []
  const { elements, isWhole } = readElements(bytes, span[0])
  return isWhole ? elements : []
}
