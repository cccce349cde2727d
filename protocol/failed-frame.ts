/** The `failed` frame of a failure, and the failure that a `failed` frame tells of. Pure. */
import type { Failure } from './errors.ts'
import type { AgentFrame, Failed } from './frame.ts'

type Facts = Omit<Failed, 'type' | 'ch' | 'key' | 'ra'>

/** What tells that a call has failed. `executed` is `unknown` unless it is given; facts that the frame has no place for are left out. */
export function failedFrame({ ch, key, ra }: Pick<Failed, 'ch' | 'key' | 'ra'>, { executed = 'unknown', ...failure }: Failure): Failed {
  return { type: 'failed', ch, key, ra, ...failureOf({ ...failure, executed }) }
}

/** Whether an agent says of a call that it has not run. */
export function isUnrun(header: AgentFrame): boolean {
  return header.type === 'failed' && header.executed === 'no'
}

/** The failure, without what only the link needs. */
export function failureOf({ code, executed, exitCode, signal, stderr, detail, challenge }: Facts): Facts {
  return {
    code,
    executed,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined ? {} : { signal }),
    ...(stderr === undefined ? {} : { stderr }),
    ...(detail === undefined ? {} : { detail }),
    ...(challenge === undefined ? {} : { challenge }),
  }
}
