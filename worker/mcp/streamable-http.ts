/** `/s/<share>/mcp`: Streamable HTTP (MCP 2025-03-26 to 2025-11-25, basic/transports); requests of revision 2026-07-28 go on to modern-client. */
import { type ShareClient } from '../carry/share-client.ts'
import { isCharged } from '../contract/trust/metering.ts'
import { settingsOf } from '../env.ts'
import { newSessionId, SESSION_HEADER } from './session-id.ts'
import { claimsModern, classify } from '../bridge/envelope.ts'
import { admit, callerIn, type McpContext, type Visitor } from './visitor.ts'
import { SessionCall } from './legacy-client/call.ts'
import { Listener } from './legacy-client/listener.ts'
import { type ClientMessage, readBody, readPosted } from './message.ts'
import { postModern } from './modern-client/call.ts'
import { guestRefusal } from './policy/guests.ts'
import { noted } from './policy/noted-refusal.ts'
import { send } from './call/send.ts'
import { pinIfDue } from './pinning/pin-server.ts'
import { continueStream } from './last-event-id.ts'
import { accepted, eventStreamResponse, failureResponse } from './response/responses.ts'
import { respond, respondToBatch } from './response/respond.ts'
import { isCoreNotification } from '../bridge/names.ts'
import { BATCH_REVISION, takesEmptyEvents } from '../bridge/revision.ts'
import { type Accepts, isJson, readAccept, isModernVisitor, legacyRevisionFault } from './request-headers.ts'
import { PassRefused } from '../carry/pass-refused.ts'
import { problemResponse } from '../problem.ts'
import { wasRemoved } from '../carry/known-servers.ts'

/**
 * The handler of an MCP route, for visitors who are admitted. Nobody is answered whom the share does not let in: where what was sent needs
 * no share to be answered, that is asked by itself.
 */
export function behindDoor(handle: (c: McpContext, visitor: Visitor) => Promise<Response>): (c: McpContext) => Promise<Response> {
  return async (c) => {
    const visitor = await admit(c)
    if (!visitor.ok) return failureResponse(visitor.error)
    const { hasAsked, shareFor, asked, isAstray, server } = visitor.value
    if (isAstray) return letIn(shareFor(''), problemResponse('ROUTE_NOT_FOUND'))
    return handle(c, visitor.value).then((response) => {
      asked().forEach((share) => pinIfDue(share))
      if (!hasAsked()) return letIn(shareFor(''), response)
      return response.status === 404 && server !== undefined ? sinceRemoved(c, server, response) : response
    })
  }
}

/** What the object of a server that was removed has answered gives way to what a name is answered that is none. */
async function sinceRemoved(c: McpContext, server: string, response: Response): Promise<Response> {
  return (await wasRemoved(c.env, c.req.param('share') ?? '', server)) ? problemResponse('ROUTE_NOT_FOUND') : response
}

async function letIn(share: ShareClient, response: Response): Promise<Response> {
  await share.admit()
  return response
}

export const postMcp = behindDoor(async (c, visitor) => {
  if (!isJson(c.req.raw.headers.get('content-type'))) return failureResponse({ code: 'UNSUPPORTED_MEDIA_TYPE' })
  const accepts = readAccept(c.req.raw.headers.get('accept'))
  if (!accepts.json && !accepts.events) return failureResponse({ code: 'NOT_ACCEPTABLE' })
  const body = await readBody(c.req.raw)
  if (body === undefined) return failureResponse({ code: 'BODY_TOO_LARGE' })
  const posted = readPosted(body)
  if (!posted.ok) return failureResponse(posted.error)
  const { messages, isBatch } = posted.value
  const session = c.req.header(SESSION_HEADER)
  const [only] = messages
  if (isBatch) return postBatch(c, visitor, messages, session, accepts)
  return only === undefined ? failureResponse({ code: 'INVALID_REQUEST' }) : postMessage(c, visitor, only, session, accepts)
})

async function postMessage(
  c: McpContext,
  visitor: Visitor,
  message: ClientMessage,
  session: string | undefined,
  accepts: Accepts,
): Promise<Response> {
  const { kind, method, id } = message.facts
  const beyond = guestRefusal(visitor, session ?? '', message)
  if (beyond !== undefined) return failureResponse(beyond, id?.raw)
  const classified = classify(message.facts, message.params, c.req.raw.headers, visitor.revision)
  if (classified.era === 'refused') return failureResponse(classified.failure, id?.raw)
  if (classified.era === 'modern') {
    // Over HTTP its clients notify of nothing (2026-07-28, basic/transports): who sends the protocol's own all the same is not turned away.
    if (classified.kind === 'notification') return isCoreNotification(method) ? accepted() : failureResponse({ code: 'METHOD_UNKNOWN' })
    return postModern(visitor, visitor.stateKey, message, classified.envelope, accepts, c.req.raw)
  }
  if (kind === 'request' && method === 'initialize') {
    const { protocolVersion } = message.params
    const fresh = newSessionId(typeof protocolVersion === 'string' ? protocolVersion : undefined)
    const call = SessionCall.make(visitor.shareFor(fresh), callerIn(visitor, fresh), message, deliveryTo(accepts))
    return respond(call.letReturn(quietMs(c, call.revision)), accepts, c.req.raw.signal, { [SESSION_HEADER]: fresh })
  }
  const fault = legacyRevisionFault(visitor)
  if (fault !== undefined) return failureResponse(fault, id?.raw)
  // claude.ai sends notifications/initialized without the session's id; there is nobody to bring it to.
  if (session === undefined)
    return kind === 'notification' && isCoreNotification(method) ? accepted() : failureResponse({ code: 'SESSION_REQUIRED' }, id?.raw)
  const share = visitor.shareFor(session)
  const caller = callerIn(visitor, session)
  if (kind === 'request') {
    const call = SessionCall.make(share, caller, message, deliveryTo(accepts))
    return respond(call.letReturn(quietMs(c, visitor.revision)), accepts, c.req.raw.signal, {})
  }
  const failure = await send(share, caller, message)
  return failure === undefined ? accepted() : failureResponse(failure)
}

/** A client that takes no events can be brought nothing but the answer. */
function deliveryTo({ events }: Accepts): 'stream' | 'single' {
  return events ? 'stream' : 'single'
}

/** How long a stream may be quiet whose client can come back; undefined for a client that may not know how. */
function quietMs(c: McpContext, revision: string | undefined): number | undefined {
  return revision !== undefined && takesEmptyEvents(revision) ? settingsOf(c.env).pollAfterMs : undefined
}

async function postBatch(
  c: McpContext,
  visitor: Visitor,
  messages: readonly ClientMessage[],
  session: string | undefined,
  accepts: Accepts,
): Promise<Response> {
  if (messages.some(({ params }) => claimsModern(params))) return failureResponse({ code: 'BATCH_MODERN' })
  const fault = legacyRevisionFault(visitor)
  if (fault !== undefined) return failureResponse(fault)
  const { revision } = visitor
  if ((revision ?? BATCH_REVISION) !== BATCH_REVISION || messages.some(({ facts }) => facts.method === 'initialize'))
    return failureResponse({ code: 'BATCH_REFUSED' })
  if (session === undefined) return failureResponse({ code: 'SESSION_REQUIRED' })
  for (const message of messages) {
    const beyond = guestRefusal(visitor, session, message)
    if (beyond !== undefined) return failureResponse(beyond)
  }
  const share = visitor.shareFor(session)
  const caller = callerIn(visitor, session)
  const others = messages.filter(({ facts }) => facts.kind !== 'request')
  for (const message of others) {
    const failure = await send(share, caller, message)
    if (failure !== undefined) return failureResponse(failure)
  }
  const requests = messages.filter(({ facts }) => facts.kind === 'request')
  if (requests.length === 0) return accepted()
  // What comes of the calls goes into a stream that begins at once, where no status can be told.
  const charged = requests.filter(({ facts }) => isCharged(facts.method ?? ''))
  try {
    await share.admit(undefined, charged.length > 0)
  } catch (error) {
    if (error instanceof PassRefused && error.failure.code === 'RATE_LIMIT_EXCEEDED')
      for (const message of charged) noted(share, caller.principal, message, error.failure)
    throw error
  }
  function* calls(): Generator<SessionCall> {
    for (const message of requests) yield SessionCall.make(share.fork(), caller, message, deliveryTo(accepts))
  }
  return respondToBatch(calls(), accepts, c.req.raw.signal)
}

/** What is wrong with a visitor of a method that only the handshake era has. */
function refuseLegacy(visitor: Visitor): Response | undefined {
  if (isModernVisitor(visitor)) return failureResponse({ code: 'METHOD_NOT_ALLOWED' }, 'null', { allow: 'POST' })
  const fault = legacyRevisionFault(visitor)
  return fault === undefined ? undefined : failureResponse(fault)
}

export const getMcp = behindDoor(async (c, visitor) => {
  const refused = refuseLegacy(visitor)
  if (refused !== undefined) return refused
  if (!readAccept(c.req.raw.headers.get('accept')).events) return failureResponse({ code: 'NOT_ACCEPTABLE' })
  const session = c.req.header(SESSION_HEADER)
  if (session === undefined) return failureResponse({ code: 'SESSION_REQUIRED' })
  const { revision } = visitor
  const caller = callerIn(visitor, session)
  const share = visitor.shareFor(session)
  const lastEventId = c.req.header('last-event-id') ?? ''
  if (lastEventId !== '') return continueStream(share, caller, { lastEventId, quietMs: quietMs(c, revision) }, c.req.raw.signal)
  const listener = new Listener(share, caller, 'listen', c.req.raw.signal)
  if (!(await listener.open())) return failureResponse({ code: 'SESSION_NOT_FOUND' })
  return eventStreamResponse(listener.messages.body.readable)
})

export const deleteMcp = behindDoor(async (c, visitor) => {
  const refused = refuseLegacy(visitor)
  if (refused !== undefined) return refused
  const session = c.req.header(SESSION_HEADER)
  if (session === undefined) return failureResponse({ code: 'SESSION_REQUIRED' })
  return (await visitor.shareFor(session).end(callerIn(visitor, session)))
    ? new Response(null, { status: 204 })
    : failureResponse({ code: 'SESSION_NOT_FOUND' })
})
