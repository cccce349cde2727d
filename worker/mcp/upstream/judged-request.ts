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
  const tools = needed === undefined ? undefined : await listed(judged, needed)
  if (tools === 'changed') return refuse(ASK_ANEW, STREAM_CLOSE.ENDED)
  if (tools !== undefined && isUnlisted(tools)) return tools
  const judge = (grant?: KnownGrant): Failure | undefined => {
    const now = judgeFor(share, grant)
    const list = neededList(now, message)
    // By another list than was asked for it is judged once more.
    if (way.moved(grant) || (list !== undefined && list !== needed)) return ASK_ANEW
    return noted(share, principal, message, refusalOf(now, message, tools?.tools)) ?? faultOfFields(judged, tools)
  }
  const refusal = judge()
  if (refusal === ASK_ANEW) return refuse(ASK_ANEW, STREAM_CLOSE.ENDED)
  return refusal ?? WatchedRequest.begin(share, asked(judged), judge)
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

async function listed(judged: Judged, needed: NonNullable<ReturnType<typeof neededList>>) {
  const { way, message, revision, signal } = judged
  const known = toolsKnown(way, needed)
  if (known !== undefined) return known
  // Nobody who is not let in has an upstream asked.
  await way.share.admit()
  return toolsNow(way, needed, message, revision, signal)
}

/** What a request says twice it must say once: what is judged stands in its body. */
function faultOfFields({ message, headers, revision }: Judged, tools: ToolSet | undefined): Failure | undefined {
  if (revision === undefined || tools === undefined || message.facts.method !== 'tools/call') return undefined
  const checked = checkToolHeaders(tools, message, headers)
  return checked.ok ? undefined : checked.error
}
