/** What an answer over HTTP that is no JSON-RPC message means for its call, and what is to be done about it. Pure. */
import type { IncomingMessage } from 'node:http'
import type { ErrorCode, Executed } from '../../../protocol/errors.ts'
import { isSuccess, mediaType } from './http-server.ts'

export interface ServerFault {
  readonly code: ErrorCode
  /** Whether the request it answers has run. */
  readonly executed: Executed
  /** For clients: nothing but numbers and media types. */
  readonly detail: string
  /** For the owner. */
  readonly meaning: string
}

/** Of these a server says that it has done nothing (RFC 9110 §15.5, RFC 6585 §4). */
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 404, 405, 406, 407, 411, 413, 414, 415, 421, 426, 429, 431])

export function responseFault(response: IncomingMessage, place: string): ServerFault {
  const { statusCode = 0 } = response
  const type = mediaType(response)
  const detail = type === '' ? `HTTP ${statusCode}` : `HTTP ${statusCode}, ${type}`
  const executed = REFUSALS.has(statusCode) ? 'no' : 'unknown'
  if (statusCode === 401 || statusCode === 403 || statusCode === 407)
    return {
      code: 'SERVER_UNAUTHORIZED',
      executed,
      detail,
      meaning: `${place} answers ${statusCode}: give what it wants with --header 'Authorization: …' or --header-file`,
    }
  if (isSuccess(response) || [404, 405, 406, 415].includes(statusCode) || (statusCode >= 300 && statusCode < 400))
    return {
      code: 'SERVER_NOT_MCP',
      executed,
      detail,
      meaning: `${place} answers ${detail}: is that the path of its MCP endpoint? A server of HTTP+SSE needs --sse`,
    }
  return { code: 'SERVER_HTTP_ERROR', executed, detail, meaning: `${place} answers ${detail}` }
}
