/** Errors of servers that are registered by name, and of the sessions that are made for them. They answer HTTP requests only. */
import type { ErrorRow } from './row.ts'

export const GATEWAY_ERRORS = {
  BACKEND_REFUSED: {
    http: 403,
    retryable: false,
    message: 'No agent of this share may reach that backend. Start mcp-edge-agent with --http and exactly this host and port.',
  },
  SERVER_NOT_REGISTERED: {
    http: 404,
    retryable: false,
    message: 'No server of this name is registered. Register it with POST /register-server, and again each 30 seconds.',
  },
  SERVER_NAME_AMBIGUOUS: {
    http: 409,
    retryable: false,
    message: 'Several of your shares have a server of this name. Say which one is meant with share.',
  },
  GATEWAY_FULL: {
    http: 409,
    retryable: false,
    message:
      'There are as many registered servers, or as many sessions, as an owner or the agents of a share may have. Wait until some have ended.',
  },
} as const satisfies Record<string, ErrorRow>
