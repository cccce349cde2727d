/** What a Worker and a Share say to each other over RPC: clients' requests, and their outcomes. Types only. */
import type { ErrorCode, Failure } from '../../protocol/errors.ts'
import type { ParkedAsk } from '../bridge/input/asks.ts'
import type { ParkedCall } from '../bridge/input/parked-call.ts'
import type { DeclaredClient } from '../bridge/capabilities.ts'
import type { Holdable, Held } from './trust/approvals.ts'
import type { ToldOfCall } from './call-records.ts'
import type { SubscriptionFilter } from '../bridge/listen.ts'
import type { Span } from '../../protocol/json/json-scan.ts'
import type { ListClient, Standby } from './listings.ts'
import type { ListPart, ListsToJoin, SpreadPart } from './call-parts.ts'
import type { CutCall } from './trust/pass.ts'
import type { ServedName } from '../../protocol/served-names.ts'

/** A session, and the principal who calls: the Worker has verified the principal, and only read the session's id. */
export interface Caller extends Shown {
  readonly principal: string
  readonly session: string
}

/** What a client has shown for the server itself. It goes to the server with what its client asks, and is written down nowhere. */
interface Shown {
  /** Value of an Authorization field. */
  readonly authorization?: string
}

/** Of a message that the Worker sends again, though the agent may have it already: it must go to the same child. */
export interface Resent {
  readonly isResend?: boolean
  /** Of a resend: milliseconds since the Worker first sent it, not counting tries that surely reached no agent. */
  readonly ageMs?: number
}

/** One client request on its way to a channel: a session's, or that of a client without sessions (MCP 2026-07-28). */
export type CallRequest = SessionCallRequest | GroupCallRequest

/** What every call says. */
interface CallFacts extends Resent, ToldOfCall, Holdable {
  readonly principal: string
  /** 32 hex digits, made by the Worker; the same when it calls again. */
  readonly key: string
  /** Not the Worker's first try. */
  readonly isRetry?: boolean
  /** To a child of the other era: the state of the two sides by which the Worker has translated the request. */
  readonly bridge?: string
  readonly method: string
  /** Of tools/call that must be checked by what the server says of its tools: the state in which it was. */
  readonly toolsVersion?: string
  /** Whether its client may make it is judged by a list of the agent that is to run it, or it asks for such a list: no other agent runs it instead. */
  readonly isForOwnAgent?: true
  /** Of tools/call: whether its client may make it is not known, since the tools are not. It must not be sent on, but answered with their state. */
  readonly awaitsJudgement?: true
  /** Of tools/call: the tool's name, unless it is very long. */
  readonly tool?: string
  readonly rawId: string
  readonly id: Span
  readonly rawToken?: string
  readonly token?: Span
  /** The first INLINE_REQUEST_BYTES of the body; `chunk` brings the rest. */
  readonly body: Uint8Array
  readonly size: number
  /** Of initialize: the revision that the client asked for. */
  readonly revision?: string
  /** Of a list: the page that is asked for, unless it is the first. */
  readonly cursor?: string
  /** It is a part of a call that was charged to limits before: the key of the call that handed it on, or its own. */
  readonly chargedAs?: string
  /** Of tools/call: its answer may be that a task was begun. */
  readonly mayBeginTask?: true
  /** While no agent is there, what the share keeps of its server may answer it. */
  readonly canStandBy?: true
  /** It is known whether it goes to several agents: it is for its client's own, or the part of another. */
  readonly spread?: 'own' | SpreadPart | ListPart
  /** Of what goes by name or URI, other than calls of tools, where agents serve different ones: which it is about. */
  readonly about?: ServedName
}

export interface SessionCallRequest extends CallFacts, Caller {
  /** `stream`: the answer may be preceded by other messages; `single`: only the answer can be delivered; `session`: everything goes to the session's own stream (HTTP+SSE). */
  readonly delivery: 'stream' | 'single' | 'session'
  /** The client has left: its answer waits in the agent until it comes back. */
  readonly isLeft?: boolean
  /** It was handed on to the Worker of an HTTP+SSE session's stream, which lets it go with that. */
  readonly isHandedOn?: true
  /** Of `session`: the client may not make it, and is told so on its stream. */
  readonly refusal?: Failure
  /** `params.uri` of resources/subscribe and resources/unsubscribe, `params.level` of logging/setLevel. */
  readonly uri?: string
  readonly level?: string
}

export interface GroupCallRequest extends CallFacts, DeclaredClient, Shown {
  /** The clients whose child serves it. */
  readonly group: string
  readonly delivery: 'stream' | 'single'
  /** Method and name of what may ask its client. */
  readonly asker?: string
  /** The log level that it asks for. */
  readonly logLevel?: string
  /** A parked call goes on with these answers; `key` is then that call's. */
  readonly input?: RetryInput
}

/** What tells whether a call may run twice. */
export type RepeatFacts = ListClient & Pick<CallRequest, 'method' | 'tool' | 'runsOnce'>

/** What a retry brings for a parked call. */
export interface RetryInput {
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

/** A parked call with the requests that were put to its client, so that they can be put again. */
export interface ParkedRow extends ParkedCall {
  /** Key of the call that waits. */
  readonly call: string
  /** Entries of `inputRequests`, as JSON texts by key. */
  readonly requests: readonly { readonly key: string; readonly request: string }[]
}

/** A listen on a child of the handshake era, which knows no subscriptions/listen. */
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
  /** By what it is translated, if the child has said that already. */
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
  /** State of the news at that time: a stream of kind `news` waits for the next. */
  readonly newsMark?: number
  /** How the call fails in the end; undefined: as AGENT_AWAY. */
  readonly failure?: Failure
}

/** The stream of an HTTP+SSE session, on which it would hear the answer, is not open: it may be attaching again. Nothing was executed, but with `unheard`. */
export interface NoStream {
  readonly kind: 'no_stream' | 'unheard'
}

/** What the Worker needs to translate between client and child. A translated call names `version` in `bridge`. */
export interface BridgeFacts {
  readonly version: string
  readonly childEra: 'legacy' | 'modern'
  /** Calls go by name to several agents, so that it holds for this name alone. */
  readonly isRouted?: true
  /** Of a child of the handshake era: the state of its tools, by which a call of one must be checked. */
  readonly toolsVersion?: string
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
  /** The call's stream socket has taken over; or another Worker, of a call that was handed on. */
  | { readonly kind: 'moved' }
  /** The answer will come on the session's stream. */
  | { readonly kind: 'accepted' }
  | NoStream
  /** The client has left: the answer comes on the stream with which it has come back, or waits in the agent. */
  | { readonly kind: 'replaced' }
  /** The relay answers by itself with this result. `outcome`: as the audit tells of it, if it is not `ok`. */
  | { readonly kind: 'result'; readonly result: string; readonly outcome?: ErrorCode }
  | Held
  /** The initialize result of a shared child, as it gave it; the Worker fits in the client's revision. */
  | { readonly kind: 'initialized'; readonly answer: Uint8Array }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | CutCall
  /** The request never reached the agent: call again with the same key. */
  | { readonly kind: 'again' }
  /** Its child has yet to introduce itself, and the request was not sent to it: call again with the same key, if its client is there. */
  | { readonly kind: 'pending' }
  /** The agent or the child is lost, and may have run it; another is there, and it may run twice: call again with the same key. */
  | { readonly kind: 'repeat' }
  | Away
  /** No agent is there, and this is what its server answered before. */
  | Standby
  /** The tools have changed since the Worker looked: it must check the request by these, and call again. `agent`: they are those of another agent than its own, which is to run it while that is lost. */
  | { readonly kind: 'stale'; readonly toolsVersion: string; readonly agent?: string }
  /** It goes to these agents too, if its tool only reads by the list of this state: call again with `spread`. `count`: agents in all, of which some may be too many. */
  | {
      readonly kind: 'spread'
      readonly own: string
      readonly agents: readonly string[]
      readonly count: number
      readonly toolsVersion: string
    }
  /** The list is to be made of those of several agents: of one of each of the sets of names that are `there`. */
  | ListsToJoin
  /** The child speaks the other era: the Worker must translate by these facts, and call again. */
  | { readonly kind: 'bridge'; readonly facts: BridgeFacts }
  /** The child speaks the client's own era after all: call again, untranslated. */
  | { readonly kind: 'native' }
  /** No parked call goes on with this: unknown, taken, expired, or gone with its child. */
  | { readonly kind: 'state_refused' }

/** A client's notification, or its answer to a request of the server. */
export interface SendRequest extends Caller, Resent {
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
}

/** A request without session and without a credential is over: nobody else is served by its child. */
export interface LeftOrder {
  readonly kind: 'left'
  readonly group: string
}

/** `sent`: the agent has taken it. */
export type SendOutcome =
  | { readonly kind: 'sent' }
  /** The link broke before the agent's receipt: send it again with the same key, which the agent knows if it has had it. */
  | { readonly kind: 'again' }
  /** A response to the relay's own request, whose Worker was not found: it may be attaching again. */
  | { readonly kind: 'unheard' }
  | NoStream
  | Away
  | { readonly kind: 'failed'; readonly failure: Failure }
