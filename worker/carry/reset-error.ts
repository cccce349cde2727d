/** Tells errors of RPC after which calling again can help from all others. Pure. */

/** What the platform says of an object that another has taken the place of, or that was cut off: often nothing else marks the error. */
const RESET_TEXTS = /reset because its code was updated|script has been upgraded|network connection lost|no longer active/i

/** Whether calling again can help: the object was reset, or was never reached (Durable Objects, error handling). */
export function isRetryable(error: unknown): boolean {
  const facts = error as { retryable?: unknown; overloaded?: unknown; durableObjectReset?: unknown; message?: unknown } | null
  if (facts?.overloaded === true) return false
  const { message } = facts ?? {}
  return facts?.retryable === true || facts?.durableObjectReset === true || (typeof message === 'string' && RESET_TEXTS.test(message))
}
