/** Lets a request go to an upstream, or not: by the policies of its share and its link, by what the upstream lists, and by the share's object. */
import type { Failure } from '../../../protocol/errors.ts'
import { refuse } from '../../carry/pass-refused.ts'
import type { KnownGrant } from '../../carry/known-grants.ts'
import { isUnlisted } from '../../bridge/tool-pages.ts'
import { STREAM_CLOSE } from '../../contract/streams.ts'
import { checkToolHeaders, type ToolSet } from '../modern-client/known-tools.ts'
import type { ClientMessage } from '../message.ts'
import { judgeFor } from '../policy/bounds.ts'
import { neededList, refusalOf } from '../policy/message-verdict.ts'
import { noted } from '../policy/noted-refusal.ts'
import type { ListMethod } from '../../contract/listings.ts'
import { toolsKnown, toolsNow } from './listed-tools.ts'
import { WatchedRequest } from './watched-request.ts'
import { ASK_ANEW, type Way } from './way.ts'

/** What of a request is judged. `revision`: of one without session. */
export interface Judged {
  readonly way: Way
  readonly message: ClientMessage
  readonly headers: Headers
  readonly revision: string | undefined
  readonly signal: AbortSignal
}

/** Rejects with PassRefused; with ASK_ANEW for what must find its way anew. */
export async function beginJudged(judged: Judged): Promise<WatchedRequest | Failure> {
  const { way, message } = judged
  const { share, principal } = way
  const needed = neededList(judgeFor(share), message)
  const tools = needed === undefined ? undefined : toolsKnown(way, needed)
  if (needed !== undefined && tools === undefined) return beginListed(judged, needed)
  const judge = (grant?: KnownGrant): Failure | undefined => {
    if (isMovedOn(judged, needed, grant)) return ASK_ANEW
    return noted(share, principal, message, refusalOf(judgeFor(share, grant), message, tools?.tools)) ?? faultOfFields(judged, tools)
  }
  const refusal = judge()
  if (refusal === ASK_ANEW) return refuse(ASK_ANEW, STREAM_CLOSE.ENDED)
  return refusal ?? WatchedRequest.begin(share, asked(judged), judge)
}

/** Begins what is judged by a list that is to be asked for: that is part of the request, so nobody has more asked than may be under way, and what is let in no more is cut off. */
async function beginListed(judged: Judged, needed: ListMethod): Promise<WatchedRequest | Failure> {
  const { way, message, revision, signal } = judged
  const { share } = way
  const judge = (grant?: KnownGrant): Failure | undefined => (isMovedOn(judged, needed, grant) ? ASK_ANEW : undefined)
  const watched = await WatchedRequest.begin(share, asked(judged), judge)
  if ('code' in watched) return watched
  const tools = await toolsNow(way, needed, message, revision, AbortSignal.any([signal, watched.signal]))
  const now = judgeFor(share)
  const isAnew = tools === 'changed' || isMovedOn(judged, needed, share.grant)
  const cut = watched.failure === undefined ? undefined : { ...watched.failure, executed: 'no' as const }
  const failure = cut ?? (isAnew ? ASK_ANEW : isUnlisted(tools) ? tools : refusalOf(now, message, tools.tools))
  const fault = failure ?? (isUnlisted(tools) ? undefined : faultOfFields(judged, tools))
  if (fault === undefined) return watched
  if (fault === ASK_ANEW) watched.leave()
  else watched.end(fault.code, message.bytes.length)
  return fault === ASK_ANEW ? refuse(ASK_ANEW, STREAM_CLOSE.ENDED) : share.told(fault)
}

/** Whether it must find its way anew: another upstream is decided for, or another list is needed. */
function isMovedOn({ way, message }: Judged, needed: ListMethod | undefined, grant: KnownGrant | undefined): boolean {
  const list = neededList(judgeFor(way.share, grant), message)
  return way.moved(grant) !== undefined || (list !== undefined && list !== needed)
}

/** The same of what is no request: it is no call, but has a place among those under way until the upstream has taken it. Rejects as `beginJudged` does. */
export async function beginTold({ way, message }: Pick<Judged, 'way' | 'message'>): Promise<WatchedRequest | Failure> {
  const { share, principal } = way
  const judge = (grant?: KnownGrant): Failure | undefined =>
    way.moved(grant) ?? noted(share, principal, message, refusalOf(judgeFor(share, grant), message))
  return judge() ?? WatchedRequest.begin(share, { principal, method: '', isTold: 'true' }, judge)
}

function asked({ way: { principal }, message: { facts, params } }: Judged) {
  const { name } = params
  return { principal, method: facts.method, ...(facts.method === 'tools/call' && typeof name === 'string' ? { tool: name } : {}) }
}

/** What a request says twice it must say once: what is judged stands in its body. */
function faultOfFields({ message, headers, revision }: Judged, tools: ToolSet | undefined): Failure | undefined {
  if (revision === undefined || tools === undefined || message.facts.method !== 'tools/call') return undefined
  const checked = checkToolHeaders(tools, message, headers)
  return checked.ok ? undefined : checked.error
}
