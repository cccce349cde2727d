/** Errors of a request that is refused before it reaches a server: its form, its credentials, its session, its share. */
import type { ErrorRow } from './row.ts'

export const DOOR_ERRORS = {
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
    message: 'This protocol version is not supported. Use one of the revisions listed in data.supported.',
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
} as const satisfies Record<string, ErrorRow>
