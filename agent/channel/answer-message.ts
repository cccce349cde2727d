/** What tells the relay that the child has answered a call. Pure. */
import type { Answer } from '../../protocol/frame.ts'
import type { CallAnswer } from './calls/kept-answers.ts'
import type { ChildMessage } from './kept-frame.ts'

export function answerMessage({ key, ra }: Pick<Answer, 'key' | 'ra'>, { id, failed, subscriptionId }: CallAnswer): ChildMessage {
  return { type: 'answer', key, ra, id, failed, ...(subscriptionId !== undefined && { subscriptionId }) }
}
