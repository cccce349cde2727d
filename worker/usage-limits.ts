/** Bounds of what owners are told of clients and of what they have done. Each has its unit and its reason. */

/** Sessions, and groups of clients without sessions, that one object of a share lists, the newest: some 300 KiB of JSON. */
export const MAX_LISTED_CLIENTS = 1_000

/** Characters of a text of a client's that are shown to an owner: names and versions are shorter, and lists stay readable. */
export const MAX_SHOWN_CHARS = 128

/** How often what was counted of calls is written while calls are made: what a crash can cost, and two or three rows each time. As often they are asked for by an owner who follows. */
export const USAGE_FLUSH_MS = 2_000

/** Links whose use one object of a share remembers: those of the list, and as many that were revoked or narrowed. Beyond it those go, of whoever has narrowed most, that were used longest ago. */
export const MAX_LINK_USES = 2_000

/** Calls that one object of a share remembers for its owner, the latest of each link: some 3 MB in rows, and what happened lately. A tenth more may lie there. */
export const MAX_AUDIT_EVENTS = 10_000

/** The same of whoever shows no credential, apart from those: anybody can make so many, and shall not push out what links did. */
export const MAX_STRANGERS_EVENTS = 2_000

/** Links of the owner's of which an object remembers calls at once; beyond it that goes which was used longest ago. Each has an equal share of what is kept. */
export const MAX_RINGS = 500

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

/** Refusals that one object remembers, alike ones together: in rings of their own, so that no flood of them pushes calls out. And those of whoever shows no credential. */
export const MAX_REFUSED_EVENTS = 1_000
export const MAX_STRANGERS_REFUSED_EVENTS = 200

/** Refusals of different kinds of one link that an object tells apart until it writes them, each USAGE_FLUSH_MS. */
export const MAX_REFUSED_KINDS_OF_ONE = 50

/** What is kept of the arguments and of the result of a call, each, where an owner has asked for it (`capture`), in bytes; and how much of a body is looked at for it. */
export const MAX_CAPTURED_BYTES = 4 * 1024
export const CAPTURE_LOOK_BYTES = 64 * 1024

/** The same as a text in JSON, where a quote takes two bytes and a control character six: a row of CAPTURED_ROW_CALLS stays below the 2 MB that it may have. */
export const MAX_CAPTURED_ROW_BYTES = 2 * MAX_CAPTURED_BYTES

/** Calls, the latest, of which that is kept: some 8 MB in rows. As many may run, or wait to be written: of more nothing is captured. */
export const MAX_CAPTURED_CALLS = 1_000

/** The same of whoever shows no credential, apart from those; and of one link until it is written, so that none takes the room of all. */
export const MAX_STRANGERS_CAPTURED_CALLS = 200
export const MAX_CAPTURED_CALLS_OF_ONE = 250

/** Of them, those of one row: a row has 2 MB at most (Durable Objects, limits), and each has two texts of MAX_CAPTURED_ROW_BYTES. */
export const CAPTURED_ROW_CALLS = 100

/** Different refusals that an isolate counts for one object until a call takes them along, and how many of them may be of one link; those beyond are counted as one of each link. */
export const MAX_TALLIES = 50
export const MAX_TALLIES_OF_ONE = 20

/** Objects for which an isolate counts refusals. */
export const MAX_TALLIED_LANES = 200

/** Characters of each text that a server says of itself in its owner's catalogue: descriptions are sentences, and forty of them are one answer. */
export const MAX_ABOUT_CHARS = 1_000
