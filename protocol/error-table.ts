/** Every error that a client, an owner or an agent can be told: HTTP status, JSON-RPC code, whether a retry can help, and what to do next. */
import { API_ERRORS } from './errors/api-errors.ts'
import { APPROVAL_ERRORS } from './errors/approval-errors.ts'
import { BRIDGE_ERRORS } from './errors/bridge-errors.ts'
import { CALL_ERRORS } from './errors/call-errors.ts'
import { DOOR_ERRORS } from './errors/door-errors.ts'
import { GATEWAY_ERRORS } from './errors/gateway-errors.ts'
import { POLL_ERRORS } from './errors/poll-errors.ts'
import { SIGN_IN_ERRORS } from './errors/sign-in-errors.ts'
import { TRUST_ERRORS } from './errors/trust-errors.ts'
import { UPSTREAM_ERRORS } from './errors/upstream-errors.ts'
import { WEB_ERRORS } from './errors/web-errors.ts'

export const ERRORS = {
  ...DOOR_ERRORS,
  ...CALL_ERRORS,
  ...API_ERRORS,
  ...BRIDGE_ERRORS,
  ...TRUST_ERRORS,
  ...APPROVAL_ERRORS,
  ...WEB_ERRORS,
  ...GATEWAY_ERRORS,
  ...UPSTREAM_ERRORS,
  ...POLL_ERRORS,
  ...SIGN_IN_ERRORS,
} as const
