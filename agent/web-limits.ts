/** Bounds of the web app in the agent. Each has its unit and its reason; those of the link are in protocol/web/web-limits.ts. */

/** Bytes of one exchange with the web app that wait for credit, above which the app is not read from: it then waits in its own write. */
export const WEB_OUTBOX_PAUSE_BYTES = 128 * 1024

/** What a message of a WebSocket that waits counts for beside its bytes: its place in the outbox and its buffer. So 512 empty ones are as many as wait. */
export const WEB_MESSAGE_BYTES = 256

/** Bytes handed to the WebSocket and not yet to the kernel, above which web exchanges wait: what an MCP server answers waits behind no more. */
export const WEB_SOCKET_PAUSE_BYTES = 256 * 1024

/** Bytes of web exchanges that may be on their way on a link beside calls before anything is known of its speed, and at least: with a frame more 50 ms on a line of 20 Mbit/s. */
export const WEB_PACE_LEAST_BYTES = 64 * 1024

/** How long after a call web exchanges go on at a pace, in milliseconds: whoever has called calls again. */
export const WEB_PACE_CALLS_MS = 2_000

/**
 * Bytes a millisecond of web exchanges on one link beside calls, at most: 200 Mbit/s, which few lines have upwards, and a quarter of what one object
 * carries on a machine of two cores. So it has time for calls.
 */
export const WEB_RATE_BYTES_PER_MS = 25_000

/** How long the way of a link is remembered, in milliseconds: to find it, nothing may be on its way for a moment. */
export const WEB_PACE_MEMORY_MS = 10_000

/** For how long a speed counts that was measured, in milliseconds. */
export const WEB_PACE_RATE_MS = 1_000

/** How long no mark may come back on a new link before none are waited for, in milliseconds. */
export const WEB_PACE_SILENT_MS = 3_000

/** Exchanges with the web app at a time on one lane. More than a relay asks for: each is a connection to the app. */
export const MAX_WEB_EXCHANGES = 4096

/** Header fields of the web app's answer, in bytes: four times what Node takes by itself, for apps with many cookies. */
export const MAX_APP_HEADER_BYTES = 64 * 1024

/** How long it is looked whether a web app is there, in milliseconds: whoever does not answer by then may still do. */
export const APP_PROBE_MS = 2000
