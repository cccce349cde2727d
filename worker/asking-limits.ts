/** Caps and timers for children that ask their clients something, with unit and reason; all others of the relay's own are in limits.ts. */

/** Names of tools, prompts and resources that are known to ask: each is a row. */
export const MAX_ASKERS = 1_000

/**
 * How long a call of a client without sessions waits for its turn on its group's child, where a tool that asks must be alone:
 * long enough for most tools, and short enough that the client has its first byte in time (FIRST_ANSWER_MS).
 */
export const TURN_WAIT_MS = 3_000

/** How long a child's request waits until it is certain which of several calls has made it: for all others to be answered. */
export const UNDECIDED_ASK_MS = 5_000

/** Such requests of one share, in all: each is kept in memory, with at most one frame (256 KiB). */
export const MAX_UNDECIDED_ASKS = 16

/** How long nothing a child asks is certain after a call of it was cancelled: for as long an agent lets it still send messages. */
export const CANCELLED_DOUBT_MS = 60_000

/** How long the roots that a client has told hold for its group: a client of 2026-07-28 cannot say that they have changed. */
export const KEPT_ROOTS_MS = 600_000

/** Largest list of roots that is kept, in characters: hundreds of folders. */
export const MAX_KEPT_ROOTS_CHARS = 64 * 1024

/** Requests for roots of one child that may wait for a call that can carry them; each is a row, and the oldest gives way. */
export const MAX_WAITING_ROOTS = 16

/** How long a client that is asked for roots is waited for before the next call of its group is asked. */
export const ROOTS_ASKED_MS = 30_000

/** How long a child's request for roots waits while a list runs, which cannot carry it and may be waiting for it. */
export const ROOTS_IN_LIST_MS = 2_000
