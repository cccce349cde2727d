/** Errors of shares that point at a server without an agent, and of that server. */
import type { ErrorRow } from './row.ts'

export const UPSTREAM_ERRORS = {
  UPSTREAM_UNREACHABLE: {
    http: 503,
    rpc: -32005,
    retryable: true,
    message: 'The server that this share points at cannot be reached. Try again later, or ask the owner of the share.',
  },
  UPSTREAM_UNAUTHORIZED: {
    http: 200,
    rpc: -32005,
    retryable: false,
    message: 'The server that this share points at refuses the relay. Ask the owner of the share to give it what the server wants.',
  },
  UPSTREAM_REDIRECTED: {
    http: 200,
    rpc: -32005,
    retryable: false,
    message: 'The server that this share points at has moved. Ask the owner of the share for its new URL; redirects are not followed.',
  },
  UPSTREAM_NOT_PUBLIC: {
    http: 200,
    rpc: -32005,
    retryable: false,
    message: 'This share points at an address that this relay does not connect to. Ask its owner for another.',
  },
  UPSTREAM_UNREADABLE: {
    http: 200,
    rpc: -32005,
    retryable: false,
    message: 'The relay cannot read any more where this share points. Ask its owner to set it anew.',
  },
  UPSTREAM_CIRCLE: {
    http: 200,
    rpc: -32005,
    retryable: false,
    message: 'The request has come through too many relays. Ask the owner of the share whether it points at itself.',
  },
  UPSTREAM_HTTP_ERROR: {
    http: 200,
    rpc: -32006,
    retryable: false,
    message: 'The server that this share points at answered with an HTTP error. Check whether the call took effect before you repeat it.',
  },
  UPSTREAM_BROKEN: {
    http: 200,
    rpc: -32006,
    retryable: false,
    message:
      'The server that this share points at broke off, or gave no MCP answer. Check whether the call took effect before you repeat it.',
  },
  UPSTREAM_TOO_LARGE: {
    http: 200,
    rpc: -32008,
    retryable: false,
    message: 'The answer of the server that this share points at is larger than is passed on. Ask for less at a time.',
  },
  UPSTREAM_TIMEOUT: {
    http: 200,
    rpc: -32019,
    retryable: false,
    message: 'The server that this share points at has not answered in time. Check whether the call took effect before you repeat it.',
  },
  UPSTREAM_DOOR: {
    http: 404,
    rpc: -32000,
    retryable: false,
    message: 'This share is served over Streamable HTTP alone. Use its URL that ends in /mcp.',
  },
  UPSTREAM_TASKS: {
    http: 200,
    rpc: -32000,
    retryable: false,
    message: 'Tasks are not passed on to the server that this share points at. Call the tool without a task.',
  },
  UPSTREAM_SETTING: {
    http: 409,
    retryable: false,
    message: 'A share with an upstream does not have this, and others have no upstream. Leave the named member out.',
  },
} as const satisfies Record<string, ErrorRow>
