/** `/s/<share>/sse` and `/s/<share>/messages`: HTTP+SSE of MCP 2024-11-05, where every answer comes on one stream. */
import { admit, type McpContext } from './endpoint.ts'
import { Listener } from './listener.ts'
import { isJson, readAccept, readBody, readPosted } from './message.ts'
import { callRequest, send } from './post.ts'
import { AGENT_AWAY, eventStreamResponse, failureResponse, refusal } from './reply.ts'
import { newSessionId } from './streamable-http.ts'
import { uploadRest } from './upload.ts'

export async function getSse(c: McpContext): Promise<Response> {
  const visitor = await admit(c)
  if (!visitor.ok) return failureResponse(visitor.error)
  if (!readAccept(c.req.raw.headers.get('accept')).events) return refusal('NOT_ACCEPTABLE')
  const { shareFor, principal, basePath } = visitor.value
  const session = newSessionId()
  const listener = new Listener(shareFor(session), { principal, session }, 'session', c.req.raw.signal)
  // Clients post to no other origin than the stream's, so the path is all they need.
  listener.sink.writeEvent('endpoint', `${basePath}/messages?sessionId=${session}`)
  if (!(await listener.open())) return refusal('SHARE_NOT_FOUND')
  return eventStreamResponse(listener.sink.outlet.readable)
}

export async function postMessages(c: McpContext): Promise<Response> {
  const visitor = await admit(c)
  if (!visitor.ok) return failureResponse(visitor.error)
  if (!isJson(c.req.raw.headers.get('content-type'))) return refusal('UNSUPPORTED_MEDIA_TYPE')
  const body = await readBody(c.req.raw)
  if (body === undefined) return refusal('BODY_TOO_LARGE')
  const posted = readPosted(body)
  if (!posted.ok) return refusal(posted.error)
  const { messages, isBatch } = posted.value
  const [message] = messages
  if (isBatch || message === undefined) return refusal('BATCH_REFUSED')
  const { shareFor, principal } = visitor.value
  const session = c.req.query('sessionId')
  if (session === undefined) return refusal('SESSION_REQUIRED')
  const share = shareFor(session)
  const caller = { principal, session }
  if (message.facts.kind !== 'request') {
    const failure = await send(share, caller, message)
    return failure === undefined ? taken() : failureResponse(failure)
  }
  const request = callRequest(caller, message, 'session')
  const outcome = share.call(request)
  if (request.size > request.body.length) void uploadRest(share, request.key, message.bytes)
  const { kind, ...facts } = await outcome
  if (kind === 'away') return failureResponse(AGENT_AWAY, request.rawId)
  if (kind === 'failed' && 'failure' in facts) return failureResponse(facts.failure, request.rawId)
  return taken()
}

function taken(): Response {
  return new Response('Accepted', { status: 202, headers: { 'content-type': 'text/plain' } })
}
