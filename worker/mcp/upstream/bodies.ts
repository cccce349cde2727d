/** Reads bodies of upstreams, within bounds. */
import { concat } from '../../../protocol/splice.ts'

/** A body as it comes. Rejects when it breaks off or the signal aborts; whoever takes no more of it leaves it. */
export async function* chunksOf(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader()
  // What has nobody to read it is not waited for.
  const leave = (): void => void reader.cancel().catch(() => undefined)
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave, { once: true })
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (signal.aborted) throw new Error('cut off')
      if (done) return
      yield value
    }
  } finally {
    signal.removeEventListener('abort', leave)
    leave()
  }
}

/** What of a body was read, and the rest of it where there is more. */
export interface ReadBody {
  readonly bytes: Uint8Array
  readonly rest?: AsyncGenerator<Uint8Array, void>
}

/** As much of a body as there is, up to some more than `maxBytes`. Rejects as `chunksOf` does. */
export async function readUpTo(body: ReadableStream<Uint8Array>, maxBytes: number, signal: AbortSignal): Promise<ReadBody> {
  const chunks = chunksOf(body, signal)
  const parts: Uint8Array[] = []
  let size = 0
  while (size <= maxBytes) {
    const { value, done } = await chunks.next()
    if (done === true) return { bytes: concat(parts) }
    parts.push(value)
    size += value.length
  }
  return { bytes: concat(parts), rest: chunks }
}

/** The whole of a body; undefined for one that is larger. Rejects as `chunksOf` does. */
export async function readWhole(body: ReadableStream<Uint8Array>, maxBytes: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const { bytes, rest } = await readUpTo(body, maxBytes, signal)
  void rest?.return()
  return rest === undefined ? bytes : undefined
}

/** A small JSON body and its value; undefined for a larger one, or one that is no JSON. */
export async function parseCapped(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ readonly bytes: Uint8Array; readonly value: unknown } | undefined> {
  const bytes = await readWhole(body, maxBytes, signal)
  if (bytes === undefined) return undefined
  try {
    return { bytes, value: JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)) }
  } catch {
    return undefined
  }
}
