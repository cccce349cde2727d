/** The frames that tell the relay how a call ended. Pure. */
import type { Failed } from '../../protocol/frame.ts'
import type { CallFailure } from './call-memory.ts'
import type { CallAnswer } from './kept-answers.ts'
import type { ChildMessage } from './kept-frame.ts'

/** What a frame about a call takes from the call itself. */
type CallPlace = Pick<Failed, 'ch' | 'key' | 'ra'>

export function answerMessage({ key, ra }: Pick<CallPlace, 'key' | 'ra'>, { id, failed, subscriptionId }: CallAnswer): ChildMessage {
  return { type: 'answer', key, ra, id, failed, ...(subscriptionId !== undefined && { subscriptionId }) }
}

export function failedCall({ ch, key, ra }: CallPlace, failure: CallFailure): Failed {
  const { code, executed, exitCode, signal, stderr, detail } = failure
  const facts = {
    ...(exitCode !== undefined && { exitCode }),
    ...(signal !== undefined && { signal }),
    ...(stderr !== undefined && { stderr }),
    ...(detail !== undefined && { detail }),
  }
  return { type: 'failed', ch, key, ra, code, executed, ...facts }
}
