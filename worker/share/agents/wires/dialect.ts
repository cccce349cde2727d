/** How agents of one other make put JSON-RPC messages on a WebSocket: what must be known of each make, beside what is the same for all. */
import type { Failure } from '../../../../protocol/errors.ts'
import type { HeaderList, WebFailureCode } from '../../../../protocol/web/web-frames.ts'

/** What a tunnel says of an exchange. Its event streams come in pieces, of which nobody has said a status. */
export type TunnelSaid = { readonly x: string } & (
  | { readonly kind: 'response'; readonly status: number; readonly headers: HeaderList; readonly body: Uint8Array }
  | { readonly kind: 'piece'; readonly body: Uint8Array }
  | { readonly kind: 'end' }
  /** More of the request's body may come, up to this running total. */
  | { readonly kind: 'credit'; readonly upto: number }
  | { readonly kind: 'failed'; readonly code: WebFailureCode; readonly detail: string }
)

/** What a text message of such an agent says. */
export type Heard =
  /** It has introduced itself. `isBegun`: it makes the handshake with its server by itself. */
  | { readonly kind: 'registers'; readonly name: string; readonly isBegun: boolean }
  /** A JSON-RPC message of its server. */
  | { readonly kind: 'message'; readonly body: Uint8Array }
  /** What came back for what was sent under this key: messages, or why the call has failed if its answer is not among them. */
  | { readonly kind: 'answers'; readonly key: string; readonly bodies: readonly Uint8Array[]; readonly failure: Failure }
  /** What it says of a request for a web app. */
  | { readonly kind: 'web'; readonly said: TunnelSaid }
  /** Its server has forgotten the relay, and is to be begun with anew. */
  | { readonly kind: 'restarts' }
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
  /** The text that brings a JSON-RPC message to its server; `key`: of a call. */
  outgoing(message: string, key?: string): string
  /** The text by which it gives up waiting for the answer to a call, where it has one. */
  cancelling?(key: string): string
  incoming(text: string): Heard
  /** What it is told once it has registered; once its server is ready; and when its server cannot be begun with. */
  readonly registered: string | undefined
  readonly ready: string | undefined
  readonly failed: string | undefined
  /** What it is told first, where it does not register by itself. */
  readonly greeting?: string
  /** What it calls its tunnel, of one that brings requests for a web app too. */
  readonly tunnel?: string
  /** What it must remember over sleep. */
  readonly kept?: string
}
