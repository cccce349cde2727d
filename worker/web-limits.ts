/** Bounds of web apps in the relay. Each has its unit and its reason; those of the link are in protocol/web/web-limits.ts. */

/** Exchanges that one object has open at a time: 16 KiB of each may be on their way, 32 MiB in all. When all are taken, whoever has the most loses its oldest. */
export const MAX_OPEN_WEB_EXCHANGES = 2048

/** Of them, those of one principal, with all that counts as it: a page with many parts asks for hundreds at once, and others still get in. */
export const MAX_WEB_EXCHANGES_OF_ONE = 1280

/** Bytes that a WebSocket's client has sent and its app has not taken, beyond which the WebSocket is closed with 1009: a Worker cannot stop reading. */
export const MAX_WEB_BACKLOG_BYTES = 16 * 1024 * 1024

/** What each message that waits counts for beside its bytes: the promise and the array that hold it. So 65,536 empty ones are too many. */
export const WEB_BACKLOG_MESSAGE_BYTES = 256

/** What each message of a WebSocket counts for in limits and in the audit beside its bytes: what goes over the wire with it (RFC 6455 §5.2). So empty ones are not free. */
export const WS_HEAD_BYTES = 8

/** How long a browser keeps the key to an app, in seconds, if the link does not end before: as long as most keep a sign-in. */
export const WEB_COOKIE_S = 30 * 24 * 60 * 60

/** After how many seconds of that a browser whose person has signed in gets a cookie anew: whoever comes back each month stays signed in, and an answer in a day has it. */
export const WEB_COOKIE_RENEW_S = 24 * 60 * 60

/** Characters of a style sheet that are held back for its rewriting: a URL that is longer is left as it is. */
export const MAX_CSS_TOKEN_CHARS = 8192

/**
 * Bytes that a client of EGDesk's tunnel may owe, which cannot be told how much it may send: twice what one of its texts has. Whoever takes
 * no more loses its request.
 */
export const MAX_TUNNEL_DEBT_BYTES = 2 * 1024 * 1024

/** How much may come of such a request before it is noted how much has: sleep forgets no more than this. */
export const TUNNEL_NOTED_BYTES = 256 * 1024
