/** The only place where a failure becomes a Response of an MCP endpoint. */
import { type ErrorCode, errorResponse, ERRORS, type Failure } from '../../protocol/errors.ts'
import { BEARER_CHALLENGE } from '../access/authenticate.ts'

const JSON_TYPE = 'application/json'

/** A JSON-RPC error with the HTTP status of its code. `rawId` is the request's id as it was sent, if it is known. */
export function failureResponse(failure: Failure, rawId = 'null', headers: Record<string, string> = {}): Response {
  const all: Record<string, string> = { 'content-type': JSON_TYPE, 'cache-control': 'no-store', ...headers }
  if (failure.retryAfterMs !== undefined) all['retry-after'] = String(Math.ceil(failure.retryAfterMs / 1000))
  if (failure.code === 'UNAUTHORIZED') all['www-authenticate'] = BEARER_CHALLENGE
  return new Response(errorResponse(rawId, failure), { status: ERRORS[failure.code].http, headers: all })
}

export function refusal(code: ErrorCode, detail?: string, headers?: Record<string, string>): Response {
  return failureResponse({ code, ...(detail === undefined ? {} : { detail }) }, 'null', headers)
}

export function jsonResponse(body: BodyInit, headers: Record<string, string> = {}): Response {
  return new Response(body, { headers: { 'content-type': JSON_TYPE, 'cache-control': 'no-store', ...headers } })
}

export function eventStreamResponse(body: ReadableStream<Uint8Array>, headers: Record<string, string> = {}): Response {
  return new Response(body, {
    // Proxies that buffer would hold events back; this header is how they are told not to.
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no', ...headers },
  })
}

export function accepted(): Response {
  return new Response(null, { status: 202 })
}
