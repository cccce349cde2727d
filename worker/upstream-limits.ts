/** Bounds of shares that point at a server without an agent. Each has its unit and its reason. */

/** Characters of an upstream's URL, and bytes of what it is told with each request: with encryption they stay below 9 KB, which each Worker keeps for each link that it knows. */
export const MAX_UPSTREAM_URL_CHARS = 2048
export const MAX_UPSTREAM_HEADERS = 16
export const MAX_UPSTREAM_HEADER_BYTES = 4096

/** Characters of a session id of an upstream. It goes to the client in a header, encrypted, a third longer; HTTP servers take 8 KiB of headers in all. */
export const MAX_UPSTREAM_SESSION_CHARS = 1024

/** How long an upstream may take to begin its answer to what needs no work: handshakes, lists, notifications, streams, in milliseconds. As long as a receipt may take. */
export const UPSTREAM_ANSWER_MS = 30_000

/** The same of what may be work, such as a call of a tool: as long as a client may think about a question. */
export const UPSTREAM_WORK_MS = 600_000

/** Largest JSON answer of an upstream that is passed on, in bytes: as much as the line of a local server. */
export const MAX_UPSTREAM_ANSWER_BYTES = 64 * 1024 * 1024

/** Largest event of an upstream, and largest answer that must be looked into, in bytes: it is held whole until then. */
export const MAX_UPSTREAM_EVENT_BYTES = 8 * 1024 * 1024

/** Answers up to this size are looked at for whether they are errors, for the audit. */
export const UPSTREAM_LOOK_BYTES = 256 * 1024

/** Largest error of an upstream that is passed on as it is, in bytes. */
export const MAX_UPSTREAM_ERROR_BYTES = 16 * 1024

/** How long what an upstream has listed counts as what it lists now, in milliseconds: else each call that is judged would be two. */
export const UPSTREAM_LIST_MS = 10_000

/** Longest time after which an upstream asks its client to come again (`Retry-After`) that is passed on, in milliseconds. */
export const MAX_UPSTREAM_RETRY_MS = 3_600_000

/** Relays that a request may have passed: more is a circle. */
export const MAX_RELAYS_PASSED = 3

/** Requests to an upstream that one object of a share watches at a time: a socket and a few hundred bytes each. And of them, those of one principal, with all that counts as it. */
export const MAX_UPSTREAM_REQUESTS = 5_000
export const MAX_UPSTREAM_REQUESTS_OF_ONE = 2_500

/** Of those of one principal, the ones that only tell something: notifications, answers, ends of sessions. An upstream takes them at once, and one that does not must not have its clients' calls wait. */
export const MAX_UPSTREAM_TOLD_OF_ONE = 100
