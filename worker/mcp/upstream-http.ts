/** `/s/<share>/mcp` of a share that points at a server without an agent: requests go there as their clients have made them, in the era of both, once they are let in. */
import type { Failure } from '../../protocol/errors.ts'
import { classify } from '../bridge/envelope.ts'
import { PassRefused } from '../carry/pass-refused.ts'
import { isCoreNotification } from '../bridge/names.ts'
import { KEEPALIVE_MS, LEAVING_KEEPALIVE_MS, MAX_CALL_TRIES } from '../limits.ts'
import { UPSTREAM_ANSWER_MS, UPSTREAM_WORK_MS } from '../upstream-limits.ts'
import { type ClientMessage, readBody, readPosted } from './message.ts'
import { noteHeld } from './pinning/held-entries.ts'
import { pinIfDue } from './pinning/pin-server.ts'
import { guestRefusal } from './policy/guests.ts'
import { isInspected } from './policy/message-verdict.ts'
import { type Accepts, isJson, isModernVisitor, legacyRevisionFault, readAccept } from './request-headers.ts'
import { accepted, failureResponse, jsonResponse, unaskedFailureResponse } from './response/responses.ts'
import { SESSION_HEADER } from './session-id.ts'
import { behindDoor } from './streamable-http.ts'
import { respondTo } from './upstream/client-response.ts'
import { beginJudged, beginTold } from './upstream/judged-request.ts'
import { forgetLists, POSTED } from './upstream/listed-tools.ts'
import { MessageFilter } from './upstream/message-filter.ts'
import { refusalOfTasks, withoutDeclaredTasks } from './upstream/refused-tasks.ts'
import type { UpstreamAnswer } from './upstream/upstream-port.ts'
import { upstreamPeer } from './upstream/upstream-peer.ts'
import { WatchedRequest } from './upstream/watched-request.ts'
import { ASK_ANEW, mirroredFields, type Way, wayOf } from './upstream/way.ts'
import type { McpContext, Visitor } from './visitor.ts'

const EVENT_ID_HEADER = 'last-event-id'

export const postUpstream = behindDoor(async (c, visitor) => {
  const { raw } = c.req
  if (!isJson(raw.headers.get('content-type'))) return failureResponse({ code: 'UNSUPPORTED_MEDIA_TYPE' })
  const accepts = readAccept(raw.headers.get('accept'))
  if (!accepts.json && !accepts.events) return failureResponse({ code: 'NOT_ACCEPTABLE' })
  const body = await readBody(raw)
  if (body === undefined) return failureResponse({ code: 'BODY_TOO_LARGE' })
  const posted = readPosted(body)
  if (!posted.ok) return failureResponse(posted.error)
  const [sent] = posted.value.messages
  if (posted.value.isBatch || sent === undefined)
    return failureResponse({ code: 'BATCH_REFUSED', detail: 'this share takes one message at a time' })
  const { kind, method, id } = sent.facts
  const refusal = guestRefusal(visitor, '', sent) ?? refusalOfTasks(sent)
  if (refusal !== undefined) return failureResponse(refusal, id?.raw)
  const classified = classify(sent.facts, sent.params, raw.headers, visitor.revision)
  if (classified.era === 'refused') return failureResponse(classified.failure, id?.raw)
  // Over HTTP its clients notify of nothing (2026-07-28, basic/transports).
  if (classified.era === 'modern' && classified.kind === 'notification')
    return isCoreNotification(method) ? accepted() : failureResponse({ code: 'METHOD_UNKNOWN' })
  const fault = classified.era === 'modern' || method === 'initialize' ? undefined : legacyRevisionFault(visitor)
  if (fault !== undefined) return failureResponse(fault, id?.raw)
  const revision = classified.era === 'modern' ? classified.envelope.revision : undefined
  const bytes = kind === 'request' ? withoutDeclaredTasks(method, sent.bytes) : sent.bytes
  if ('code' in bytes) return failureResponse(bytes, id?.raw)
  const message = { ...sent, bytes }
  return onWay({ c, visitor, rawId: id?.raw, isFirst: method === 'initialize' }, (way) =>
    kind === 'request' ? request(way, message, { revision, accepts, request: raw }) : tell(way, message, raw),
  )
})

/** `rawId`: of the request, if it is one. */
interface Coming {
  readonly c: McpContext
  readonly visitor: Visitor
  readonly rawId?: string | undefined
  readonly isFirst?: boolean
}

/** Finds the way to the upstream, and once more where something else was decided than was known here. */
async function onWay({ c, visitor, rawId, isFirst = false }: Coming, go: (way: Way) => Promise<Response>): Promise<Response> {
  for (let tries = 0; tries < MAX_CALL_TRIES; tries++) {
    try {
      const way = await wayOf(c, visitor, isFirst)
      if ('code' in way) return failed(way, rawId)
      const response = await go(way)
      pinIfDue(way.share, (era) => upstreamPeer(way, era))
      return response
    } catch (error) {
      if (!(error instanceof PassRefused)) throw error
      if (error.failure !== ASK_ANEW) return failureResponse(error.failure, rawId)
    }
  }
  return failureResponse({ code: 'INTERNAL', executed: 'no' }, rawId)
}

function failed(failure: Failure, rawId: string | undefined): Response {
  return rawId === undefined ? unaskedFailureResponse(failure) : failureResponse(failure, rawId)
}

interface Asking {
  /** Of a request without session. */
  readonly revision: string | undefined
  readonly accepts: Accepts
  readonly request: Request
}

async function request(way: Way, message: ClientMessage, { revision, accepts, request: { headers, signal } }: Asking): Promise<Response> {
  const { bytes, facts } = message
  const rawId = facts.id?.raw
  const watched = await beginJudged({ way, message, headers, revision, signal })
  if ('code' in watched) return failureResponse(watched, rawId)
  const isSoon = isInspected(message)
  const pending = way.port.ask({
    method: 'POST',
    fields: { ...mirroredFields(headers, revision !== undefined), ...way.fields, ...POSTED },
    body: bytes,
    signal: watched.signal,
    maxMs: isSoon ? UPSTREAM_ANSWER_MS : UPSTREAM_WORK_MS,
  })
  return respondTo(
    {
      watched,
      filter: filterOf(way, rawId, isSoon, facts.method === 'initialize' || facts.method === 'server/discover'),
      accepts,
      signal,
      rawId,
      size: bytes.length,
      keepAliveMs: revision === undefined ? KEEPALIVE_MS : LEAVING_KEEPALIVE_MS,
      mayBeginEarly: facts.method !== 'initialize',
      mayReturn: way.fields[SESSION_HEADER] !== undefined,
      isSoon,
      sessionFields: way.sessionFields,
    },
    pending,
  )
}

function filterOf(way: Way, rawId: string | undefined, isAsked: boolean, isOpening: boolean): MessageFilter {
  return new MessageFilter({
    share: way.share,
    rawId,
    isInspected: isAsked,
    isOpening,
    onHeld: (held) => {
      forgetLists(way)
      noteHeld(way.share, held, (era) => upstreamPeer(way, era))
    },
    onChanged: () => forgetLists(way),
  })
}

/** Brings a notification, or an answer to what the upstream has asked. */
async function tell(way: Way, message: ClientMessage, { headers, signal }: Request): Promise<Response> {
  const { bytes } = message
  const watched = await beginTold({ way, message })
  if ('code' in watched) return failureResponse(watched)
  const fields = { ...mirroredFields(headers, false), ...way.fields, ...POSTED }
  const told = await toldWhile(watched, signal, () =>
    way.port.ask({ ...TOLD, method: 'POST', fields, body: bytes, signal: watched.signal }),
  )
  if (told.kind === 'failed') return unaskedFailureResponse(told.failure)
  return told.kind === 'refused' ? jsonResponse(told.body, {}, told.status) : accepted()
}

const TOLD = { maxMs: UPSTREAM_ANSWER_MS, isTold: true } as const

/** What the upstream is told has its place for as long as that takes, and is cut off with its link. */
async function toldWhile(watched: WatchedRequest, signal: AbortSignal, ask: () => Promise<UpstreamAnswer>): Promise<UpstreamAnswer> {
  const leave = (): void => watched.leave()
  signal.addEventListener('abort', leave, { once: true })
  const answer = await ask()
  const { failure } = watched
  watched.leave()
  signal.removeEventListener('abort', leave)
  return failure === undefined ? answer : { kind: 'failed', failure }
}

/** What is wrong with a visitor of a method that only the handshake era has. */
function refuseModern(visitor: Visitor): Response | undefined {
  if (isModernVisitor(visitor)) return failureResponse({ code: 'METHOD_NOT_ALLOWED' }, 'null', { allow: 'POST' })
  const fault = legacyRevisionFault(visitor)
  return fault === undefined ? undefined : failureResponse(fault)
}

export const getUpstream = behindDoor(async (c, visitor) => {
  const { headers, signal } = c.req.raw
  const refused = refuseModern(visitor)
  if (refused !== undefined) return refused
  if (!readAccept(headers.get('accept')).events) return failureResponse({ code: 'NOT_ACCEPTABLE' })
  // Without a session nobody knows whose events they are that an id goes on from.
  if (headers.has(EVENT_ID_HEADER) && !headers.has(SESSION_HEADER)) return failureResponse({ code: 'SESSION_REQUIRED' })
  return onWay({ c, visitor }, (way) => listen(way, headers, signal))
})

async function listen(way: Way, headers: Headers, signal: AbortSignal): Promise<Response> {
  const watched = await WatchedRequest.begin(way.share, { principal: way.principal, method: '' }, way.moved)
  if ('code' in watched) return failureResponse(watched)
  const lastEventId = headers.get(EVENT_ID_HEADER)
  const returns = lastEventId === null ? {} : { [EVENT_ID_HEADER]: lastEventId }
  const fields = { ...mirroredFields(headers, false), ...returns, ...way.fields, accept: 'text/event-stream' }
  const pending = way.port.ask({ method: 'GET', fields, signal: watched.signal, maxMs: UPSTREAM_WORK_MS })
  return respondTo(
    {
      watched,
      filter: filterOf(way, undefined, true, false),
      accepts: { json: false, events: true },
      signal,
      rawId: undefined,
      size: 0,
      keepAliveMs: KEEPALIVE_MS,
      mayBeginEarly: true,
      mayReturn: way.fields[SESSION_HEADER] !== undefined,
      isSoon: false,
      sessionFields: way.sessionFields,
    },
    pending,
  )
}

export const deleteUpstream = behindDoor(async (c, visitor) => {
  const { headers, signal } = c.req.raw
  const refused = refuseModern(visitor)
  if (refused !== undefined) return refused
  return onWay({ c, visitor }, (way) => end(way, headers, signal))
})

async function end(way: Way, headers: Headers, signal: AbortSignal): Promise<Response> {
  const watched = await WatchedRequest.begin(way.share, { principal: way.principal, method: '', isTold: 'true' }, way.moved)
  if ('code' in watched) return failureResponse(watched)
  const fields = { ...mirroredFields(headers, false), ...way.fields }
  const told = await toldWhile(watched, signal, () => way.port.ask({ ...TOLD, method: 'DELETE', fields, signal: watched.signal }))
  if (told.kind === 'failed')
    return unaskedFailureResponse(told.failure, told.failure.code === 'METHOD_NOT_ALLOWED' ? { allow: 'GET, POST' } : {})
  return told.kind === 'refused' ? jsonResponse(told.body, {}, told.status) : new Response(null, { status: 204 })
}

/** HTTP+SSE is bridged for agents alone. */
export const refuseUpstreamDoor = behindDoor(() => Promise.resolve(failureResponse({ code: 'UPSTREAM_DOOR' })))
