/** The one table of errors that cross a wire: HTTP status, JSON-RPC code, whether a retry can help, and what to do next. */

interface ErrorRow {
  /** HTTP status when the error is the first thing to answer a request. */
  readonly http: number
  /** JSON-RPC error code (JSON-RPC 2.0 §5.1; -32000 to -32019 are the implementation's range in MCP 2026-07-28). */
  readonly rpc: number
  readonly retryable: boolean
  /** What happened and what to do next. Each stands as a heading in docs/troubleshooting.md. */
  readonly message: string
}

export const ERRORS = {
  PARSE_ERROR: { http: 400, rpc: -32700, retryable: false, message: 'The body is not valid JSON in UTF-8. Send one JSON-RPC 2.0 message.' },
  INVALID_REQUEST: {
    http: 400,
    rpc: -32600,
    retryable: false,
    message: 'The body is not a JSON-RPC 2.0 message. Check jsonrpc, id and method, and send each key once.',
  },
  BATCH_REFUSED: {
    http: 400,
    rpc: -32600,
    retryable: false,
    message:
      'A batch is not allowed here. Send one message at a time (batches exist only in revision 2025-03-26, up to 100 messages, never with initialize).',
  },
  SESSION_REQUIRED: {
    http: 400,
    rpc: -32000,
    retryable: false,
    message: 'The Mcp-Session-Id header is missing. Send initialize first, then its session id with every request.',
  },
  SESSION_NOT_FOUND: { http: 404, rpc: -32001, retryable: false, message: 'No such session. Send initialize again without a session id.' },
  UNSUPPORTED_VERSION: {
    http: 400,
    rpc: -32022,
    retryable: false,
    message: 'This MCP-Protocol-Version is not supported. Use one of the revisions listed in data.supported.',
  },
  METHOD_NOT_ALLOWED: {
    http: 405,
    rpc: -32000,
    retryable: false,
    message: 'This HTTP method is not allowed here. Use one of those in the Allow header.',
  },
  NOT_ACCEPTABLE: {
    http: 406,
    rpc: -32000,
    retryable: false,
    message: 'The Accept header excludes every media type we can send. Accept application/json and text/event-stream.',
  },
  BODY_TOO_LARGE: { http: 413, rpc: -32000, retryable: false, message: 'The request is larger than 8 MiB. Send it in smaller parts.' },
  UNSUPPORTED_MEDIA_TYPE: { http: 415, rpc: -32000, retryable: false, message: 'The Content-Type is not application/json. Send JSON.' },
  DUPLICATE_ID: {
    http: 400,
    rpc: -32600,
    retryable: false,
    message: 'A request with this id is still running in this session. Use a new id.',
  },
  UNAUTHORIZED: {
    http: 401,
    rpc: -32000,
    retryable: false,
    message: 'A valid token for this share is needed. Ask its owner for a new link or token.',
  },
  ORIGIN_REFUSED: {
    http: 403,
    rpc: -32000,
    retryable: false,
    message: 'Pages of this origin may not use the relay. Its owner can add the origin to ALLOWED_ORIGINS.',
  },
  HOST_REFUSED: {
    http: 403,
    rpc: -32000,
    retryable: false,
    message: 'This relay does not answer to that host name. Use its loopback address, or let its owner add the name to ALLOWED_HOSTS.',
  },
  SHARE_NOT_FOUND: { http: 404, rpc: -32000, retryable: false, message: 'No such share. Ask its owner for a new link.' },
  RELAY_UNCLAIMED: {
    http: 503,
    rpc: -32000,
    retryable: true,
    message: 'This relay has no owner yet. Claim it with POST /api/claim, or set OWNER_KEY as a secret.',
  },
  AGENT_AWAY: {
    http: 503,
    rpc: -32003,
    retryable: true,
    message: 'No agent is connected to this share. Try again when its owner has started mcp-edge-agent.',
  },
  AGENT_LOST: {
    http: 200,
    rpc: -32004,
    retryable: false,
    message: 'The agent went away before it answered. Check whether the call took effect before you repeat it.',
  },
  CHILD_START_FAILED: {
    http: 200,
    rpc: -32005,
    retryable: false,
    message: 'The server could not be started. Its owner should run the command by hand and read data.stderr.',
  },
  CHILD_DIED: {
    http: 200,
    rpc: -32006,
    retryable: false,
    message:
      'The server ended before it answered. Check whether the call took effect before you repeat it; data.stderr has its last words.',
  },
  TOO_MANY_CHILDREN: {
    http: 503,
    rpc: -32007,
    retryable: true,
    message: 'All server processes are busy. Try again later, or let the owner raise --max-children.',
  },
  LINE_TOO_LONG: { http: 200, rpc: -32008, retryable: false, message: 'The answer is longer than 64 MiB. Ask for less at a time.' },
  CHANNEL_CLOSED: {
    http: 200,
    rpc: -32009,
    retryable: true,
    message: 'The session ended before the server answered. Start a new session and call again.',
  },
  CANCELLED: { http: 200, rpc: -32010, retryable: false, message: 'The call was cancelled by its client. Nothing more will come for it.' },
  BACKLOG_FULL: { http: 503, rpc: -32011, retryable: true, message: 'The server does not read its input fast enough. Try again later.' },
  ALREADY_EXECUTED: {
    http: 200,
    rpc: -32012,
    retryable: false,
    message: 'The call ran, but its answer is no longer kept. Check its effect instead of repeating it.',
  },
  EVENTS_LOST: {
    http: 200,
    rpc: -32016,
    retryable: false,
    message: 'This stream was left too long ago, and part of what came for it is gone. Check the effect of a call before you repeat it.',
  },
  EVENT_ID_UNKNOWN: {
    http: 400,
    rpc: -32000,
    retryable: false,
    message: 'This Last-Event-ID names no stream of this session. Open the stream again without it.',
  },
  SHARE_BUSY: { http: 503, rpc: -32013, retryable: true, message: 'The share has too many calls or sessions open. Try again later.' },
  UPLOAD_BROKEN: { http: 200, rpc: -32014, retryable: true, message: 'The request did not reach the agent whole. Send it again.' },
  CLIENT_UNREACHABLE: {
    http: 200,
    rpc: -32015,
    retryable: false,
    message: 'The client has no stream open to be asked on. It should open one with GET, or ask again during a call.',
  },
  INTERNAL: { http: 500, rpc: -32603, retryable: true, message: 'The relay failed. Try again, and show its owner the log.' },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

/** Whether a failed call had run: proved not to, proved to, or not known. */
export type Executed = 'no' | 'yes' | 'unknown'

/** A failure as it travels in frames and RPC: a code of the table, and facts that are safe to show to a client. */
export interface Failure {
  readonly code: ErrorCode
  readonly executed?: Executed
  readonly exitCode?: number | null
  readonly signal?: string | null
  /** Last lines the server wrote to stderr, secrets masked. */
  readonly stderr?: string
  /** What went wrong in particular, when the table's text is not enough. */
  readonly detail?: string
  readonly retryAfterMs?: number
  readonly supported?: readonly string[]
}

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(ERRORS, text)
}

/**
 * The JSON-RPC error response for a failure, as text. `rawId` is the request's id exactly as it was sent, or `null`.
 * `error.data` has `code`, `retryable` and the failure's facts, and nothing else that the object may carry: a `failed`
 * frame is a failure too, and its key and return address are not the client's to see.
 */
export function errorResponse(rawId: string, failure: Failure): string {
  const { code, executed, exitCode, signal, stderr, detail, retryAfterMs, supported } = failure
  const row = ERRORS[code]
  const message = detail === undefined ? row.message : `${row.message} (${detail})`
  const data = { code, executed, exitCode, signal, stderr, retryAfterMs, supported, retryable: row.retryable }
  return `{"jsonrpc":"2.0","id":${rawId},"error":${JSON.stringify({ code: row.rpc, message, data })}}`
}
