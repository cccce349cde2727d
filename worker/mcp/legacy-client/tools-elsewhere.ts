/** What other agents than a session's own list to its client, and whether one of them may run its call while its own is lost. */
import { isUnlisted, type Unlisted } from '../../bridge/tool-pages.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { ListMethod } from '../../contract/listings.ts'
import type { SpreadPart } from '../../contract/call-parts.ts'
import type { Caller, CallRequest } from '../../contract/share-rpc.ts'
import type { ClientMessage } from '../message.ts'
import { judgeFor } from '../policy/bounds.ts'
import { NOT_HELD } from '../policy/held-call.ts'
import { neededList } from '../policy/message-verdict.ts'
import { mayMove, STAYS } from '../policy/moved-call.ts'
import { knownSessionTools, learnSessionTools, type SessionTools } from '../policy/tool-facts.ts'
import { listOwnTools } from './list-tools.ts'

/** A list of a part's agent in the state of this name, which is asked for unless it is known. */
export async function sessionToolsOn(
  share: ShareClient,
  caller: Caller,
  part: SpreadPart,
  state: { readonly method: ListMethod; readonly version: string },
): Promise<SessionTools | Unlisted> {
  // Nothing else is named so: an id of a session has no space.
  const audience = `${caller.session} ${part.agent}`
  const learned = knownSessionTools(share.id, audience, state.method)
  if (learned?.version === state.version) return learned
  return learnSessionTools(share.id, audience, state, (cursor) => listOwnTools(share, caller, cursor, state.method, part))
}

/** What a call must say for this agent to run it, or to wait for its own; undefined when that agent's child is another by now. */
export async function checkedElsewhere(
  share: ShareClient,
  caller: Caller,
  message: ClientMessage,
  part: SpreadPart,
  version: string,
): Promise<Pick<CallRequest, 'toolsVersion' | 'isForOwnAgent' | 'awaitsJudgement' | 'hold'> | undefined> {
  const method = neededList(judgeFor(share), message)
  // It is bounded no more: the Share says anew who is to run it.
  if (method === undefined) return undefined
  const listed = await sessionToolsOn(share, caller, part, { method, version })
  if (listed === 'changed') return undefined
  const own = knownSessionTools(share.id, caller.session, method)
  if (isUnlisted(listed) || !mayMove(judgeFor(share), message, listed, own)) return STAYS
  return { toolsVersion: version, isForOwnAgent: true, ...NOT_HELD }
}
