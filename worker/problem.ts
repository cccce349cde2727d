/** Problem details (RFC 9457): the only place where an error of the API becomes a Response. */
import { ERRORS } from '../protocol/error-table.ts'
import type { ProblemCode } from '../protocol/errors.ts'

/** What who has tried too many wrong credentials is told, and how long to wait, in milliseconds. */
export function triesResponse(waitMs: number): Response {
  return problemResponse('TOO_MANY_TRIES', undefined, { 'retry-after': String(Math.ceil(waitMs / 1000)) })
}

/** A response of type `application/problem+json`; `detail` says what went wrong in particular and must be safe to show. */
export function problemResponse(code: ProblemCode, detail?: string, headers: Record<string, string> = {}): Response {
  const { http: status, message } = ERRORS[code]
  const titleEnd = message.indexOf('. ') + 1
  const advice = message.slice(titleEnd).trim()
  const body = {
    type: `urn:mcp-edge:problem:${code}`,
    title: message.slice(0, titleEnd),
    status,
    code,
    detail: detail === undefined ? advice : `${detail} ${advice}`,
  }
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...headers, 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  })
}
