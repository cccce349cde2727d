/** What a Worker and a Share say to each other: RPC arguments and outcomes, stream sockets, return addresses. */
import type { Failure } from '../../protocol/errors.ts'
import type { ParkedAsk } from '../bridge/asks.ts'
import type { Capability } from '../bridge/capabilities.ts'
import type { SubscriptionFilter } from '../bridge/listen.ts'
import type { Span } from '../../protocol/json-scan.ts'
import type { Standby } from './listings.ts'

/** The client and its session, as the Worker has proved or read them. */
export interface Caller {
  readonly principal: string
  readonly session: string
}

/** One client request on its way to a channel. */
export interface CallRequest extends Caller {
  /** Of a request without session (MCP 2026-07-28): the group of clients whose child serves it. */
  readonly group?: string
  /** Of tools/call: the state of the tools by whose schemas the Worker has checked it. */
  readonly toolsVersion?: string
  /** Of a request to a child of the other era: the state of the two sides by which the Worker has translated it. */
  readonly bridge?: string
  /** Of a request without session: what its client can be asked for. */
  readonly capabilities?: readonly Capability[]
  /** Method and name of what may ask its client. */
  readonly asker?: string
  /** The log level that a request without session asks for. */
  readonly logLevel?: string
  /** A parked call goes on with these answers; `key` is then that call's. */
  readonly resume?: Resume
  /** 32 hex digits, made by the Worker; the same when it calls again. */
  readonly key: string
  /** The agent may have the call already: it must go there and to no other child. */
  readonly isResend?: boolean
  /** Of a resend: milliseconds since the Worker first sent it. */
  readonly ageMs?: number
  /** Not the Worker's first try: its client may have come back for the call elsewhere meanwhile. */
  readonly isRetry?: boolean
  /** The client has left: its answer waits in the agent until it comes back. */
  readonly isLeft?: boolean
  readonly method: string
  /** Of tools/call: the tool's name, unless it is very long. */
  readonly tool?: string
  readonly rawId: string
  readonly id: Span
  readonly rawToken?: string
  readonly token?: Span
  /** The first INLINE_REQUEST_BYTES of the body; `chunk` brings the rest. */
  readonly body: Uint8Array
  readonly size: number
  /** `stream`: the answer may be preceded by other messages; `single`: only the answer can be delivered; `session`: everything goes to the session's own stream (HTTP+SSE). */
  readonly delivery: 'stream' | 'single' | 'session'
  /** Of initialize over HTTP+SSE: the revision that the client asked for. */
  readonly revision?: string
  /** `params.uri` of resources/subscribe and resources/unsubscribe, `params.level` of logging/setLevel. */
  readonly uri?: string
  readonly level?: string
  /** While no agent is there, what the share keeps of its server may answer it. */
  readonly canStandBy?: true
}

/** What tells whether a call may run twice. */
export type Repeatable = Pick<CallRequest, 'principal' | 'session' | 'capabilities' | 'method' | 'tool'>

/** What a retry brings for a parked call. */
export interface Resume {
  readonly handle: string
  /** Key of the retry, in 32 hex digits: another retry is a replay. */
  readonly taker: string
  /** JSON-RPC responses for the child, with the ids that they answer. */
  readonly responses: readonly { readonly rawId: string; readonly body: string }[]
}

/** A call whose client is to give input. */
export interface ParkOrder {
  readonly principal: string
  readonly ch: string
  /** Key of the call. */
  readonly call: string
  readonly handle: string
  readonly asks: readonly (ParkedAsk & { readonly request: string })[]
  readonly askCount: number
  readonly expiresAtMs: number
}

/** A listen on a child that knows none. */
export interface SubscribeOrder {
  readonly group: string
  readonly key: string
  readonly filter: SubscriptionFilter
}

/** A session's call to a child of the other era whose client is asked, or has left: what a Worker needs to go on with it. */
export interface KeptCall {
  /** The request as its client made it. */
  readonly request: Uint8Array
  /** The answer that asks for input, when there is one. */
  readonly asked?: Uint8Array
}

/** `key`: of the attempt that was under way. */
export interface KeepOrder extends Caller, KeptCall {
  readonly key: string
}

/** What the Share knows of a call that a client has come back for. */
export interface KeptFacts {
  readonly call?: KeptCall
  /** By what it is translated, as far as that is known now. */
  readonly facts?: BridgeFacts
}

/** The relay's own answer to a child's request. */
export interface AskAnswer {
  readonly kind: 'answer'
  readonly ch: string
  readonly key: string
  readonly rawId: string
  readonly body: Uint8Array
}

/** No agent is there to take it. Nothing was executed. */
export interface Away {
  readonly kind: 'away'
  /** One was there before. */
  readonly isExpected: boolean
  /** Another is there, and takes over at the end of the grace time. */
  readonly isReplaceable?: boolean
}

/** The two sides of a bridge: what the Worker translates by. `version` is what a translated call names. */
export interface BridgeFacts {
  readonly version: string
  readonly childEra: 'legacy' | 'modern'
  /** The child's answer to initialize or server/discover, as it gave it. */
  readonly server: Uint8Array
  /** Of a session: its client's initialize request, and the log level that it has set. */
  readonly client?: Uint8Array
  readonly level?: string
}

export type CallOutcome =
  /** One frame of the agent that holds the whole answer, or the failure. `restarted`: the session's child was started anew for this call. */
  | {
      readonly kind: 'frame'
      readonly frame: Uint8Array
      readonly restarted: boolean
      /** Of what may stand by: the digest of the answer that is kept, empty when there is none. */
      readonly listed?: string
    }
  /** More than one frame comes: open the call's stream socket, where they wait. */
  | { readonly kind: 'stream'; readonly restarted: boolean; readonly listed?: string }
  /** The call's stream socket has taken over. */
  | { readonly kind: 'moved' }
  /** The answer will come on the session's stream. */
  | { readonly kind: 'accepted' }
  /** The client has left: the answer comes on the stream with which it has come back, or waits in the agent. */
  | { readonly kind: 'replaced' }
  /** The relay answers by itself with this result. */
  | { readonly kind: 'result'; readonly result: string }
  /** The initialize result of a shared child, as it gave it; the Worker fits in the client's revision. */
  | { readonly kind: 'initialized'; readonly answer: Uint8Array }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** The request never reached the agent: call again with the same key. */
  | { readonly kind: 'again' }
  /** The agent is lost, and may have run it; another is there, and it may run twice: call again with the same key. */
  | { readonly kind: 'repeat' }
  | Away
  /** No agent is there, and this is what its server answered before. */
  | Standby
  /** The tools have changed since the Worker looked: it must check the request by these, and call again. */
  | { readonly kind: 'stale'; readonly toolsVersion: string }
  /** The child speaks the other era: the Worker must translate by these facts, and call again. */
  | { readonly kind: 'bridge'; readonly facts: BridgeFacts }
  /** The child speaks the client's own era after all: call again, untranslated. */
  | { readonly kind: 'native' }
  /** No parked call goes on with this: unknown, taken, expired, or gone with its child. */
  | { readonly kind: 'state_refused' }

/** A client's notification, or its answer to a request of the server. */
export interface SendRequest extends Caller {
  readonly key: string
  readonly kind: 'notification' | 'response'
  readonly method: string
  readonly body: Uint8Array
  readonly size: number
  /** The id that a response answers. */
  readonly rawId?: string
  /** For notifications/cancelled: the id it names. */
  readonly requestId?: { readonly raw: string; readonly span: Span }
}

/** The client of a call without session has gone, which is how it cancels. */
export interface CancelRequest {
  readonly kind: 'cancel'
  readonly group: string
  readonly key: string
  /** Key of the call. */
  readonly call: string
  readonly body: Uint8Array
  readonly requestId: Span
}

/** `sent`: the agent has taken it. */
export type SendOutcome =
  | { readonly kind: 'sent' }
  /** The link broke before the agent's receipt: send it again with the same key, which the agent knows if it has had it. */
  | { readonly kind: 'again' }
  /** A response to the relay's own request, whose Worker was not found: it may be attaching again. */
  | { readonly kind: 'unheard' }
  | Away
  | { readonly kind: 'failed'; readonly failure: Failure }

export interface ShareSettings {
  readonly id: string
  readonly name: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
}

/** Orders of the owner. */
export type AdminCommand = { readonly op: 'describe' | 'revoke' }

/** What a share tells its owner. */
export interface ShareFacts extends ShareSettings {
  readonly agents: readonly {
    readonly name: string
    readonly product: string
    readonly isolation: string
    readonly connectedAtMs: number
  }[]
  readonly sessions: number
  readonly counters: {
    /** Random per construction of the object: another value means that it slept or was reset in between. */
    readonly incarnation: string
    /** Rows written by this incarnation, schema included (SQLite's total_changes()). */
    readonly total_changes: number
    readonly buffered_bytes: number
    readonly buffered_max_bytes: number
  }
}

/** Where a client was in a stream: the last message that it has seen of its session's child, or of the one that all share. */
export interface StreamMark {
  /** `shared` and `modern`: the child of all sessions, which speaks their own era or the other. */
  readonly child: 'own' | 'shared' | 'modern'
  /** Which child it was, counted for each session or share. */
  readonly generation: number
  readonly n: number
}

/** The same in a query; absent for a stream that begins. */
type MarkQuery = { readonly [K in keyof StreamMark]?: string }

export function markQuery(mark: StreamMark | undefined): MarkQuery {
  return mark === undefined ? {} : { child: mark.child, generation: String(mark.generation), n: String(mark.n) }
}

export function readMark(query: URLSearchParams): StreamMark | undefined {
  if (!query.has('n')) return undefined
  const named = query.get('child')
  const child = named === 'shared' || named === 'modern' ? named : 'own'
  return { child, generation: Number(query.get('generation')), n: Number(query.get('n')) }
}

/** Present when the call may never have been made, and is not waited for. */
interface Probe {
  readonly isProbe?: 'true'
}

/** How a Worker asks for a stream socket: the query of an upgrade request to the Share. */
export type StreamTarget =
  | { readonly kind: 'call'; readonly key: string }
  | ({ readonly kind: 'listen' } & Caller & MarkQuery)
  /** Goes on with a call that its client has left. */
  | ({ readonly kind: 'resume'; readonly key: string } & Caller & MarkQuery & Probe)
  | ({ readonly kind: 'session' } & Caller)
  /** Waits for answers of the session's client: `key` names the round of questions, `call` the call by its client's raw id. */
  | ({ readonly kind: 'asking'; readonly key: string; readonly call: string } & Caller)
  | { readonly kind: 'subscription'; readonly key: string; readonly group: string }

/** Close codes of stream sockets. */
export const STREAM_CLOSE = {
  /** The call was answered before the socket came; its RPC has the outcome. */
  SETTLED: 4100,
  /** A newer stream of the same session took this one's place. */
  REPLACED: 4101,
  /** The session or the share has ended. */
  ENDED: 4102,
  /** Nothing more will come; the last message was the answer. */
  DONE: 4103,
  /** The request never reached the agent: call again with the same key. */
  AGAIN: 4104,
  /** The agent is lost, and may have run it; another is there, and it may run twice: call again with the same key. */
  REPEAT: 4105,
  /** Open it again: the call has gone to another agent since. */
  MOVED: 4106,
} as const

/** Text messages on stream sockets. */
export type StreamControl =
  /** Worker to Share: its client has taken so many body bytes. */
  | { readonly type: 'taken'; readonly bytes: number }
  /** Share to Worker: credit waits for this client, say what it takes as soon as it does. */
  | { readonly type: 'sync' }
  /** Share to the Worker of a session's stream: a call has begun whose answer this stream will carry. */
  | {
      readonly type: 'pending'
      readonly key: string
      readonly rawId: string
      readonly rawToken?: string
      readonly restarted: boolean
      /** Of what may stand by: its method, and the digest of the answer that is kept. */
      readonly standby?: { readonly method: string; readonly listed: string }
    }
  /** Share to the Worker of a session's stream: the calls under way will not be answered. */
  | { readonly type: 'lost'; readonly failure: Failure }
  /** Share to the Worker of a session's stream: the agent is back and knows these calls; the others never reached it. */
  | { readonly type: 'held'; readonly keys: readonly string[] }
  /** Share to the Worker of a session's stream: the relay answers a call by itself. */
  | { readonly type: 'answer'; readonly rawId: string; readonly result: string }
  | { readonly type: 'initialized'; readonly rawId: string; readonly answer: string; readonly revision?: string }
  /** Share to the Worker of a session's stream: a call is answered by what is kept, whose bytes are text here. */
  | {
      readonly type: 'standby'
      readonly rawId: string
      readonly method: string
      readonly revision?: string
      readonly standby: Omit<Standby, 'answer'> & { readonly answer: string }
    }
  /** Share to the Worker of a listening stream: the server was started anew, and these lists may have changed. */
  | { readonly type: 'changed'; readonly methods: readonly string[] }
  /** Share to the Worker of a session's stream: a request that it must translate and make itself. */
  | { readonly type: 'translate'; readonly body: string }
  /** Share to a Worker that asks: the client's response to its question of this index. */
  | { readonly type: 'told'; readonly index: number; readonly body: string }
  /** Share to a Worker that asks: its client has cancelled the call. */
  | { readonly type: 'cancelled' }

/** What the relay itself calls a child for: a session's handshake, that of a shared child, or what follows either. */
export type RelayPurpose = 'handshake' | 'snapshot' | 'replay'
const RELAY_PURPOSES: readonly RelayPurpose[] = ['handshake', 'snapshot', 'replay']

/** Where the answer to a call goes. */
export type ReturnAddress =
  /** With `session`: its client may come back for the stream, as whoever owns this session. `isTranslated`: what comes is of another era than its client. */
  | { readonly to: 'call'; readonly key: string; readonly session?: string; readonly isTranslated?: true }
  /** The listening stream of a session. */
  | { readonly to: 'stream'; readonly session: string }
  | { readonly to: 'session'; readonly session: string; readonly rawId: string; readonly rawToken?: string }
  /** The relay listens in the name of a session. */
  | { readonly to: 'listen'; readonly session: string }
  /** A handshake that the relay replays: the answer is for the relay. */
  | { readonly to: 'relay'; readonly purpose: RelayPurpose }

/** A call key, in hex digits. */
const KEY_CHARS = 32

/** Return addresses travel as text that only the relay reads. */
export function encodeReturnAddress(address: ReturnAddress): string {
  switch (address.to) {
    case 'call':
      return `${address.isTranslated === true ? 't' : 'c'}${address.key}${address.session ?? ''}`
    case 'stream':
      return `g${address.session}`
    case 'listen':
      return `l${address.session}`
    case 'relay':
      return `r${address.purpose}`
    case 'session':
      return `s${JSON.stringify([address.session, address.rawId, ...(address.rawToken === undefined ? [] : [address.rawToken])])}`
  }
}

/** Undefined for text that `encodeReturnAddress` did not make: agents are not trusted to echo well. */
export function decodeReturnAddress(text: string | undefined): ReturnAddress | undefined {
  if (text === undefined) return undefined
  const rest = text.slice(1)
  if (text.startsWith('c') || text.startsWith('t')) {
    const [key, session] = [rest.slice(0, KEY_CHARS), rest.slice(KEY_CHARS)]
    return { to: 'call', key, ...(session === '' ? {} : { session }), ...(text.startsWith('t') ? { isTranslated: true } : {}) }
  }
  if (text.startsWith('g')) return { to: 'stream', session: rest }
  if (text.startsWith('l')) return { to: 'listen', session: rest }
  if (text.startsWith('r')) {
    const purpose = RELAY_PURPOSES.find((known) => known === rest)
    return purpose === undefined ? undefined : { to: 'relay', purpose }
  }
  if (!text.startsWith('s')) return undefined
  try {
    const parts: unknown = JSON.parse(rest)
    if (!Array.isArray(parts)) return undefined
    const [session, rawId, rawToken]: unknown[] = parts
    if (typeof session !== 'string' || typeof rawId !== 'string') return undefined
    return typeof rawToken === 'string' ? { to: 'session', session, rawId, rawToken } : { to: 'session', session, rawId }
  } catch {
    return undefined
  }
}
