/** Reads a `failed` frame as a failure that may be shown. */
import type { Failure } from '../protocol/errors.ts'
import type { Failed } from '../protocol/frame.ts'

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
