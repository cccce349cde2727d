/** Answers the initialize of a session that is served by a child for all, which the relay has initialised: its answer serves every client. */
import { joinedCapabilityEdits } from '../../bridge/joined-capabilities.ts'
import { SHARED_GROUP } from '../../contract/groups.ts'
import type { CallOutcome, SessionCallRequest } from '../../contract/share-rpc.ts'
import { splice } from '../../../protocol/splice.ts'
import type { AgentLink } from '../agents/agent-link.ts'
import type { ServedSets } from '../agents/served-sets.ts'
import type { ChildIntroductions } from '../answers/child-introductions.ts'
import type { GroupChannel } from '../children/group-channels.ts'
import type { Waiters } from '../clients/waiters.ts'
import type { Store } from '../rows/store.ts'

interface Parts {
  readonly store: Store
  readonly waiters: Waiters
  readonly introductions: ChildIntroductions
  readonly servedSets: ServedSets
}

/** Undefined where the child is the session's own, and answers by itself. */
export async function sharedInitialize(
  { store, waiters, introductions, servedSets }: Parts,
  request: SessionCallRequest,
  { group }: GroupChannel,
  link: AgentLink,
): Promise<CallOutcome | undefined> {
  if (group !== SHARED_GROUP) return undefined
  const answered = (answer: Uint8Array): CallOutcome => {
    return { kind: 'initialized', answer: servedSets.hasAny ? splice(answer, joinedCapabilityEdits(answer)) : answer }
  }
  const snapshot = store.channels.snapshot(SHARED_GROUP)
  if (snapshot !== undefined) return answered(snapshot)
  const { key, session, principal } = request
  const of = { group, agent: link.name, session, principal }
  const outcome = waiters.wait(key, { ...of, isInitialize: true, restarted: false, canStream: false })
  introductions.holdFor(key, answered)
  return outcome
}
