/** Caps and timers for how calls are divided among the agents of a share, with unit and reason; all others of the relay's own are in limits.ts. */

/**
 * How long a call waits for its turn on an agent that runs as many as it takes (`--max-calls`): as for a turn on a child long enough for
 * most tools, and short enough that its client is told by a status (FIRST_ANSWER_MS).
 */
export const AGENT_TURN_WAIT_MS = 3_000

/** Calls that wait so for one agent: each is a timer, and a frame in memory. */
export const MAX_QUEUED_CALLS = 256

/** How many of these may have come by one link of the owner's, so that nobody takes the room of all. */
export const MAX_QUEUED_CALLS_OF_ONE = 64

/** Bytes of the bodies of all calls that wait so in one object, of the 128 MiB that it has. */
export const MAX_QUEUED_BYTES = 8 * 1024 * 1024

/** Agents to which one call goes at once (`--spread`): each takes a round trip and a part of the answer. */
export const MAX_SPREAD_AGENTS = 16

/** How long the answers to such a call are waited for, of each agent: what only reads is soon done, and its client's own clock runs. */
export const SPREAD_ANSWER_MS = 30_000

/** Bytes of one agent's part of such an answer: with MAX_SPREAD_AGENTS of them a Worker holds 8 MiB. */
export const MAX_SPREAD_ANSWER_BYTES = 512 * 1024

/** How long one agent's part of a list, all of its pages, is waited for that is made of several agents' (`--serves`): long enough for a server to start, and no longer than an agent that is away. */
export const LIST_PART_MS = 20_000

/**
 * What an object keeps of calls over HTTP+SSE until they are answered, in bytes of the 128 MiB that it has: four thousand small calls. What
 * is beyond that is told to have failed where it would have been made again.
 */
export const MAX_POSTED_BYTES = 8 * 1024 * 1024

/** What one of them counts beside its body: a dozen facts of a few bytes each, and what a map needs. */
export const POSTED_CALL_BYTES = 2 * 1024

/** Calls over HTTP+SSE of which an object remembers how they failed, until their client has surely been told; and bytes of what tells so, the last words of a server among them. */
export const MAX_POSTED_FAILURES = 1_000
export const MAX_POSTED_FAILURE_BYTES = 1024 * 1024

/** Calls of one HTTP+SSE stream of which its Worker remembers that they were made again, so that nothing of the try before is told: a key each. */
export const MAX_MADE_AGAIN = 1_000
