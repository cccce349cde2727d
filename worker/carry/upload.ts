/** Splits bodies that are larger than one RPC should carry: the first part goes with the message, the rest follows. */
import { INLINE_REQUEST_BYTES } from '../../protocol/limits.ts'
import { MAX_UPLOAD_STALLS } from '../limits.ts'

/** What goes with the message itself; a copy where needed, since RPC would carry the whole buffer behind a view. */
export function firstPart(bytes: Uint8Array): Uint8Array {
  return bytes.length <= INLINE_REQUEST_BYTES ? bytes : bytes.slice(0, INLINE_REQUEST_BYTES)
}

/** Brings the bytes behind the first part, as fast as the agent takes them. `chunk` brings some, as in `ShareObject`. */
export async function uploadRest(
  chunk: (offset: number, part: Uint8Array) => Promise<boolean | undefined>,
  bytes: Uint8Array,
): Promise<void> {
  let stalls = 0
  for (let at = INLINE_REQUEST_BYTES; at < bytes.length && stalls < MAX_UPLOAD_STALLS;) {
    // A break shows in the message itself, which fails or is sent again.
    const isTaken = await chunk(at, bytes.slice(at, at + INLINE_REQUEST_BYTES)).catch(() => false)
    if (isTaken === false) return
    stalls = isTaken === true ? 0 : stalls + 1
    if (isTaken === true) at += INLINE_REQUEST_BYTES
  }
}
