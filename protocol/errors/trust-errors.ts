/** Errors of links and shares that are over, or shut for a while. */
import type { ErrorRow } from './row.ts'

export const TRUST_ERRORS = {
  SHARE_EXPIRED: { http: 410, rpc: -32000, retryable: false, message: 'This share has ended. Ask its owner for a new link.' },
} as const satisfies Record<string, ErrorRow>
