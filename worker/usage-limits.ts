/** Bounds of what owners are told of clients and of what they have done. Each has its unit and its reason. */

/** Sessions, and groups of clients without sessions, that one object of a share lists, the newest: some 300 KiB of JSON. */
export const MAX_LISTED_CLIENTS = 1_000

/** Characters of a text of a client's that are shown to an owner: names and versions are shorter, and lists stay readable. */
export const MAX_SHOWN_CHARS = 128

/** How often what was counted of calls is written while calls are made: what a crash can cost, and two or three rows each time. */
export const USAGE_FLUSH_MS = 2_000

/** Links whose use one object of a share remembers: those of the list, and as many that were revoked or narrowed. Beyond it the one goes that was used longest ago. */
export const MAX_LINK_USES = 2_000
