/** Reads a `failed` frame as a failure that a client may be shown, and writes a failure that the relay has found as such a frame. */
import type { Failure } from '../../protocol/errors.ts'
import type { Failed } from '../../protocol/frame.ts'
import { encodeFrame } from '../../protocol/frame-codec.ts'

/** The facts of a failed call, without what only the link needs. */
export function failureOf({ code, executed, exitCode, signal, stderr, detail }: Failed): Failure {
  return {
    code,
    executed,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined ? {} : { signal }),
    ...(stderr === undefined ? {} : { stderr }),
    ...(detail === undefined ? {} : { detail }),
  }
}

/** What the stream of a call is told when the relay itself has found that the call has failed. */
export function failureFrame(key: string, failure: Failure): Uint8Array {
  return encodeFrame({ type: 'failed', ch: '', key, ra: `c${key}`, ...failure, executed: failure.executed ?? 'unknown' })
}
