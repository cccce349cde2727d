/** Errors of links and shares that are over, or shut for a while. */
import type { ErrorRow } from './row.ts'

export const TRUST_ERRORS = {
  SHARE_EXPIRED: { http: 410, rpc: -32000, retryable: false, message: 'This share has ended. Ask its owner for a new link.' },
  SHARE_PAUSED: { http: 503, rpc: -32000, retryable: true, message: 'This share is paused. Try again when its owner has resumed it.' },
  RATE_LIMIT_EXCEEDED: {
    http: 429,
    rpc: -32000,
    retryable: true,
    message: 'As much has been used as the owner allows. Try again after the time that is named.',
  },
  TOO_MANY_TRIES: {
    http: 429,
    rpc: -32000,
    retryable: true,
    message: 'Too many wrong credentials have come from this address. Use the right one, or try again after the time that is named.',
  },
  LINK_NOT_FOUND: {
    http: 404,
    rpc: -32000,
    retryable: false,
    message: 'No such link: its key is wrong. Compare the URL with the one that you were given.',
  },
  LINK_REVOKED: { http: 410, rpc: -32000, retryable: false, message: 'This link was revoked. Ask the owner of the share for a new one.' },
  LINK_EXPIRED: { http: 410, rpc: -32000, retryable: false, message: 'This link has ended. Ask the owner of the share for a new one.' },
} as const satisfies Record<string, ErrorRow>
