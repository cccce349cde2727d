/** Every cap and time of links of agents of other makes, with its unit and its reason. What they cannot be told, the relay must bound. */

/** Longest text that such an agent is sent, or may send, in bytes: the client of ContextForge closes its link over what is longer. */
export const MAX_FOREIGN_MESSAGE_BYTES = 1024 * 1024

/** How long its server may take for a call, in milliseconds: mr-pilot's own time; ContextForge's gateway gives a minute. */
export const FOREIGN_CALL_MS = 300_000

/** From when it has registered until its server must have answered `initialize`, in milliseconds: what is run by `npx` may be fetched first. */
export const FOREIGN_START_MS = 60_000

/** Calls that one such agent works on at once, of which one principal's are half at most: more than clients make in a burst. */
export const MAX_FOREIGN_CALLS = 512

/**
 * What is noted of calls in the socket's attachment, in characters: that holds 16 KiB with all else that is there. A usual call has 200, so
 * that the fifty oldest outlive sleep with all that is known of them.
 */
export const MAX_FOREIGN_NOTE_CHARS = 10_000

/** Keys of ended calls by which it is known that the same call comes again: as many as an agent of ours tells in its hello. */
export const MAX_ENDED_FOREIGN_CALLS = 4096

/** Messages of clients that such an agent is owed in parts at once: their parts come in one burst, unless a Worker has died in between. */
export const MAX_FOREIGN_UPLOADS = 8

/** How often, at most, it is noted on its socket that its server has said something. */
export const FOREIGN_HEARD_NOTED_MS = 15_000

/** Pause between signs of life to whoever listens to the sessions of such agents, in milliseconds: as ContextForge's gateway has it. */
export const FOREIGN_KEEPALIVE_MS = 30_000

/** Shares of an owner that are asked for such agents, for metrics or for the catalogue (there their objects are counted) in one request: a Worker may make 50 requests to objects on the free plan. */
export const MAX_ASKED_SHARES = 40

/** What it calls itself that its owner is shown, in characters. */
export const MAX_FOREIGN_NAME_CHARS = 64

/**
 * Servers that one owner may have registered by name, and sessions for their users: a row each, of a few hundred bytes. The agents of each share have
 * as much room of their own, so that no share's take what others need. Each session is a link of its share besides, of which a share may have
 * twice as many: so they leave its owner room for links.
 */
export const MAX_GATEWAY_SERVERS = 100
export const MAX_GATEWAY_SESSIONS = 500

/** How long a registration holds that is not made again, in milliseconds: mcp-web-ui makes it each half minute, and counts it as stale then. */
export const GATEWAY_STALE_MS = 600_000

/** How long a session lasts whose maker does not say, in minutes: as in mcp-web-ui. */
export const GATEWAY_TTL_MINUTES = 30

/** Bodies of these requests, in bytes, and their texts, in characters: names are words, users are ids or addresses, metadata is a few facts. */
export const MAX_GATEWAY_BODY_BYTES = 16 * 1024
export const MAX_GATEWAY_NAME_CHARS = 100
export const MAX_GATEWAY_USER_CHARS = 200
export const MAX_GATEWAY_METADATA_CHARS = 4096

/**
 * How long a stream of what a server says unasked must have lasted to be opened again when it ends, in milliseconds: what ends sooner the server
 * refuses, and would be asked for again and again.
 */
export const MIN_TUNNEL_LISTEN_MS = 5_000
