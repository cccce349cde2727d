/** Bounds of what owners are told of clients and of what they have done. Each has its unit and its reason. */

/** Sessions, and groups of clients without sessions, that one object of a share lists, the newest: some 300 KiB of JSON. */
export const MAX_LISTED_CLIENTS = 1_000

/** Characters of a text of a client's that are shown to an owner: names and versions are shorter, and lists stay readable. */
export const MAX_SHOWN_CHARS = 128

/** How often what was counted of calls is written while calls are made: what a crash can cost, and two or three rows each time. As often they are asked for by an owner who follows. */
export const USAGE_FLUSH_MS = 2_000

/** Links whose use one object of a share remembers: those of the list, and as many that were revoked or narrowed. Beyond it the one goes that was used longest ago. */
export const MAX_LINK_USES = 2_000

/** Calls that one object of a share remembers for its owner, the latest: some 3 MB in rows, and what happened lately. */
export const MAX_AUDIT_EVENTS = 10_000

/** Of them, those of one row: a row has 2 MB at most (Durable Objects, limits), and an event 1 KiB at most. */
export const AUDIT_ROW_EVENTS = 1_000

/** Events of one answer to an owner. */
export const AUDIT_PAGE_EVENTS = 1_000

/** Calls under way of which an object remembers what they are: more than may wait (MAX_WAITING_CALLS), since some wait by socket. */
export const MAX_AUDITED_CALLS = 20_000

/** After so long an owner who follows is told that there is nothing to tell: proxies cut what is quiet for longer. */
export const FOLLOW_SIGN_MS = 15_000

/** Requests to objects that are made for an owner who follows, until the stream ends and is asked for anew: of 1,000 that a Worker may make for one request (Workers, limits), and less than half an hour. */
export const MAX_FOLLOW_ASKS = 900

/** Refusals of Workers that one object remembers, alike ones together: in a ring of their own, so that no flood of them pushes calls out. */
export const MAX_REFUSED_EVENTS = 1_000

/** What is kept of the arguments and of the result of a call, each, where an owner has asked for it (`capture`), in bytes; and how much of a body is looked at for it. */
export const MAX_CAPTURED_BYTES = 4 * 1024
export const CAPTURE_LOOK_BYTES = 64 * 1024

/** Calls, the latest, of which that is kept: some 8 MB in rows. As many may run, or wait to be written: of more nothing is captured. */
export const MAX_CAPTURED_CALLS = 1_000

/** Of them, those of one row: a row has 2 MB at most, and what they carried may be twice as long in JSON. */
export const CAPTURED_ROW_CALLS = 100

/** Different refusals that an isolate counts for one object until a call takes them along; those beyond it are counted as one. */
export const MAX_TALLIES = 50

/** Objects for which an isolate counts refusals. */
export const MAX_TALLIED_LANES = 200
