/** What the end of a child comes to: what its calls fail with, and what the relay is told of it. Pure. */
import { type Failure, isServerRefusal } from '../../protocol/errors.ts'
import type { Died } from '../../protocol/frame.ts'
import type { ChildEnd } from '../server/child.ts'

/** Why the child is ended, other than by itself. */
export type StopReason = 'idle' | 'closed'

/** The channel when its child has gone. */
interface ChannelState {
  /** Set when the relay or the idle time has ended it. */
  readonly stopReason: StopReason | undefined
  /** Whether it has ever answered a call. */
  readonly hasAnswered: boolean
  /** Why nothing that it printed could be read. */
  readonly unreadable: string | undefined
  /** Whether its clients are told what it wrote to stderr. */
  readonly tellsStderr: boolean
}

interface Ending {
  readonly reason: Died['reason']
  readonly failure: Failure
  readonly facts: Omit<Died, 'type' | 'ch' | 'reason'>
}

export function readChildEnd({ exitCode, signal, stderr, startError, code, challenge }: ChildEnd, state: ChannelState): Ending {
  // A session that its client has to sign in for says nothing of the server.
  const isRefused = isServerRefusal(code)
  const stopReason = state.stopReason ?? (isRefused ? 'closed' : undefined)
  const reason = stopReason ?? (state.hasAnswered ? 'exit' : 'start')
  // Its words may speak of other clients, and of the machine: they are the owner's, who has them in the log.
  const words = state.tellsStderr ? { stderr, detail: startError } : { stderr: '', detail: undefined }
  const ended = { exitCode, signal, ...(words.stderr !== '' && { stderr: words.stderr }) }
  const detail = words.detail ?? state.unreadable
  const failure: Failure = isRefused
    ? { code, ...(challenge !== undefined && { challenge }) }
    : stopReason !== undefined
      ? { code: 'CHANNEL_CLOSED' }
      : { code: state.hasAnswered ? 'CHILD_DIED' : (code ?? 'CHILD_START_FAILED'), ...ended, ...(detail !== undefined && { detail }) }
  const lastWords = startError ?? state.unreadable ?? stderr
  return { reason, failure, facts: { ...ended, ...(lastWords !== '' && stopReason === undefined && { lastWords }) } }
}
