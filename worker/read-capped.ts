/** Reads a body, and no more than so many bytes of it. */

import { concat } from '../protocol/splice.ts'

/** Undefined for a body that is larger, or is no UTF-8. */
export async function readCapped(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string | undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  let text = ''
  let length = 0
  try {
    if (body !== null) {
      for await (const chunk of body) {
        length += chunk.length
        if (length > maxBytes) return undefined
        text += decoder.decode(chunk, { stream: true })
      }
    }
    return text + decoder.decode()
  } catch {
    return undefined
  }
}

/** The same of a body that is no text; undefined for one that is larger. */
export async function readCappedBytes(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of body ?? []) {
      length += chunk.length
      if (length > maxBytes) return undefined
      parts.push(chunk)
    }
  } catch {
    return undefined
  }
  return concat(parts)
}
