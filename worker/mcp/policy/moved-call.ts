/** Judges a call that another agent is to run while its own is lost, by what that one lists. Pure. */
import type { PolicyJudge } from '../../../protocol/policy/judge.ts'
import type { CallRequest } from '../../contract/share-rpc.ts'
import type { ClientMessage } from '../message.ts'
import { callVerdict, type KnownTools } from './held-call.ts'

/** Of a call that waits for its own agent: it names a state that no child is in, by which it goes nowhere else. */
export const STAYS = {
  toolsVersion: '',
  isForOwnAgent: true,
  awaitsJudgement: true,
  hold: undefined,
} as const satisfies Partial<CallRequest>

/**
 * Whether the other agent may run it: its client may make it by that one's list too, its owner need not be asked, and it may run twice there,
 * since its own agent may have run it. `own`: what that has listed, if it is known still: what is listed alike is alike.
 */
export function mayMove(judge: PolicyJudge, message: ClientMessage, there: KnownTools, own: KnownTools | undefined): boolean {
  const verdict = callVerdict(judge, message, there)
  if ('code' in verdict || verdict.hold !== undefined) return false
  if (message.facts.method !== 'tools/call') return true
  const { name } = message.params
  const tool = typeof name === 'string' ? there.tools.get(name) : undefined
  if (typeof name !== 'string' || tool === undefined) return false
  return tool.isReadOnly || (tool.digest !== undefined && tool.digest === own?.tools.get(name)?.digest)
}
