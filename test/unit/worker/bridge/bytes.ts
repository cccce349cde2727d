/** Bodies of bridge tests: texts in, texts out. */
import { type Replacement, splice } from '../../../../protocol/splice.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

/** A body after the edits that a function makes for it. */
export function editedBy(text: string, edits: (bytes: Uint8Array) => readonly Replacement[]): string {
  const bytes = bytesOf(text)
  return textOf(splice(bytes, edits(bytes)))
}
