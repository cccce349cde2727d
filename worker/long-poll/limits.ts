/** Every cap and time of polled links that the relay alone must know, with its unit and its reason. */

/**
 * Bytes that wait for an agent's polls. What a Share sends unasked is bounded by the windows of the link; this is many of them at once, and
 * little of an object's 128 MB.
 */
export const MAX_UNPOLLED_BYTES = 16 * 1024 * 1024

/** How often a poll is passed on to the Share as a sign of life, in milliseconds: before a list would wait for one. */
export const POLL_SIGN_MS = 10_000

/** Longest body of `register`, in bytes: both agents say two words. */
export const MAX_REGISTER_BYTES = 1024

/** How long after a session of an agent that knows no other was opened it may be opened again, in milliseconds: that agent waits as long after a refusal. */
export const REOPEN_MS = 5_000

/** How long a session that nobody polls is known, in milliseconds: a machine may be off for its owner's holiday. */
export const SESSION_KEPT_MS = 31 * 24 * 60 * 60_000
