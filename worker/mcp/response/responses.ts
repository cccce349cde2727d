/** The only place where a failure becomes a Response of an MCP endpoint. */
import { type ErrorCode, errorResponse, ERRORS, type Failure } from '../../../protocol/errors.ts'
import { PROBLEMS, type Problem, problemResponse } from '../../bridge/modern-errors.ts'
import { BEARER_CHALLENGE } from '../../access/authenticate.ts'

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

export function jsonResponse(body: BodyInit, headers: Record<string, string> = {}, status = 200): Response {
  return new Response(body, { status, headers: { 'content-type': JSON_TYPE, 'cache-control': 'no-store', ...headers } })
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

/** An error of revision 2026-07-28 that the relay itself has found, with the HTTP status of its code. */
export function problemReply(problem: Problem, rawId = 'null'): Response {
  return new Response(problemResponse(rawId, problem), {
    status: PROBLEMS[problem.code].http,
    headers: { 'content-type': JSON_TYPE, 'cache-control': 'no-store' },
  })
}

/** HTTP statuses that revision 2026-07-28 gives to a server's own errors (basic/index, error codes). */
const STATUS_OF_CODE: ReadonlyMap<unknown, number> = new Map([
  [-32601, 404],
  [-32020, 400],
  [-32021, 400],
  [-32022, 400],
])

/** A server's error response, in the status that belongs to its code. */
export function errorReply(body: Uint8Array): Response {
  const { error } = JSON.parse(new TextDecoder().decode(body)) as { error?: { code?: unknown } }
  return new Response(body, {
    status: STATUS_OF_CODE.get(error?.code) ?? 200,
    headers: { 'content-type': JSON_TYPE, 'cache-control': 'no-store' },
  })
}
