/** Errors of agents that poll, and of secret host names. */
import type { ErrorRow } from './row.ts'

export const POLL_ERRORS = {
  POLL_BATCH_REFUSED: {
    http: 400,
    retryable: false,
    message: 'The body is no batch of messages of the link, or larger than 1 MiB. Update the agent, or see what stands on the way.',
  },
  POLL_SESSION_UNKNOWN: {
    http: 404,
    retryable: false,
    message: 'No such session of an agent that polls, or one of another token. Register again.',
  },
  AGENT_HOSTS_OFF: {
    http: 409,
    retryable: false,
    message: 'This relay lets no agents in by secret host names. Its deployer can set AGENT_HOSTS=true and SHARE_DOMAIN.',
  },
  POLL_LINK_OVER: {
    http: 503,
    retryable: true,
    message: 'The link of this session is over, or messages before these are missing. Register again.',
  },
  POLL_BACKLOG_FULL: {
    http: 503,
    retryable: true,
    message:
      'More than 16 MiB wait for an agent that polls, so its link was ended. It comes back by itself; see whether its line is too slow.',
  },
} as const satisfies Record<string, ErrorRow>
