/** Errors of a server whose clients sign in at itself, through an agent that passes that on (`--pass-auth`). */
import type { ErrorRow } from './row.ts'

export const SIGN_IN_ERRORS = {
  SERVER_SIGN_IN: {
    http: 401,
    rpc: -32005,
    retryable: false,
    message: 'The server wants its client to sign in. Sign in as the WWW-Authenticate header says, and show the token that you are given.',
  },
  SERVER_FORBIDDEN: {
    http: 403,
    rpc: -32005,
    retryable: false,
    message:
      'The server does not allow this with the token that was shown. Sign in for what the WWW-Authenticate header names, or ask whoever runs the server.',
  },
  CREDENTIAL_TOO_LONG: {
    http: 431,
    rpc: -32000,
    retryable: false,
    message: 'The bearer token is longer than what is passed on to a server, 8 KiB. Ask whoever runs its sign-in for shorter ones.',
  },
  SIGN_IN_NOT_PUBLIC: {
    http: 404,
    retryable: false,
    message:
      'The server signs its clients in by itself, where only its own machine can reach it. Ask whoever runs it to name a public authorization server in its resource metadata.',
  },
  METADATA_UNREACHABLE: {
    http: 502,
    retryable: true,
    message: 'The server that was to say where to sign in could not be asked. Try again when its owner has started it.',
  },
} as const satisfies Record<string, ErrorRow>
