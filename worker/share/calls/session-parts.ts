/** Owns what calls of sessions have in common, whichever era their child is of. */
import type { Failure } from '../../../protocol/errors.ts'
import { canonicalId } from '../../../protocol/json-scan.ts'
import type { CallOutcome, SessionCallRequest } from '../../contract/rpc.ts'
import type { AgentLink } from '../agents/links.ts'
import type { Streams } from '../clients/streams.ts'
import type { KeptRequest } from '../rows/kept-requests.ts'

export const EMPTY_RESULT: CallOutcome = { kind: 'result', result: '{}' }

export const TOO_MANY_SUBSCRIPTIONS = failed({ code: 'SHARE_BUSY', executed: 'no', detail: 'a session may have 1000 subscriptions' })

/** Names a call for its client's cancellation. */
export function tagOf(session: string, rawId: string): string {
  return `${session} ${canonicalId(rawId)}`
}

/** A request as it is kept, to be made again of a child that is started later. `name`: what it sets, or asks for. */
export function keptRequestOf({ body, id }: SessionCallRequest, name: string): KeptRequest {
  return { body, idFrom: id[0], idTo: id[1], name }
}

/** Whether a call goes on without this Worker: its client has come back for it elsewhere, or has left. */
export function isElsewhere(streams: Streams, { isRetry, isLeft, key, session }: SessionCallRequest, link: AgentLink): boolean {
  // On a first try there can be none, and looking has its price.
  return isRetry === true && (streams.markRunning(key, session, link.name) || isLeft === true)
}

export function failed(failure: Failure): { kind: 'failed'; failure: Failure } {
  return { kind: 'failed', failure }
}
