/** How agents of one other make put JSON-RPC messages on a WebSocket: what must be known of each make, beside what is the same for all. */

/** What a text message of such an agent says. */
export type Heard =
  /** It has introduced itself. `isBegun`: it makes the handshake with its server by itself. */
  | { readonly kind: 'registers'; readonly name: string; readonly isBegun: boolean }
  /** A JSON-RPC message of its server. */
  | { readonly kind: 'message'; readonly body: Uint8Array }
  /** It wants an answer of its own protocol. */
  | { readonly kind: 'asks'; readonly reply: string }
  /** It is about to leave. */
  | { readonly kind: 'leaves' }
  | { readonly kind: 'nothing' }
  /** It has broken its protocol: what it is told, if anything, and how it is closed (RFC 6455 §7.4). */
  | { readonly kind: 'breaks'; readonly reply?: string; readonly code: number; readonly reason: string }

export interface Dialect {
  /** Whether its server may be sent notifications: one that answers them must not. */
  readonly takesNotifications: boolean
  /** The text that brings a JSON-RPC message to its server. */
  outgoing(message: string): string
  incoming(text: string): Heard
  /** What it is told once it has registered; once its server is ready; and when its server cannot be begun with. */
  readonly registered: string | undefined
  readonly ready: string | undefined
  readonly failed: string | undefined
}
