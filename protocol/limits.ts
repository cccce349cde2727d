/** Every cap and timer that both ends of a link must agree on, with its unit and its reason. */

/** Longest header line of a frame, in bytes. A header carries routing keys only; a longer one is an attack or a bug. */
export const MAX_HEADER_BYTES = 256 * 1024

/** Longest name of a channel, in UTF-16 units. A relay makes these names, and an agent keeps them. */
export const MAX_CHANNEL_CHARS = 64

/** Body bytes in one frame. Larger messages follow in chunks, so that no side ever assembles them. */
export const CHUNK_BYTES = 256 * 1024

/** Bytes of a WebSocket message that holds several frames: what is larger gains nothing by company. */
export const MAX_BUNDLE_BYTES = 64 * 1024

/**
 * Body bytes that an agent may send on one channel beyond what the relay has granted with `credit`.
 * No side of a WebSocket on the platform can stop reading, so this bounds what the relay buffers per channel.
 */
export const CHANNEL_WINDOW_BYTES = 4 * 1024 * 1024

/** Bytes of one chunked request that the relay may send before the agent grants more with `credit`. */
export const UPLOAD_WINDOW_BYTES = 1024 * 1024

/** Largest JSON-RPC message a client may send, in bytes: the SDKs' own 4 MiB of content, with room for what wraps it. */
export const MAX_REQUEST_BYTES = 8 * 1024 * 1024

/** Requests up to this size go to the Share in one call; larger ones go chunk by chunk. */
export const INLINE_REQUEST_BYTES = 1024 * 1024

/** Longest line a server may print on stdout, in bytes. A longer one is dropped with a named error; the channel lives on. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024

/** Longest credential that a client may show for the server itself, in UTF-16 units: what HTTP servers take in all header fields together, as a rule. */
export const MAX_PASSED_CREDENTIAL_CHARS = 8192

/** What of a server's challenge goes to its client, in UTF-16 units of each member: scopes and a sentence. */
export const MAX_CHALLENGE_MEMBER_CHARS = 1024

/** Resource metadata of a server (RFC 9728), in bytes: a few URLs and lists of scopes. */
export const MAX_RESOURCE_METADATA_BYTES = 64 * 1024

/** Longest raw id, progress token, URI or method that takes part in routing, in bytes. */
export const MAX_ROUTING_VALUE_BYTES = 4096

/**
 * Members that a client's message may have at each level that routing reads: the message, its params, their `_meta`. MCP has
 * a dozen. What notes members or edits between them stays as small as it is told to.
 */
export const MAX_ROUTED_MEMBERS = 1024

/** Messages in one JSON-RPC batch (revision 2025-03-26): the SDKs' own limit. */
export const MAX_BATCH_MESSAGES = 100

/** What an agent keeps of each channel so that it can send it again: messages, bytes, milliseconds. */
export const TAIL_MESSAGES = 256
export const TAIL_BYTES = 4 * 1024 * 1024
export const TAIL_MS = 5 * 60_000

/** How long an agent remembers the key of a call it has seen, so that a repeated call never runs twice. */
export const CALL_KEY_MS = 10 * 60_000

/** How long, and how many bytes of them in all, an agent keeps answers for a relay that asks again. */
export const ANSWER_KEEP_MS = 60_000
export const ANSWER_KEEP_BYTES = 64 * 1024 * 1024

/** Call keys that a hello may carry; the newest win. */
export const MAX_HELD_KEYS = 4096

/** How long calls of a link that broke wait for its agent to come back before they fail. */
export const GRACE_MS = 30_000

/** An agent whose hello does not come within this time after the upgrade is closed. */
export const HELLO_MS = 10_000

/** Ending of a child's stderr that is reported with its death, in bytes. */
export const STDERR_TAIL_BYTES = 4096

/** Unreceipted messages on a channel after which an agent asks for a receipt. */
export const RECEIPT_EVERY_MESSAGES = 32

/**
 * Most lanes of a share. Each is one more socket, with queues of its own, for every agent; and one more request of the
 * platform's for every order of the owner, of which a Worker may make 50 on the free plan and 10,000 on the paid one.
 */
export const MAX_LANES = 64

/** Servers with names of one share: each is one more object to tell of every order. More than people run beside each other. */
export const MAX_SERVERS = 16

/** How long a poll waits for the first message, in milliseconds: below what any proxy known to us lets a request wait (60 s). */
export const POLL_MS = 30_000

/** A polled link is given up when no poll has come, and none waits, for so long: a poll that failed is made again after 10 s at most. */
export const POLL_IDLE_MS = 15_000

/** Bytes of one batch of messages: any frame fits, and a body is soon through a slow line. */
export const MAX_BATCH_BYTES = 1024 * 1024
