/** Caps and times of the agent alone, each with its unit and its reason. Those of the link are in protocol/limits.ts. */

/** Bytes that a child may leave unread (stdin not taken, uploads, messages behind a gate) before calls are refused. */
export const BACKLOG_BYTES = 16 * 1024 * 1024

/** Unsent bytes of one channel above which its child is not read from: the child then waits in its own write. */
export const OUTBOX_PAUSE_BYTES = 1024 * 1024

/** Bytes handed to the WebSocket and not yet to the kernel above which nothing more is sent, and below which sending goes on. */
export const SOCKET_PAUSE_BYTES = 8 * 1024 * 1024
export const SOCKET_RESUME_BYTES = 4 * 1024 * 1024

/** Messages and bytes that a channel keeps because no stream was open for them, and as much beyond the tail of what was asked and not answered; the oldest give way. */
export const HELD_MESSAGES = 256
export const HELD_BYTES = 4 * 1024 * 1024

/** Requests of one child that its client has not answered; more are answered with an error. */
export const OPEN_ASKS = 1024

/** Call keys remembered after their end. At 2,000 calls a second this is a minute, and resends come within seconds. */
export const REMEMBERED_KEYS = 131_072

/** Bytes that a kept answer counts for beside its body: thousands of tiny answers are not free. */
export const KEPT_ANSWER_BYTES = 512

/** Calls whose end is logged, in so many milliseconds: a person reads no more, and writing costs more than a call. */
export const LOGGED_CALLS = 20
export const LOGGED_CALLS_MS = 1000

/** A call that runs this long without an answer is receipted. */
export const RECEIPT_AFTER_MS = 1000

/** How long a child may still send messages of a cancelled call: until then nothing belongs for sure to the only call that runs. */
export const CANCELLED_LINGER_MS = 60_000

/** Cancelled calls that are remembered so; the oldest give way. */
export const CANCELLED_CALLS = 4096

/** Ids of calls that have ended are remembered, so many of them: a second answer to one of these is no answer to a call whose id looks like it. */
export const ENDED_IDS = 256

/** How long a dead channel is kept, so that what it last said reaches a relay that was away: more than the relay's grace. */
export const DEAD_CHANNEL_MS = 60_000

/** Most that --max-children takes: a hello names every channel, and must fit a frame's header. */
export const MAX_CHILDREN = 1000

/** Most that --max-calls takes: more than a relay has wait at a time, so that it bounds nothing. */
export const MAX_CALLS = 100_000

/** A child that was idle for so long may make room for a client that has none, though its own client has no more than its share. */
export const LONG_IDLE_MS = 300_000

/** Channels that are kept after their end, so that the relay learns why they ended; the oldest give way. */
export const DEAD_CHANNELS = 256

/**
 * Lines and bytes that a child may print before its first message: no greeting is so long. Of output that looks like answers in
 * another form it is believed after JUNK_VERDICT_MS, since some servers log what they answer; of any other that goes on,
 * after JUNK_GIVE_UP_MS, when clients give up too.
 */
export const JUNK_LINES = 1000
export const JUNK_BYTES = 1024 * 1024
export const JUNK_VERDICT_MS = 1000
export const JUNK_GIVE_UP_MS = 60_000

/** Objects that are looked for in one such line: whether one is an answer shows in the first ones. */
export const JUNK_LINE_OBJECTS = 8

/** Pause between two looks, until the first message, for one that lacks its line end: no event tells that none comes. */
export const UNFINISHED_LOOK_MS = 2000

/** A child that has said nothing for this long since its start is named in the log. */
export const SILENT_START_MS = 30_000

/** The last lines that are told of a server that has not answered, and characters of each: enough for a traceback, or what a program is used like. */
export const LAST_WORDS = 20
export const LAST_WORD_CHARS = 500

/** Lines that a process may print before a channel has it; one that prints more is not kept. */
export const HEARD_LINES = 64

/** How long the start of a server is kept for the next try of the client that gave up on it, if --idle-stop is not shorter: people try again soon. */
export const GIVEN_UP_START_MS = 30_000

/**
 * A client whose server has started for so long may have given up on it: the most impatient that is known waits 10 s. Its next try
 * waits LATE_START_MS for the relay to notice, which takes it two keep-alives of 2 s, before it has a process of its own started.
 */
export const DOUBTED_START_MS = 9_000
export const LATE_START_MS = 5_000

/** How long a child that is stopped has to exit after the end of its stdin, and then after SIGTERM. */
export const STDIN_END_GRACE_MS = 2000
export const TERM_GRACE_MS = 3000

/** Pause between two looks at a process group whose leader is gone. */
export const GROUP_POLL_MS = 50

/** How long output is read after the exit of a child; a grandchild may hold the pipe open for ever. */
export const OUTPUT_AFTER_EXIT_MS = 1000

/** How long a leaving agent waits for the calls that run. */
export const DRAIN_MS = 10_000

/** How long an agent may take to leave after a fault of its own, which may have broken what leaving needs; then it ends at once. */
export const FAULT_LEAVE_MS = 30_000

/** How long a closing handshake may take before the socket is cut. */
export const CLOSE_MS = 1000

/** How long dialling may take, from the lookup to the upgrade. */
export const DIAL_MS = 15_000

/**
 * The same for the first try after a link was lost: where the way there has broken without a word, the second try is still in time for
 * calls, which wait 20 s for an agent.
 */
export const FIRST_REDIAL_MS = 5_000

/** How long the WebSocket that is tried beside a link that polls may take to be answered: what takes longer is no better. */
export const PASS_MS = 10_000

/** How much later than its time a poll may be answered, in milliseconds: the way there and back, through whatever is between. */
export const POLL_SLACK_MS = 5_000

/** Longest pause between two tries of a poll: with it the relay still takes the link for alive. */
export const MAX_POLL_RETRY_MS = 10_000

/** An empty answer to a poll that comes sooner than this is not the relay's. */
export const SOON_MS = 1_000

/** How much of the body of a refused upgrade is read, and for how long: the relay's own is short, and of others nothing is needed. */
export const REFUSAL_BYTES = 4096
export const REFUSAL_MS = 5000

/** A link that lived this long was healthy: after it the pauses between attempts start from the shortest again. */
export const HEALTHY_MS = 5000

/** Longest pause between two attempts to connect. */
export const RECONNECT_MAX_MS = 60_000

/**
 * The same while calls may still wait for this agent: the relay gives them up after its grace time, so that one longer pause
 * would lose them, with their answers ready here.
 */
export const RECONNECT_AWAITED_MAX_MS = 10_000

/** How long the hello waits for the server's era; the relay waits 10 s for the hello. */
export const PROBE_MS = 8000

/** How long a server of 2026-07-28 may take to answer initialize: twice as long as for the question for its era, and at least this. */
export const PROBE_AGAIN_MS = 2000

/** How long a server may take to answer the question for its era, which npx may still be downloading; then it counts as silent, and its process ends. */
export const PROBE_GIVE_UP_MS = 40_000

/** Longest line of a child's stderr that is passed on, in bytes; the rest of it is cut off. */
export const STDERR_LINE_BYTES = 16 * 1024

/** First and last bytes that are kept of a line over the limit, to find out which call it answers. */
export const OVERSIZED_HEAD_BYTES = 64 * 1024
export const OVERSIZED_TAIL_BYTES = 8192

/** Shortest secret that is masked: shorter values would blank out ordinary text. */
export const MASK_MIN_CHARS = 6
/** The same for what a server answers, where a word of the protocol or of a text must not be taken for a secret. */
export const LINE_MASK_MIN_CHARS = 8

/** How long a server may take to list its tools for a policy; then it has none. As long as it may take to start. */
export const TOOL_LIST_MS = 30_000
/** Pages of a server's list of tools that are asked for: more than any server has, and an end for one that names no last page. */
export const MAX_LIST_PAGES = 100
/** Tools of one such list that are known, and characters of their names (of mirrored arguments too): more than any server has. What comes last is not offered, or not mirrored. */
export const MAX_LISTED_TOOLS = 10_000
export const MAX_TOOL_NAME_CHARS = 1024 * 1024
/** Such lists of one server that are known, one for clients that say the same of themselves; the one that was asked for longest ago is asked for again. */
export const MAX_TOOL_LISTS = 64
/** How long an HTTP server that does not list its tools is not asked for them again: each call would wait for that. */
export const UNLISTED_MS = 60_000
/** Calls that wait for that list in one process; who sends more is refused. */
export const MAX_CALLS_BEHIND_LIST = 256

/** How long the relay may take to answer an owner's command: it tells all lanes of a share, for which it takes 10 s. */
export const OWNER_CALL_MS = 30_000
/** Of a stream that tells an owner what happens, after how long without a sign it counts as cut: the relay gives one each 15 s. */
export const OWNER_SILENCE_MS = 60_000
/** How long such a stream is asked for anew after it has ended, at first; each time in vain doubles it. */
export const OWNER_REASK_MS = 1000
export const MAX_OWNER_REASK_MS = 30_000
/** Pages of calls that are asked for: a share remembers 11,000 on each of 64 lanes at most, 1,000 a page, and more may come meanwhile. */
export const OWNER_LOG_PAGES = 1000
/** Longest such answer, in characters: a page of 1,000 shares, each with a policy as long as there may be, is a quarter of it. */
export const OWNER_ANSWER_CHARS = 64 * 1024 * 1024

/** How often an owner who follows is shown what has come to wait: soon enough for a client that waits 45 s. */
export const APPROVALS_POLL_MS = 2_000
/** Pages of a list that are asked for: an owner has at most 10,000 shares, 1,000 a page. */
export const OWNER_LIST_PAGES = 20

/** Processes that run beside --max-children while the relay lists what the server offers: one for each era, and those that are ending. */
export const MAX_RELAY_CHILDREN = 4

/** Tasks that a child is known to work on: their ids, and a number each. Beyond it the oldest is not known any more to keep it from being idle. */
export const CHILD_TASKS = 1_000

/** How long a task keeps its child from being idle whose server names no time, or a longer one, in milliseconds: a relay knows of a task for a day. */
export const TASK_WORK_MS = 24 * 3_600_000

/** How long connecting to an HTTP server may take, its certificate included: it is on this machine, or near. */
export const HTTP_CONNECT_MS = 10_000
/** How long a connection to it is kept for the next request. Servers keep one for 5 s or more, so that none is used in the moment in which it is closed. */
export const HTTP_IDLE_SOCKET_MS = 1000
/** Redirects within its origin that are followed: frameworks add or take away a slash. */
export const HTTP_REDIRECTS = 3
/** How much of an HTTP error is read, and for how long: a JSON-RPC error is short, and of a page nothing is needed. */
export const HTTP_ERROR_BYTES = 64 * 1024
export const HTTP_ERROR_MS = 5000
/** How long an HTTP server may take to accept `notifications/initialized`, behind which all else waits. */
export const HTTP_INITIALIZED_MS = 10_000
/** How long it may take to end a session when it is told to (DELETE). */
export const HTTP_LEAVE_MS = 2000
/** How long calls that run may still be answered after it was found that its session, or the server, is gone. */
export const HTTP_DRAIN_MS = 5000
/** How long an answered request may stay open: a server ends its stream with the answer. */
export const HTTP_LINGER_MS = 1000
/** Messages that one session of an HTTP server may have under way, each of which is a connection, and their bytes: they are kept until the server has answered. */
export const HTTP_CALLS = 1024
export const HTTP_CALL_BYTES = 64 * 1024 * 1024
/** Pause before a stream that has ended is opened again, where its server names none; doubled each time in vain. */
export const HTTP_RETRY_MS = 1000
export const HTTP_RETRY_MAX_MS = 30_000
/** Failures in a row after which a stream is not opened again. */
export const HTTP_STREAM_TRIES = 5
/** Streams without any event that may follow each other while one call is waited for: one a second, for as long as clients wait. */
export const HTTP_EMPTY_STREAMS = 600
/** Longest event id that is given back, in characters: it must fit a header. */
export const HTTP_EVENT_ID_CHARS = 4096
/** Longest pause between two questions to an HTTP server that is not there yet, for its era. */
export const HTTP_PROBE_MAX_MS = 10_000
/** How long the server may take to say where its clients sign in, in milliseconds: whoever asks waits for that, and the relay for 10 s. */
export const RESOURCE_METADATA_MS = 8_000

/** Headers for an HTTP server that may be given, and the longest file of them, in characters: its own limit is 16 KiB as a rule. */
export const HTTP_HEADERS = 64
export const HTTP_HEADER_FILE_CHARS = 64 * 1024

/** Servers in one configuration file: each is a link of its own, with up to --max-children processes. */
export const CONFIG_SERVERS = 64
/** Shares that one of them may be served to: each is one more link, with processes of its own. */
export const SERVER_TOKENS = 8
/** Longest configuration file, in characters, and how deep what it says may be nested. */
export const CONFIG_CHARS = 1024 * 1024
export const CONFIG_DEPTH = 32
/** How long a configuration file must have been left alone before it is read again: editors write in several steps. */
export const CONFIG_SETTLE_MS = 300

/**
 * Servers merged into one: how long the others wait for one that has not answered, to its start and to a question for a list. Then they go on
 * without it: clients give up on a server after 10 s at the soonest.
 */
export const MERGED_WAIT_MS = 8_000
/** The same where the relay lists what they offer, which is pinned then: less than it takes for that (60 s), and enough for a server that npx has to fetch. */
export const MERGED_LISTING_WAIT_MS = 50_000
/** How long a server that could not be started is left out of lists without being tried again; a call tries it at once. */
export const MERGED_REST_MS = 30_000
/** Bytes of a page that several servers have part in, above which what comes behind is another page: a relay keeps pages of so many bytes. */
export const MERGED_PAGE_BYTES = 1024 * 1024
/** URIs, and as many templates, of which a session knows whose they are; the oldest give way, and each server is asked for them then. */
export const MERGED_URIS = 20_000
/** Instructions of one server, in characters: a model is to read them all. */
export const MERGED_INSTRUCTIONS_CHARS = 65_536
/** Subscriptions of a session that one server is told again after its restart; the oldest give way. */
export const MERGED_SUBSCRIPTIONS = 1024
/** Bytes of their URIs together: 1 KiB each; a subscription beyond is refused (`SHARE_BUSY`). */
export const MERGED_SUBSCRIPTION_BYTES = 1024 * 1024
/** Progress tokens of which a session knows whose calls they are; the oldest give way. */
export const MERGED_TOKENS = 4096
