/** `/s/<share>/sse` and `/s/<share>/messages`: HTTP+SSE of MCP 2024-11-05, where every answer comes on one stream. */
import { ERRORS } from '../../protocol/error-table.ts'
import type { Failure } from '../../protocol/errors.ts'
import { MAX_BREAKS, MAX_CALL_TRIES, RETRY_MS, SSE_RETRY_MS, UNHEARD_MS } from '../limits.ts'
import type { Caller } from '../contract/share-rpc.ts'
import { pause } from '../within.ts'
import { agentNews, awayLeftMs, AGENT_AWAY } from '../carry/away.ts'
import { callerIn, type Visitor } from './visitor.ts'
import { Listener } from './legacy-client/listener.ts'
import { type ClientMessage, readBody, readPosted } from './message.ts'
import { noteCall } from './call/call-log.ts'
import { guestRefusal } from './policy/guests.ts'
import { endUnheard, send } from './call/send.ts'
import { eventStreamResponse, failureResponse } from './response/responses.ts'
import { type ShareClient } from '../carry/share-client.ts'
import { callRequest } from './call/call-request.ts'
import type { Renewal } from './call/renewal.ts'
import { SessionRequest } from './legacy-client/request.ts'
import { callKey } from '../call-key.ts'
import type { KnownGrant } from '../carry/known-grants.ts'
import { isInspected } from './policy/message-verdict.ts'
import { newSessionId } from './session-id.ts'
import { isJson, readAccept } from './request-headers.ts'
import { behindDoor } from './streamable-http.ts'
import { type CallRenewed, PassRefused } from '../carry/pass-refused.ts'
import { isRetryable } from '../carry/reset-error.ts'

export const getSse = behindDoor(async (c, visitor) => {
  if (!readAccept(c.req.raw.headers.get('accept')).events) return failureResponse({ code: 'NOT_ACCEPTABLE' })
  const { signal } = c.req.raw
  const left = c.req.header('last-event-id')
  const stream = left === undefined ? undefined : await openStream(visitor, left, 'return', signal)
  return stream ?? (await openStream(visitor, newSessionId(), 'session', signal)) ?? failureResponse({ code: 'SHARE_NOT_FOUND' })
})

/**
 * The stream of a session; undefined when there is none to go on with. An event source whose connection breaks opens another
 * by itself and posts on, without `initialize`, so the stream's event has the session as its id, with which it comes back.
 */
async function openStream(
  visitor: Visitor,
  session: string,
  kind: 'session' | 'return',
  signal: AbortSignal,
): Promise<Response | undefined> {
  const { shareFor, basePath } = visitor
  const listener = new Listener(shareFor(session), callerIn(visitor, session), kind, signal)
  // Clients post to no other origin than the stream's, so the path is all they need.
  listener.messages.writeEvent('endpoint', `${basePath}/messages?sessionId=${session}`, session, SSE_RETRY_MS)
  return (await listener.open()) ? eventStreamResponse(listener.messages.body.readable) : undefined
}

export const postMessages = behindDoor(async (c, visitor) => {
  if (!isJson(c.req.raw.headers.get('content-type'))) return failureResponse({ code: 'UNSUPPORTED_MEDIA_TYPE' })
  const body = await readBody(c.req.raw)
  if (body === undefined) return failureResponse({ code: 'BODY_TOO_LARGE' })
  const posted = readPosted(body)
  if (!posted.ok) return failureResponse(posted.error)
  const { messages, isBatch } = posted.value
  const [message] = messages
  if (isBatch || message === undefined) return failureResponse({ code: 'BATCH_REFUSED' })
  const session = c.req.query('sessionId')
  if (session === undefined) return failureResponse({ code: 'SESSION_REQUIRED' })
  const beyond = guestRefusal(visitor, session, message)
  if (beyond !== undefined) return refused(beyond, message.facts.id?.raw ?? 'null')
  const share = visitor.shareFor(session)
  const caller = callerIn(visitor, session)
  if (message.facts.kind !== 'request') {
    const failure = await send(share, caller, message)
    return failure === undefined ? taken() : failureResponse(failure)
  }
  const failure = await handOn(share, caller, message)
  return failure === undefined ? taken() : refused(failure, message.facts.id?.raw ?? 'null')
})

/**
 * Hands a call to the Share, which answers it by the session's stream. While no agent is there the client waits for this
 * post, and a few seconds for a session's stream that attaches again; undefined when an agent has the call.
 */
async function handOn(share: ShareClient, caller: Caller, message: ClientMessage): Promise<Failure | undefined> {
  const made = new SessionRequest(share, caller).call({ message, delivery: 'session' }, callKey(isInspected(message)))
  if ('code' in made) return refuseOnStream(share, caller, message, made)
  const { body, turns } = made
  let { request } = made
  let renewals = 0
  /** Why its client may not make it. */
  let judged: Failure | undefined
  const judge = (grant: KnownGrant): ReturnType<CallRenewed> => {
    const checked = turns.judge?.(grant) ?? {}
    if ('code' in checked) judged = checked
    else request = { ...request, ...checked }
    return checked
  }
  const startMs = Date.now()
  /** When the first try was begun that may have reached an agent. */
  let sentMs: number | undefined
  for (let breaks = 0; ;) {
    const isBroken = sentMs !== undefined
    const triedMs = Date.now()
    const waitedMs = triedMs - startMs
    try {
      const resend = sentMs === undefined ? {} : { isResend: true, ageMs: triedMs - sentMs }
      const told = await share.call({ ...request, ...resend }, body, judge)
      if (told.kind === 'failed' && told.failure.challenge !== undefined) return share.told(told.failure)
      if (told.kind === 'failed') return judged === undefined ? told.failure : await refuseOnStream(share, caller, message, judged)
      if (told.kind === 'stale') {
        const renewal = await turns.renew?.(told)
        if (renewal?.kind !== 'call' || ++renewals > MAX_CALL_TRIES)
          return await refuseOnStream(share, caller, message, failureIn(renewal, isBroken))
        request = renewal.request
        continue
      }
      if (told.kind === 'no_stream' || told.kind === 'unheard') {
        if (told.kind === 'unheard') sentMs ??= triedMs
        if (waitedMs > UNHEARD_MS) return await endUnheard(share, caller, sentMs === undefined ? 'no' : 'unknown')
        await pause(RETRY_MS)
        continue
      }
      if (told.kind === 'pending') continue
      if (told.kind !== 'away') {
        // Its answer goes onto the session's stream, where nobody knows what it was.
        noteCall(share.id, request, startMs, 'accepted')
        return undefined
      }
      const leftMs = awayLeftMs(told, Date.now() - startMs, share)
      if (leftMs === 0 && told.failure !== undefined && !isBroken) return await refuseOnStream(share, caller, message, told.failure)
      if (leftMs === 0) return { ...AGENT_AWAY, executed: isBroken ? 'unknown' : 'no' }
      await agentNews(share, told, { principal: caller.principal, isResend: isBroken }, leftMs)
    } catch (error) {
      if (error instanceof PassRefused) return error.failure
      // The agent knows the key, so that sending it twice does no harm.
      sentMs ??= triedMs
      if (++breaks > MAX_BREAKS || !isRetryable(error)) return { code: 'INTERNAL', executed: 'unknown' }
      share.renew()
      if (breaks > 1) await pause(RETRY_MS)
    }
  }
}

/** Has a client told on its stream, where it looks for answers, that its request is not made; by the status where it is to sign in for that, or to come back later. */
async function refuseOnStream(share: ShareClient, caller: Caller, message: ClientMessage, refusal: Failure): Promise<Failure | undefined> {
  if (refusal.code === 'UNAUTHORIZED' || ERRORS[refusal.code].http === 503) return refusal
  const told = await share.call({ ...callRequest(caller, message, 'session'), refusal }, message.bytes)
  return told.kind === 'accepted' ? undefined : told.kind === 'failed' ? told.failure : refusal
}

/** Why a call is not made once more. `isBroken`: a try before may have reached an agent. */
function failureIn(renewal: Renewal | undefined, isBroken: boolean): Failure {
  // It was renewed as often as may be.
  const code = renewal?.kind === 'call' ? 'CHILD_DIED' : 'INTERNAL'
  const failure: Failure = renewal?.kind === 'item' && renewal.item.kind === 'failed' ? renewal.item.failure : { code, executed: 'no' }
  return isBroken && failure.executed === 'no' ? { ...failure, executed: 'unknown' } : failure
}

function taken(): Response {
  return new Response('Accepted', { status: 202, headers: { 'content-type': 'text/plain' } })
}

/** A post's answer says only whether it was taken: what Streamable HTTP tells in an answer of status 200 would not be read here. */
function refused(failure: Failure, rawId: string): Response {
  const response = failureResponse(failure, rawId)
  return response.ok ? new Response(response.body, { status: 502, headers: response.headers }) : response
}
