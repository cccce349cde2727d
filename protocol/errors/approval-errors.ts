/** What a client is told of calls that wait for the owner of the share. The first two are the text of a tool's result, and no JSON-RPC errors. */
import type { ErrorRow } from './row.ts'

export const APPROVAL_ERRORS = {
  APPROVAL_PENDING: {
    http: 200,
    rpc: -32000,
    retryable: true,
    message:
      'The owner of this share has not decided about this call yet, and it has not run. Once the owner has allowed it, make the same call again within 10 minutes.',
  },
  APPROVAL_DENIED: {
    http: 200,
    rpc: -32000,
    retryable: false,
    message: 'The owner of this share has denied this call, and it has not run. Ask the owner before you make it again.',
  },
  APPROVALS_FULL: {
    http: 429,
    rpc: -32000,
    retryable: true,
    message: 'As many calls wait for the owner of this share as may. Try again when the owner has decided about some of them.',
  },
  APPROVAL_UNREADABLE: {
    http: 200,
    rpc: -32000,
    retryable: false,
    message:
      'This call must be shown to the owner of the share first, and cannot be shown as it is. Send shorter arguments, each key once.',
  },
} as const satisfies Record<string, ErrorRow>
