/** Finds out whether a session's call goes to several agents: where its tool only reads, as the session's own server lists it now. */
import { isUnlisted } from '../../bridge/tool-pages.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { Caller } from '../../contract/share-rpc.ts'
import type { Sent, SpreadOffer } from '../call/renewal.ts'
import { PartCheck } from '../call/several/part-check.ts'
import { SpreadCall } from '../call/several/spread-call.ts'
import type { ClientMessage } from '../message.ts'
import { knownSessionTools, learnSessionTools } from '../policy/tool-facts.ts'
import { listOwnTools } from './list-tools.ts'
import { sessionToolsOn } from './tools-elsewhere.ts'

/** Calls the other agents at once, with what was sent; undefined where the call is one for the client's own agent alone. */
export async function spreadSessionCall(
  share: ShareClient,
  caller: Caller,
  message: ClientMessage,
  offer: SpreadOffer,
  sent: Sent,
): Promise<SpreadCall | undefined> {
  const { name } = message.params
  const state = { method: 'tools/list', version: offer.toolsVersion } as const
  const known = knownSessionTools(share.id, caller.session, state.method)
  const isNewest = known?.version === state.version
  const listed = isNewest
    ? known
    : await learnSessionTools(share.id, caller.session, state, (cursor) => listOwnTools(share, caller, cursor))
  const facts = isUnlisted(listed) || typeof name !== 'string' ? undefined : listed.tools.get(name)
  if (facts?.isReadOnly !== true) return undefined
  const check = new PartCheck(message, (part, version) => sessionToolsOn(share, caller, part, { method: 'tools/list', version }))
  return new SpreadCall(share, sent, { ...offer, isTyped: facts.isTyped === true }, check)
}
