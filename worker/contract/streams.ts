/** What a Worker and a Share say over stream sockets: how a stream is asked for, why it is closed, and the text messages on it. */
import type { Failure } from '../../protocol/errors.ts'
import type { RefusedCalls } from './call-records.ts'
import type { Caller } from './share-rpc.ts'
import type { Standby } from './listings.ts'
import type { GrantFacts } from './trust/trust-rpc.ts'

/** How far a client has read a stream: the last message that it has seen, and of which child. */
export interface StreamMark {
  /** `own`: the session's. `shared`, `modern`: the one of all sessions, of their own era or of the other. */
  readonly child: 'own' | 'shared' | 'modern'
  /** Counts the children that have served this session, or all sessions. */
  readonly generation: number
  readonly n: number
  /** Of a child that runs calls by their names: names the set of those (`routedGroup`). */
  readonly route?: string
}

/** The same in a query; absent for a stream that begins. */
type MarkQuery = { readonly [K in keyof StreamMark]?: string }

export function markQuery(mark: StreamMark | undefined): MarkQuery {
  if (mark === undefined) return {}
  const { child, generation, n, route } = mark
  return { child, generation: String(generation), n: String(n), ...(route === undefined ? {} : { route }) }
}

export function readMark(query: URLSearchParams): StreamMark | undefined {
  if (!query.has('n')) return undefined
  const named = query.get('child')
  const child = named === 'shared' || named === 'modern' ? named : 'own'
  const route = query.get('route')
  return { child, generation: Number(query.get('generation')), n: Number(query.get('n')), ...(route === null ? {} : { route }) }
}

/** Present when the call may never have been made, and is not waited for. */
interface Probe {
  readonly isProbe?: 'true'
}

/** A request that a Worker takes to a share's upstream by itself, as it is watched from the Share. `method`: empty of a stream that only listens, which is no call. */
export interface UpstreamAsk {
  readonly x: string
  readonly principal: string
  readonly method: string
  readonly tool?: string
  /** It tells the upstream something, and asks for nothing. */
  readonly isTold?: 'true'
  /** It was begun before, at this time, in milliseconds since 1970, and its socket broke. */
  readonly sinceMs?: string
}

/** Text messages on the sockets of such requests; the Share tells a `grant` as it does on the others. */
export type UpstreamControl =
  /** Worker to Share: what it has refused before. */
  | { readonly type: 'upstream_refused'; readonly refused: readonly RefusedCalls[] }
  /** Worker to Share: it is over, of so many bytes in both directions. `outcome`: as the audit tells of it. */
  | { readonly type: 'upstream_ended'; readonly outcome: string; readonly bytes: number }

/** How a Worker asks for a stream socket: the query of an upgrade request to the Share. */
export type StreamTarget =
  | { readonly kind: 'call'; readonly key: string }
  /** A request to the share's web app. */
  | { readonly kind: 'web'; readonly x: string; readonly principal: string }
  | ({ readonly kind: 'upstream' } & UpstreamAsk)
  | ({ readonly kind: 'listen' } & Caller & MarkQuery)
  /** Goes on with a call that its client has left. `tool`: which it calls, if any. */
  | ({ readonly kind: 'resume'; readonly key: string; readonly tool?: string } & Caller & MarkQuery & Probe)
  | ({ readonly kind: 'session' } & Caller)
  /** Goes on with a session over HTTP+SSE whose stream broke. */
  | ({ readonly kind: 'return' } & Caller)
  /** Waits for answers of the session's client: `key` names the round of questions, `call` the call by its client's raw id. */
  | ({ readonly kind: 'asking'; readonly key: string; readonly call: string } & Caller)
  | { readonly kind: 'subscription'; readonly key: string; readonly group: string }
  /** Waits for news of agents since `mark`, and closes with AGAIN when there are any. 404 where it is better asked again soon. */
  | { readonly kind: 'news'; readonly mark: string; readonly principal: string; readonly isResend?: 'true' }
  /** Waits for the owner's decision about a call, and closes with AGAIN once there is one. `id`: of the approval, `key`: of the call. `session`, `call`: of a session's, and its client's raw id. */
  | {
      readonly kind: 'held'
      readonly id: string
      readonly key: string
      readonly principal: string
      readonly session?: string
      readonly call?: string
    }

/** Close codes of stream sockets. */
export const STREAM_CLOSE = {
  /** Of an exchange with a web app: the agent that had it is gone. */
  LOST: 4110,
  /** Of the same: so many are open that whoever had the most has lost its oldest. */
  CROWDED: 4111,
  /** The call was answered before the socket came; its RPC has the outcome. */
  SETTLED: 4100,
  /** A newer stream of the same session took this one's place. */
  REPLACED: 4101,
  /** The session or the share has ended. */
  ENDED: 4102,
  /** Nothing more will come; the last message was the answer. */
  DONE: 4103,
  /** The request never reached the agent, there is news of agents, or the owner has decided: call again with the same key. */
  AGAIN: 4104,
  /** The agent or the child is lost, and may have run it; another is there, and it may run twice: call again with the same key. */
  REPEAT: 4105,
  /** Open it again: the call has gone to another agent since. */
  MOVED: 4106,
  /** Its client does not take what comes, and more is not kept. */
  BEHIND: 4107,
  /** Of the Worker: its client has left before the answer was there. */
  LEFT: 4108,
  /** Its client takes too little, and all together owe too much: it can come back for the rest. */
  OVERDUE: 4109,
} as const

/** Text messages on the sockets of web exchanges, whose binary messages are frames of the link. */
export type WebControl =
  /** Worker to Share: its client has taken so many bytes in all. */
  | { readonly type: 'web_taken'; readonly total: number }
  /** Share to Worker: what its client may do has changed. */
  | { readonly type: 'grant'; readonly facts: GrantFacts }

/** How a call was made before under its key: it has not run (`unrun`), may have, and may run twice (`repeatable`), or may be with an agent, which knows it by its key (`sent`). */
export type MadeBefore = 'unrun' | 'repeatable' | 'sent'

/** Text messages on stream sockets. */
export type StreamControl =
  /** Share to Worker: what its client may do has changed. */
  | { readonly type: 'grant'; readonly facts: GrantFacts }
  /** Worker to Share: its client has taken so many body bytes. */
  | { readonly type: 'taken'; readonly bytes: number }
  /** Worker to Share: a call of this session's stream has waited for a while; is its agent still there? */
  | { readonly type: 'waiting' }
  /** Worker to Share: the answers of these calls, which it was to make itself, have reached its client. */
  | { readonly type: 'answered'; readonly keys: readonly string[] }
  /** Share to Worker: credit is withheld because of this client, report what it takes at once. */
  | { readonly type: 'sync' }
  /** Share to the Worker of a session's stream: write something to the client, to find out whether it has left. */
  | { readonly type: 'probe' }
  /** Share to the Worker of a session's stream: a call has begun whose answer this stream will carry. */
  | {
      readonly type: 'pending'
      readonly key: string
      readonly method: string
      readonly rawId: string
      readonly rawToken?: string
      readonly restarted: boolean
      /** Which agent has it. */
      readonly agent?: string
      /** Of what may stand by: the page of a list, and the digest of the answer that is kept. */
      readonly standby?: { readonly cursor?: string; readonly listed: string }
    }
  /** Share to the Worker of a session's stream: the calls that an agent has will not be answered. */
  | { readonly type: 'lost'; readonly agent: string; readonly failure: Failure }
  /** Share to the Worker of a session's stream: an agent is back and knows these calls; others that it was to have never reached it. */
  | { readonly type: 'held'; readonly agent: string; readonly keys: readonly string[] }
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
  /** Share to the Worker of a session's stream: a request that it must make itself, to translate it or since it was made in vain, the key with which it came, and who its client is where that shows something for the server. */
  | {
      readonly type: 'translate'
      readonly key: string
      readonly body: string
      readonly before?: MadeBefore
      readonly shown?: Omit<Caller, 'session'>
    }
  /** Share to a Worker that asks: the client's response to its question of this index. */
  | { readonly type: 'told'; readonly index: number; readonly body: string }
  /** Share to a Worker that asks, or waits for the owner: its client has cancelled the call. */
  | { readonly type: 'cancelled' }
