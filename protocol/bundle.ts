/**
 * Bundles: several frames in one WebSocket message, since a message costs the relay more than a frame does.
 *
 * A bundle is a zero byte, which begins no frame, then each frame behind its length in four bytes, the most significant
 * first. docs/protocol.md is normative.
 */
import { MAX_BUNDLE_BYTES } from './limits.ts'
import { err, ok, type Result } from './result.ts'

const MARK = 0
const LENGTH_BYTES = 4

/** Gathers frames that go out together. */
export class Bundle {
  #frames: Uint8Array[] = []
  #bytes = 1

  get isEmpty(): boolean {
    return this.#frames.length === 0
  }

  /** Whether one frame more may go out with the others; one alone always may. */
  hasRoomFor(frame: Uint8Array): boolean {
    return this.isEmpty || this.#bytes + LENGTH_BYTES + frame.length <= MAX_BUNDLE_BYTES
  }

  add(frame: Uint8Array): void {
    this.#frames.push(frame)
    this.#bytes += LENGTH_BYTES + frame.length
  }

  /** Empties the bundle into one message: its frames in their order, or its only frame as it is. */
  take(): Uint8Array {
    const [frames, bytes] = [this.#frames, this.#bytes]
    this.#frames = []
    this.#bytes = 1
    const [only] = frames
    if (only !== undefined && frames.length === 1) return only
    const message = new Uint8Array(bytes)
    const view = new DataView(message.buffer)
    message[0] = MARK
    let at = 1
    for (const frame of frames) {
      view.setUint32(at, frame.length)
      message.set(frame, at + LENGTH_BYTES)
      at += LENGTH_BYTES + frame.length
    }
    return message
  }
}

/**
 * The frames of a message, in their order; a message that is no bundle is a frame. Never throws. The frames of a bundle are
 * copies, so that whoever keeps one, or hands it on, does not take the others along.
 */
export function splitBundle(message: Uint8Array): Result<readonly Uint8Array[], 'bad_bundle'> {
  if (message[0] !== MARK) return ok([message])
  if (message.length > MAX_BUNDLE_BYTES) return err('bad_bundle')
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  const frames: Uint8Array[] = []
  for (let at = 1; at < message.length;) {
    const from = at + LENGTH_BYTES
    if (from > message.length) return err('bad_bundle')
    const to = from + view.getUint32(at)
    if (to === from || to > message.length) return err('bad_bundle')
    frames.push(message.slice(from, to))
    at = to
  }
  return frames.length === 0 ? err('bad_bundle') : ok(frames)
}
