/** Outcomes that the Share finds by itself, without a child. */
import type { Failure } from '../../../protocol/errors.ts'
import { FOREIGN_TOKEN } from '../../contract/trust/pass.ts'
import type { CallOutcome, CallRequest } from '../../contract/share-rpc.ts'

export const EMPTY_RESULT: CallOutcome = { kind: 'result', result: '{}' }

export const TOO_MANY_SUBSCRIPTIONS = failed({
  code: 'SHARE_BUSY',
  executed: 'no',
  detail: 'a session may have 1000 subscriptions, with requests of 1 MiB in all',
})

/** What a request is told that shows something for a server that does not want it. */
export const UNWANTED_CREDENTIAL = failed({ code: 'UNAUTHORIZED', executed: 'no', detail: FOREIGN_TOKEN })

/** What a request is told that was checked by another state of the tools than its child's, `toolsVersion`; undefined for any other. */
export function stale(request: CallRequest, toolsVersion: string): Extract<CallOutcome, { kind: 'stale' }> | undefined {
  return request.toolsVersion === undefined || request.toolsVersion === toolsVersion ? undefined : { kind: 'stale', toolsVersion }
}

/** The same of a call that was judged by a list of its own agent, where another is to run it: it is judged by that one's list, or not sent. */
export function judgedElsewhere({ toolsVersion: named }: CallRequest, agent: string, toolsVersion: string): CallOutcome | undefined {
  return named === toolsVersion ? undefined : { kind: 'stale', toolsVersion, agent }
}

export function failed(failure: Failure): { kind: 'failed'; failure: Failure } {
  return { kind: 'failed', failure }
}
