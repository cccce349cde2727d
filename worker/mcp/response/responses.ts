/** Makes the Responses of the MCP endpoints; the only place where a failure becomes one. */
import { ERRORS } from '../../../protocol/error-table.ts'
import { errorResponse, type Failure, isServerRefusal } from '../../../protocol/errors.ts'
import { BEARER_CHALLENGE } from '../../access/authenticate.ts'

const JSON_TYPE = 'application/json'

/** A JSON-RPC error with the HTTP status of its code. `rawId` is the request's id as it was sent, if it is known. */
export function failureResponse(failure: Failure, rawId = 'null', headers: Record<string, string> = {}): Response {
  const { code, retryAfterMs, challenge } = failure
  const more = {
    ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }),
    ...(code === 'UNAUTHORIZED' ? { 'www-authenticate': challenge ?? BEARER_CHALLENGE } : {}),
    ...(isServerRefusal(code) && challenge !== undefined ? { 'www-authenticate': challenge } : {}),
  }
  return jsonResponse(errorResponse(rawId, failure), { ...headers, ...more }, ERRORS[code].http)
}

/** The same where nobody waits for a JSON-RPC answer, as after a notification or a GET: what has failed is not told as 200. */
export function unaskedFailureResponse(failure: Failure, headers: Record<string, string> = {}): Response {
  const response = failureResponse(failure, 'null', headers)
  return response.status === 200 ? new Response(response.body, { status: 502, headers: response.headers }) : response
}

export function jsonResponse(body: BodyInit, headers: Record<string, string> = {}, status = 200): Response {
  return new Response(body, { status, headers: { 'content-type': JSON_TYPE, 'cache-control': 'no-store', ...headers } })
}

/** One JSON value that comes bit by bit, with white space that says that we live: a proxy that compresses it would hold that back. */
export function jsonStreamResponse(body: ReadableStream<Uint8Array>, headers: Record<string, string> = {}): Response {
  return jsonResponse(body, { 'cache-control': 'no-store, no-transform', ...headers })
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

/** HTTP statuses that revision 2026-07-28 gives to a server's own errors (basic/index, error codes). */
const STATUS_OF_CODE: ReadonlyMap<unknown, number> = new Map(
  [ERRORS.METHOD_UNKNOWN, ERRORS.HEADER_MISMATCH, ERRORS.CAPABILITY_REQUIRED, ERRORS.UNSUPPORTED_VERSION].map(({ rpc, http }) => [
    rpc,
    http,
  ]),
)

/** A server's error response, in the status that belongs to its code. */
export function serverErrorResponse(body: Uint8Array): Response {
  const { error } = JSON.parse(new TextDecoder().decode(body)) as { error?: { code?: unknown } }
  return jsonResponse(body, {}, STATUS_OF_CODE.get(error?.code) ?? 200)
}
