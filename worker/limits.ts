/** Caps and timers of the relay's own, with unit and reason. Those that an agent must know are in protocol/limits.ts. */
import { GRACE_MS } from '../protocol/limits.ts'

/** How long a response may wait for its first answer before it opens as a stream. */
export const FIRST_ANSWER_MS = 5_000

/** Pause between keep-alives on an open response: shorter than the idle cuts of every proxy known to us (60 s). */
export const KEEPALIVE_MS = 15_000

/**
 * A call whose response has been open as a stream for this long, without an answer, moves to a hibernatable socket, so that
 * the Share may sleep meanwhile.
 */
export const MOVE_AFTER_MS = 4_000

/**
 * How long a call may wait in its Share over RPC, which keeps that awake: a Worker that is there has moved it to a socket by
 * then (9 s), and of one that is gone nothing is heard. That socket is waited for no longer than MOVING_MS: both end within 15 s.
 */
export const MAX_RPC_WAIT_MS = 10_000
export const MOVING_MS = 4_000

/** Sessions that a share remembers. Beyond it the oldest without a client is forgotten. */
export const MAX_SESSIONS = 10_000

/** Of them, those of one principal, and of calls that wait: half. Whoever has more loses its own oldest, and a call more is refused. */
export const MAX_SESSIONS_OF_PRINCIPAL = 5_000
export const MAX_WAITING_CALLS_OF_PRINCIPAL = 2_500

/**
 * The same of all together that have shown no credential: a tenth, so that they crowd out nobody who has one, and the largest `initialize` of
 * theirs, in bytes: what is kept for all their sessions stays below what one principal may have.
 */
export const MAX_ANONYMOUS_SESSIONS = 1_000
export const MAX_ANONYMOUS_WAITING_CALLS = 500
export const MAX_ANONYMOUS_HANDSHAKE_BYTES = 16 * 1024

/** What is kept to be told to new children, in bytes: of one session, and of all that one principal has. */
export const MAX_KEPT_BYTES_OF_SESSION = 1024 * 1024
export const MAX_KEPT_BYTES_OF_PRINCIPAL = 64 * 1024 * 1024

/** Principals of which a Share remembers how many bytes are kept for them. */
export const MAX_CACHED_PRINCIPALS = 1_000

/**
 * How long a session waits for its client that has left before it was told how initialize ended, or whose stream of HTTP+SSE
 * broke, and has its server process meanwhile: one that means to come back does so after RECONNECT_MS or SSE_RETRY_MS.
 */
export const LEFT_SESSION_MS = 10_000

/** Calls that may wait in one Share at a time, for their answers or for their turn. */
export const MAX_WAITING_CALLS = 5_000

/** Largest initialize request and result, in bytes: both are stored. */
export const MAX_HANDSHAKE_BYTES = 256 * 1024

/** Resource subscriptions of one session: each is a row. */
export const MAX_SUBSCRIPTIONS = 1_000

/** How long a client's notification or response may wait for the agent's receipt: as long as a call for an agent that is lost. */
export const RECEIPT_MS = GRACE_MS

/** Times in a row, of MAX_RPC_WAIT_MS each, that an agent may have no credit for the rest of a request before it is brought no more. */
export const MAX_UPLOAD_STALLS = 6

/** Body bytes a stream's reader takes before the Worker tells the Share. */
export const TAKEN_EVERY_BYTES = 256 * 1024

/**
 * What clients of one object may owe in all, in bytes: sent to them, and not known to be taken. A quarter of what an object may
 * use in memory (128 MB), and eight channels that use up what each may have (4 MiB).
 */
export const MAX_BUFFERED_BYTES = 32 * 1024 * 1024

/** Bytes that a response stream holds ready for its client; more waits in the queue and is not credited. */
export const STREAM_HIGH_WATER_BYTES = 64 * 1024

/**
 * How long a listening client of 2026-07-28 may take over what it had been sent when its server's other calls began to wait for
 * it, at most 4 MiB: long enough for 4 Mbit/s, and well below the time in which those calls are given up (60 s).
 */
export const LISTENER_LAG_MS = 10_000

/** Largest notification that is passed on to a listen on a child of the handshake era, in bytes; of a larger one only what the schema knows is told. */
export const MAX_LISTEN_MESSAGE_BYTES = 1024 * 1024

/** How long a call may take from its Worker to its Share, when the two compare times. */
export const CALL_TRAVEL_MS = 1_000

/** Tries in a row, a second apart, that may break off before a call is given up: as long as the grace time. */
export const MAX_BREAKS = 30

/** Times a Worker calls again because the Share says so; of a call that was resent, times in a row. */
export const MAX_CALL_TRIES = 4

/** Least pause before a stream whose Share was reset attaches again, and at most twice that, so that not all come back at once. */
export const REATTACH_MS = 500

/** Times in a row that a listening stream tries to attach again before its client has to come back: 2 to 4 s. */
export const MAX_REATTACHES = 4

/**
 * Bodies up to this size are parsed whole; of longer ones only what the relay looks at becomes values, in bytes. V8 makes of
 * 8 MiB of `[{},{},…]` 163 MiB of objects, and of `[[],[],…]` 99 MiB, where an isolate has 128 MB for all its requests.
 */
export const WHOLE_PARSE_BYTES = 64 * 1024

/** Longest object in a long body of which the relay makes a value (`_meta`, a filter), in bytes: what is in it is ours to read. */
export const MAX_GLANCE_BYTES = 64 * 1024

/**
 * Calls of one batch, or of one call to several agents, that are under way at once. A Worker may wait for the headers of six connections at a time, and what
 * waits behind them for longer is ended; whether calls to objects count is not documented.
 */
export const MAX_BATCH_CALLS = 6

/** Calls whose end an isolate logs, in so many milliseconds: a person reads no more, and writing costs more than a call. */
export const LOGGED_CALLS = 20
export const LOGGED_CALLS_MS = 1_000

/** How long refused credentials are counted for one line of the log: guessing must not fill it. */
export const REFUSALS_MS = 10_000

/** Addresses that are told apart for that line. */
export const MAX_REFUSED_ADDRESSES = 1_000

/** How much of a body that is too large is read to its end, so that its sender gets to see why it was refused. */
export const MAX_DISCARDED_BYTES = 64 * 1024 * 1024

/** Pause before a Worker asks again what it was not told: for a Share that is reset, or while an agent is leaving. */
export const RETRY_MS = 1_000

/** How often a Worker that waits for an agent looks whether its client has left. */
export const LEFT_LOOK_MS = 10_000

/** What a session may subscribe to on a child that is listened to, in bytes of one request: it must pass without credit. */
export const MAX_LISTEN_BYTES = 512 * 1024

/** Answers up to this size are taken whole where they must be translated; larger ones pass as they come, in bytes. */
export const MAX_BRIDGED_ANSWER_BYTES = 8 * 1024 * 1024

/**
 * Values in JSON of a server of which the relay makes values: lists of tools, requests for input. A thousand tools of fifty
 * values each hold a quarter of it, and V8 needs 12 MB for as many empty objects; 8 MiB can hold fourteen times as many.
 */
export const MAX_PARSED_VALUES = 200_000

/** How long a client may think about a question of its server. INPUT_WAIT_SECONDS sets another time. */
export const INPUT_WAIT_MS = 600_000

/** Largest call of a session to a child of the other era that is kept for a client that is asked or has left, in bytes: its request, and the answer that asks. */
export const MAX_KEPT_CALL_BYTES = 256 * 1024

/** Such calls of one share: each is a row. */
export const MAX_KEPT_CALLS = 1_000

/** How long such a call is kept: longer than an agent knows how it ended. */
export const KEPT_CALL_MS = 3_600_000

/** How long it is known of a call that its Worker waits for an agent with it: as long as AWAY_WAIT_SECONDS lets one wait at most. */
export const TURNED_AWAY_MS = 600_000

/** How long a resumed stream waits for a call that its agent does not know: the Worker that has it comes at once when there is news of agents. */
export const LATE_CALL_MS = 1_500

/**
 * The same for one whose Worker is known to wait for an agent with it: it comes at once too, or says that it gives up. Only on a busy
 * machine does it take longer, and only the end of that Worker keeps it from coming.
 */
export const TOLD_CALL_MS = 10_000

/** How long a client's answer looks for the Worker that has asked, and a post for its session's stream: they may be attaching again. */
export const UNHEARD_MS = 3_000

/** How long a post over HTTP+SSE looks whether its session's stream is alive: on a connection that is gone the second write fails. */
export const PROBED_MS = 50

/** A principal's newest sessions over HTTP+SSE that are looked at for one whose stream broke: each costs the reading of its handshake. */
export const MAX_BROKEN_SESSIONS = 16

/** How soon the client of an HTTP+SSE stream that broke is asked to open it again: well within what a post waits for that. */
export const SSE_RETRY_MS = 1_000

/** Sessions whose servers' facts an isolate keeps. */
export const MAX_CACHED_BRIDGES = 500

/** Largest logging/setLevel or resources/subscribe request that is stored for replay, in bytes: there are many of them. */
export const MAX_REPLAYED_BYTES = 16 * 1024

/** How long what waits for a stream to open is kept, once others wait for its credit: the Worker may be gone. */
export const STREAM_OPENING_MS = 30_000

/** Pause between keep-alives while a call ends with its client's leaving, which is noticed by the second write after it: one without session. */
export const LEAVING_KEEPALIVE_MS = 7_000

/** The same while a session begins: its client may try again at once, and its server's start is taken over as soon as it is known to have left. */
export const BEGINNING_KEEPALIVE_MS = 2_000

/** How long a client should wait before it comes back for a stream that has ended (SEP-1699, `retry`). */
export const RECONNECT_MS = 1_000

/** A quiet stream of a client that can come back ends after this time: before proxies cut long responses off (300 s), and long
 * after the time in which others give up (60 s). POLL_AFTER_SECONDS sets another. */
export const QUIET_STREAM_MS = 240_000

/** Pages of a server's tools/list that are read for their schemas. */
export const MAX_TOOL_PAGES = 50

/** Calls of one share that may wait for their clients' input: each is a row. */
export const MAX_PARKED_CALLS = 1_000

/** How long a client has to give the input that a call waits for: a human may be asked. */
export const PARKED_MS = 600_000

/** How long the asks of a child are gathered, so that those made together are put together. */
export const GATHER_MS = 15

/** Largest request of a child that is put to a modern client, in bytes: it is stored with the parked call. */
export const MAX_ASK_BYTES = 1024 * 1024

/** Largest row, in bytes: the platform takes 2 MB (Durable Objects, limits), and counts the other columns too. */
export const MAX_ROW_BYTES = 1_900_000

/** Servers of the other era whose facts an isolate keeps. */
export const MAX_CACHED_SERVERS = 1_000

/** How long a request waits for an agent that is away. AWAY_WAIT_SECONDS sets another time. */
export const AWAY_WAIT_MS = 20_000

/** The same while another agent is there, which takes over as soon as the grace time (30 s) has proved the first one's absence. */
export const TAKEOVER_WAIT_MS = GRACE_MS + 5_000

/** A call after which nothing was heard of its agent for this long makes the link suspect: the agent receipts it after 1 s. */
export const UNANSWERED_MS = 5_000

/** The same for an agent whose pings are overdue, and which may be set to ping less often than we think. */
export const DOUBT_MS = 2_000

/** How often, at most, the time of an agent's last frame is noted on its socket. */
export const HEARD_NOTED_MS = 15_000

/**
 * When the owner asks for a share's agents: one of which something was heard so lately is there, any other has so long to answer. A
 * machine may be busy, and a person waits.
 */
export const ROLL_CALL_FRESH_MS = 1_000
export const ROLL_CALL_MS = 2_000

/** Last words of a server that are kept for its owner, in characters: an attachment holds 16 KiB. */
export const MAX_LAST_WORDS_CHARS = 1_000

/** Pings are overdue after this time without a sign of life: an agent pings after 30 s, and its frames are noted every 15 s. */
export const LINK_QUIET_MS = 30_000 + HEARD_NOTED_MS + 5_000

/** Largest list of a server that is kept for the time when no agent is there, in bytes: it is one row. */
export const MAX_LISTING_BYTES = 1024 * 1024

/** Such lists of one share, and their bytes in all. */
export const MAX_LISTINGS = 200
export const MAX_LISTINGS_BYTES = 16 * 1024 * 1024

/** How many lists a share may keep anew in a time: a server may never give the same list twice, and each is a row. */
export const MAX_LISTING_WRITES = 100
export const LISTING_WRITES_MS = 600_000

/** Listening clients that are told at once that an agent was started anew; more hear of it as each comes back to its server. */
export const MAX_TOLD_CLIENTS = 32

/** How soon the stream of a client that has left closes once something is written to it. */
export const LEAVING_MS = 5_000

/**
 * How long a message on a GET stream counts as perhaps not taken: the keep-alive after it makes a dead connection answer, and the one
 * after that then fails.
 */
export const UNTAKEN_MS = 2 * KEEPALIVE_MS + 5_000

/** Ended GET streams whose place is remembered, where the agent cannot hold messages for them: two names and a number each. */
export const MAX_LEFT_STREAMS = 1_000

/** Characters of what a client says of itself that are kept with the stream of its call, of two bytes each: a quarter of the 16 KiB of an attachment. */
export const MAX_ATTACHED_DECLARATION_CHARS = 2 * 1024

/** How long a task of a server is known, whatever its server says, in milliseconds: who does not come back within a day does not come back. */
export const TASK_KEPT_MS = 24 * 3_600_000

/** Tasks of which a lane knows whose they are, and of them those of one principal: each is a row of a few hundred bytes. */
export const MAX_TASKS = 10_000
export const MAX_TASKS_OF_PRINCIPAL = 1_000

/** How often a task is looked after that is run for a client that has none, whatever its server says, in milliseconds. */
export const TASK_POLL_MIN_MS = 250
export const TASK_POLL_MAX_MS = 5_000

/** Longest id of a task that is known, in characters: it is part of a row's key. */
export const MAX_TASK_ID_CHARS = 1_024
