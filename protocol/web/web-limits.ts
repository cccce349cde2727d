/** Caps of web exchanges that both ends of a link must agree on, each with its unit and its reason. */

/** Bytes of a body, or of a WebSocket message, in one frame: what waits behind one such frame waits for no more. */
export const WEB_CHUNK_BYTES = 64 * 1024

/** Bytes that may be sent in each direction of an exchange before any credit: most answers fit, and a thousand at once are 16 MiB. */
export const WEB_FIRST_BYTES = 16 * 1024

/** Bytes of one exchange that may be on their way in one direction when few are open: a network of 100 ms carries 10 MiB/s by it. */
export const WEB_WINDOW_BYTES = 1024 * 1024

/** The same of all exchanges together, between which it is divided: what a Share, or an agent, may have to hold. */
export const WEB_WINDOWS_BYTES = 16 * 1024 * 1024

/** Bytes of a WebSocket message, which the platform wants whole: a sixth of what an isolate may hold. A longer one closes its WebSocket with 1009. */
export const MAX_WEB_MESSAGE_BYTES = 16 * 1024 * 1024

/** Header fields of a request or a response; Node takes 2,000, and the platform 128 KB of them. */
export const MAX_WEB_HEADERS = 1000

/** Longest reason of a WebSocket's close, in UTF-16 units: 123 bytes of UTF-8 (RFC 6455 §5.5). */
export const MAX_CLOSE_REASON_CHARS = 123

/** Longest origin of a web app that an agent names, in UTF-16 units: a host name of 253 characters (RFC 1035 §2.3.4), scheme and port. */
export const MAX_APP_ORIGIN_CHARS = 270

/** How many bytes of one exchange may be on their way in one direction while so many exchanges are open. */
export function webWindow(open: number): number {
  return Math.min(WEB_WINDOW_BYTES, Math.max(WEB_FIRST_BYTES, Math.floor(WEB_WINDOWS_BYTES / Math.max(1, open))))
}
