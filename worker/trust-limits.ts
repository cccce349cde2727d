/** Every bound of what owners decide: shares, links, owners, and how their orders are told. Units and reasons stand with each. */

/** How long one lane may take over an order of its owner's before it counts as not reached: it is told again. */
export const LANE_ORDER_MS = 10_000

/** How soon the registry tells lanes again what they have not heard, at first; each time in vain doubles it. */
export const RETELL_MS = 2_000
export const MAX_RETELL_MS = 300_000

/** Changes that the registry tells again at a time: to 64 lanes and 16 servers each, below the 1,000 requests that the platform lets one event make. */
export const MAX_RETOLD = 12

/** Servers of shares that an isolate knows to be there: some 100 KB. */
export const MAX_KNOWN_SERVERS = 1_000

/** Shares of which an isolate knows that their agents pass on what clients show for the server, and for how long, in milliseconds: an agent that is started anew may not. */
export const MAX_PASSING_SHARES = 1_000
export const PASSING_MS = 30_000

/** How long an isolate believes the registry which servers a share has: so late it may find one that is new, if the agent came in elsewhere. */
export const KNOWN_SERVERS_MS = 1_000

/** Owners of a relay besides its deployer: each is a row, and the list of them is one answer. */
export const MAX_OWNERS = 1_000

/** Shares of one owner besides the deployer: a hundredth of what a relay keeps, so that no owner fills it alone. */
export const MAX_SHARES_OF_OWNER = 10_000

/**
 * Bytes of the registry beyond which it takes nothing more in: of the 10 GB that an object may have (Durable Objects, limits), enough
 * is left for what must still be written about what there is.
 */
export const MAX_REGISTRY_BYTES = 8_000_000_000

/** Shares of a removed owner that pass to the deployer at a time, and so how many changes one event makes. */
export const MAX_PASSED_SHARES = 200

/** Links that a share may have: each is a row, and an owner can look through so many. What has ended gives way first. */
export const MAX_LINKS = 1_000

/** When a client should look again whether a paused share goes on: its owner decides that, and no sooner is likely. */
export const PAUSED_RETRY_MS = 30_000

/** Links of which a Share, and shares and links of which an isolate, remembers what their owner has decided. */
export const MAX_KNOWN_LINKS = 1_000

/**
 * Characters of what is accepted of servers, as JSON texts, that an isolate remembers of all shares together: of some seventy that are pinned to
 * the last. With the sets they are judged by it is a quarter of its memory; what is forgotten is told again with the next call.
 */
export const MAX_KNOWN_PINS_CHARS = 8 * 1024 * 1024

/** When a Share looks again whether it has ended, if the registry could not be asked. */
export const END_RETRY_MS = 30_000

/**
 * Wrong credentials that may come from one address to one share at once, and how long one of them counts: more than people mistype and
 * programs try by themselves. What is guessed has 80 bits and more; the bound keeps who tries from costing anything.
 */
export const WRONG_TRIES = 20
export const WRONG_TRY_MS = 3_000

/** Addresses and shares of which an isolate counts that: some 1 MB. */
export const MAX_TRYING_ADDRESSES = 10_000

/** Owner tokens without a seal that an isolate remembers as right ones: as many as there can be owners. */
export const MAX_KNOWN_OWNER_TOKENS = 1_000

/**
 * How long an isolate believes what the registry said of whether a share lets in who shows no credential. That is how late it may be when
 * an owner opens a share; when it is shut the Share knows at once.
 */
export const KNOWN_OPEN_MS = 10_000

/**
 * How often an isolate asks the registry about one share in how long, in the name of whoever has shown nothing and while no answer has come: of many at
 * once the others wait for these, look again so often, and for so long at most.
 */
export const SPARING_ASKS = 4
export const SPARING_ASKS_MS = 1_000
export const SPARING_LOOK_MS = 20
export const SPARING_WAIT_MS = 5_000

/** Links of a share that holders have narrowed: each is a row from its first use, until its credential can hold no more. */
export const MAX_DERIVED_LINKS = 1_000

/** Those of them that come from one link of the owner's, directly or not: a quarter, so that no holder takes from the others what they may narrow. */
export const MAX_DERIVED_LINKS_OF_ONE = 250

/** Rows of links in one lane: all that a share may have, and as many revoked ones. Of a revoked link without a row the registry is asked. */
export const MAX_LINK_ROWS = 2 * MAX_LINKS

/**
 * How often what is used of limits is noted in a row while limited calls run, and how soon after the first. A crash costs what was used
 * since; a burst that uses a limit up is noted at once, as often.
 */
export const METER_NOTE_MS = 2_000
export const FIRST_METER_NOTE_MS = 50

/** Names, but for addresses, whose use is counted in one object: the share, and all links that it may have. */
export const MAX_METERS = 1 + MAX_LINKS + MAX_DERIVED_LINKS

/**
 * Addresses whose use is counted each by itself in one object: with three limits each some 300 KB of the 2 MB that a row may have. Those
 * beyond share so many places while the others are in use.
 */
export const MAX_ADDRESS_METERS = 1_000
export const SHARED_ADDRESS_METERS = 64

/** Calls of which an object knows that they were charged, for when they are made again: more than wait in it at once. */
export const MAX_PAID_CALLS = 8_192

/** How long a call counts as under way whose end was never told, as when its lane was reset. */
export const MAX_METERED_CALL_MS = 3_600_000

/** When a client should come again that has as many calls under way as it may. */
export const BUSY_LIMIT_RETRY_MS = 1_000

/** How long a call waits for its owner's decision before its client is told that there is none yet: clients give up after 60 s. */
export const HELD_WAIT_MS = 45_000

/** How long the owner has to decide about a call, and how long a decision holds for a client that comes again. */
export const APPROVAL_MS = 600_000

/** Largest arguments that are shown to an owner, in bytes of their canonical text: each is a row, and a person must look it over. */
export const MAX_HELD_BYTES = 256 * 1024

/** Calls that wait for the owner at a time: of one link and all that was narrowed from it. */
export const MAX_HELD_OF_LINK = 20

/** Equal calls that wait in one object for one decision, which lets one of them through: more than a client makes by trying again. */
export const MAX_WAITS_OF_APPROVAL = 50

/** How soon a Worker asks again that could not wait by its socket: at first as soon as any (RETRY_MS), and each time later, up to this. */
export const MAX_HELD_RETRY_MS = 8_000

/** What they all may hold together, in bytes: of a share, and of one answer to its owner, in which those of one link fit. */
export const MAX_HELD_BYTES_OF_SHARE = 64 * 1024 * 1024
export const APPROVAL_PAGE_BYTES = 6 * 1024 * 1024

/** How long it is known which call has used an approval, for when that is made again: as long as a request is kept for a client that has left. */
export const USED_APPROVAL_MS = 3_600_000

/** Calls of a share that its owner always allows: an owner can look through so many. */
export const MAX_GRANTS = 1_000

/** Characters of their arguments that are kept of those, so that the owner knows which is which. */
export const MAX_GRANT_CHARS = 1_000

/** Approvals of which an object remembers that they were decided, for a Worker that is about to wait for that. */
export const MAX_DECIDED_APPROVALS = 1_000

/** How long one Worker may take over listing a server before another does it: a server that npx has to fetch takes most of it. */
export const LISTING_MS = 60_000

/** How long a listing waits for one answer of the server. */
export const LIST_ANSWER_MS = 20_000

/** How soon an isolate looks again whether a share's server is to be listed, while nothing of it is pinned. */
export const LISTING_RETRY_MS = 10_000

/** How often a server is listed anew because it offers something that was not known, in how long: each takes a process of its own for a moment. */
export const MAX_RELISTINGS = 10
export const RELISTINGS_MS = 600_000

/** Contents of `ui://` resources that are read to be pinned, and characters of an entry's text that are kept to be shown. */
export const MAX_PINNED_UIS = 32
export const MAX_ENTRY_CHARS = 64 * 1024

/**
 * What is handed over of what a server offers: names of each kind, and texts of all, in bytes as RPC carries them, which takes 32 MiB at a
 * time. With 2,500 entries of each kind it is less than 20 MiB.
 */
export const MAX_OFFERED_NAME_BYTES = 2 * 1024 * 1024
export const MAX_OFFERED_TEXT_BYTES = 8 * 1024 * 1024

/**
 * Entries of a server that are kept for its owner: all that is listed of each of four kinds. Their texts in sum, and their names, in
 * characters of two bytes at most, since they are one answer of RPC.
 */
export const MAX_ENTRY_ROWS = 10_000
export const MAX_ENTRY_ROWS_BYTES = 8 * 1024 * 1024
export const MAX_ENTRY_NAMES_CHARS = 4 * 1024 * 1024

/** Digests of held-back entries of which an isolate knows that their owner was told, and for how long. */
export const MAX_TOLD_ENTRIES = 1_000
export const TOLD_ENTRY_MS = 600_000

/**
 * Entries of one list of a server that are known by name, and bytes of their names: ten times what any server has offered. What is beyond
 * is known to nobody, and not offered.
 */
export const MAX_LISTED_ENTRIES = 10_000
export const MAX_LISTED_NAME_BYTES = 4 * 1024 * 1024

/** Sessions, and groups of clients without, of whose servers an isolate keeps the tools. */
export const MAX_CACHED_TOOL_SETS = 200

/** How much streams are told at a time of what their clients may do now, in characters, and how long it is waited then: a thirtieth of an object's memory, and thousands of streams within LANE_ORDER_MS. */
export const MAX_TOLD_CHARS = 4 * 1024 * 1024
export const TELL_PAUSE_MS = 50

/** How long a server that has refused its list with an HTTP status is believed to refuse it, where only headers are checked by it: else each call would be two. */
export const REFUSED_LIST_MS = 60_000

/** What it may keep of them in all, in bytes: an eighth of its memory for each of the two. Of too much that of the session that was listed longest ago goes; it is listed again. */
export const MAX_CACHED_TOOL_BYTES = 16 * 1024 * 1024

/** What an entry takes beside its name: flags, a digest of 43 characters, and its place in a Map. */
export const LISTED_ENTRY_BYTES = 200
