/** The frames of web exchanges, version 1: one HTTP request to a local web app, or one WebSocket. docs/protocol.md is normative. */

/** Names and values as they came, in their order; a name may stand more than once. */
export type HeaderList = readonly (readonly [name: string, value: string])[]

/** A request for the web app, from the relay. Its body, if there is one, follows in `web_data`. */
export interface WebOpen {
  readonly type: 'web_open'
  /** Names the exchange: 32 hex digits. */
  readonly x: string
  readonly method: string
  /** Path and query in origin form (RFC 9112 §3.2.1). */
  readonly target: string
  readonly headers: HeaderList
  /** Origin under which the client sees the app. */
  readonly origin: string
  /** A body follows, also when it is empty. */
  readonly hasBody?: true
  /** It asks for a WebSocket (RFC 6455 §4.1), in one of these subprotocols if there are any. */
  readonly upgrade?: true
  readonly protocols?: readonly string[]
}

/** The app's answer: 101 only to an `upgrade`. */
export interface WebHead {
  readonly type: 'web_head'
  readonly x: string
  readonly status: number
  readonly headers: HeaderList
  /** Of a 101: the subprotocol that the app has chosen. */
  readonly protocol?: string
}

/** Bytes of a body, in either direction. */
export interface WebData {
  readonly type: 'web_data'
  readonly x: string
  /** Running total of the bytes that were sent in this direction, this frame's included. */
  readonly at: number
}

/** A WebSocket message, or a part of one that is not its last, in either direction. */
export interface WebMessage {
  readonly type: 'web_message'
  readonly x: string
  readonly at: number
  readonly kind: 'text' | 'binary'
  /** Another part of the same message follows. */
  readonly more?: true
}

/** The body is whole. */
export interface WebEnd {
  readonly type: 'web_end'
  readonly x: string
}

/** The WebSocket was closed in this direction (RFC 6455 §7). 1005 and 1006 stand for a close without a code, or without a frame. */
export interface WebClose {
  readonly type: 'web_close'
  readonly x: string
  readonly code: number
  readonly reason: string
}

/** Bytes may be sent until the running total `at` is this. Never decreases. Before the first it is WEB_FIRST_BYTES. */
export interface WebCredit {
  readonly type: 'web_credit'
  readonly x: string
  readonly upto: number
}

/** From the relay: nobody waits for the exchange any more. It comes once for every exchange, also behind its end. */
export interface WebGone {
  readonly type: 'web_gone'
  readonly x: string
}

/** Detail of APP_REQUEST_REFUSED where the agent's own command line lets nobody do more than read (`--read-only`). */
export const APP_READ_ONLY = 'READ_ONLY'

/** What an exchange with the app can fail with. */
export const WEB_FAILURES = ['APP_UNREACHABLE', 'APP_BROKEN', 'APP_REQUEST_REFUSED'] as const
export type WebFailureCode = (typeof WEB_FAILURES)[number]

/** From the agent: the app was not reached, or broke off. */
export interface WebFailed {
  readonly type: 'web_failed'
  readonly x: string
  readonly code: WebFailureCode
  /** Safe to show. */
  readonly detail?: string
}

/** Frames of either direction. */
export type WebStream = WebData | WebMessage | WebEnd | WebClose | WebCredit
export type RelayWebFrame = WebOpen | WebStream | WebGone
export type AgentWebFrame = WebHead | WebStream | WebFailed
