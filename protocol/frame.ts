/** The frames of the native link, version 1, as unions named by sender. docs/protocol.md is normative. */
import type { ErrorCode, Executed } from './errors.ts'
import type { Hello, Welcome } from './handshake.ts'
import type { Span } from './json/json-scan.ts'
import type { Metadata, MetadataAsk } from './metadata-frames.ts'
import type { AgentWebFrame, RelayWebFrame } from './web/web-frames.ts'

/** `owner` of a child by which the relay itself lists what the server offers: it runs for a moment, and beside those that --max-children bounds. */
export const RELAY_OWNER = 'relay'

/** Makes a channel: the agent starts (or, with `assign`, joins) a child for it. Repeated opens are ignored. */
export interface Open {
  readonly type: 'open'
  readonly ch: string
  /** `keep`: one session, its ids stay. `assign`: several clients, the agent gives each call a small sequential id. */
  readonly ids: 'keep' | 'assign'
  /** Whether the child may ask its client: `refuse` makes the agent answer every request but ping with -32601. */
  readonly asks: 'pass' | 'refuse'
  /** Stands before the ids of what the child asks, since its client is asked by other children too (ask-ids.ts). Only to agents whose hello has `asksApart`. */
  readonly askTag?: string
  /** Names whose child it is, of a child that serves one principal: who has too many loses one of its own when there is no room. */
  readonly owner?: string
  /** Whose children it counts among, where that is another than `owner`: the link that the owner's was narrowed from. */
  readonly root?: string
  /** What its client has shown for the server itself, for an agent whose hello takes that: the value of the Authorization field, at most MAX_PASSED_CREDENTIAL_CHARS. */
  readonly auth?: string
}

/** A client's request. */
export interface Call {
  readonly type: 'call'
  readonly ch: string
  /** 32 hex digits. A key that was seen before never runs again. */
  readonly key: string
  readonly method: string
  /** Where the id and the progress token stand in the body. */
  readonly id: Span
  readonly token?: Span
  /** Return address: opaque, echoed with everything that belongs to this call. */
  readonly ra: string
  /** Names this call for a later cancellation, unique in its channel while it runs. */
  readonly tag: string
  /** Hold back later messages of this channel until this call is answered (a replayed handshake). */
  readonly gate?: true
  /** Its answer may be that a task was begun. */
  readonly mayBeginTask?: true
  /** It may run twice: if its child died under it, it is run again under the same key. */
  readonly repeats?: true
  /** Who calls, for an agent whose hello wants to know. */
  readonly principal?: string
  /** As in `Open`: the newest takes the place of what came before on this channel. */
  readonly auth?: string
  /** Bytes of the whole body. When they exceed the frame's, chunks with this key follow. */
  readonly size: number
}

/** A client's notification. Receipted by its key. */
export interface Notify {
  readonly type: 'notify'
  readonly ch: string
  readonly key: string
  readonly method: string
  /** For `notifications/cancelled`: the tag of the call it names, and where `params.requestId` stands. */
  readonly cancels?: string
  readonly requestId?: Span
  readonly auth?: string
  readonly size: number
}

/** A client's answer to a request of the server. Receipted by its key. */
export interface Respond {
  readonly type: 'respond'
  readonly ch: string
  readonly key: string
  /** The JSON text of the id it answers. */
  readonly rawId: string
  readonly auth?: string
  readonly size: number
}

/** More bytes of a call, notify or respond whose frame did not hold the whole body. */
export interface Upload {
  readonly type: 'upload'
  readonly ch: string
  readonly key: string
  readonly offset: number
}

/** The relay has every message of the channel up to number `n`; the agent may forget them. */
export interface Receipt {
  readonly type: 'receipt'
  readonly ch: string
  readonly n: number
}

/** The agent may send body bytes on this channel until its running total (`at`) reaches `upto`. Never decreases. */
export interface Credit {
  readonly type: 'credit'
  readonly ch: string
  readonly upto: number
}

/** Message `n` found no open stream: keep it until `resume`. */
export interface Hold {
  readonly type: 'hold'
  readonly ch: string
  readonly n: number
}

/** A stream for this channel is open now: send what was held, in order. */
export interface Resume {
  readonly type: 'resume'
  readonly ch: string
}

/**
 * Send the channel's messages after number `after` again, as far as the tail reaches. With `to` only those of one stream:
 * with `key` what has this text as return address, and how the call ended; without `key` all but answers, held ones too.
 */
export interface Replay {
  readonly type: 'replay'
  readonly ch: string
  readonly after: number
  /** Opaque, echoed with what is sent again for it. */
  readonly to?: string
  /** A call, and the return address of what is said for it; without `ra` that is `to`. */
  readonly key?: string
  readonly ra?: string
  /** Without `key`: how the return addresses of those calls begin whose answers come on this stream too. */
  readonly calls?: string
  /** Without `key`: whatever belongs to no call goes to this stream alone from now on, and is marked with `to` as well. */
  readonly follow?: true
}

/** Ends the channel and its child. */
export interface Close {
  readonly type: 'close'
  readonly ch: string
}

/** The sender is leaving: start nothing new here. */
export interface Drain {
  readonly type: 'drain'
}

/** So many entries of what the server offers are held back from clients until the owner accepts them. Only to an agent whose hello wants to know. */
interface Unaccepted {
  readonly type: 'unaccepted'
  readonly count: number
}

/** Frames that belong to a channel, or open one. */
export type ChannelRelayFrame = Open | Call | Notify | Respond | Upload | Receipt | Credit | Hold | Resume | Replay | Close

export type RelayFrame = Welcome | ChannelRelayFrame | Unaccepted | MetadataAsk | Drain | RelayWebFrame

/** Fields of every message that came out of a child. */
interface ChannelMessage {
  readonly ch: string
  /** Number of the message in its channel, from 1. */
  readonly n: number
  /** Body bytes sent on this channel so far, this frame's included. */
  readonly at: number
  /** Bytes of the whole message. When they exceed the frame's, chunks with this number follow. */
  readonly size: number
  /** Asks for a receipt (and for credit). */
  readonly ack?: true
  /** Sent again for a `replay`: its `to`. */
  readonly to?: string
}

/** The child's answer to a call. */
export interface Answer extends ChannelMessage {
  readonly type: 'answer'
  readonly key: string
  readonly ra: string
  /** Where the id stands in the body. */
  readonly id: Span
  /** True for a JSON-RPC error. */
  readonly failed: boolean
  /** `result._meta["io.modelcontextprotocol/subscriptionId"]` in the answer to `subscriptions/listen`: where it stands. */
  readonly subscriptionId?: Span
}

/** A notification of the child. */
export interface Notification extends ChannelMessage {
  readonly type: 'notification'
  readonly method: string
  /** Return address of the call it belongs to, or of the newest call of a `keep` channel. */
  readonly ra?: string
  /** True when the call is certain: named by its progress token, or the only one running. */
  readonly sure?: true
  /** Where `params.progressToken` and `params.progress` stand. */
  readonly token?: Span
  readonly progress?: Span
  /** `params.uri`, for `notifications/resources/updated`. */
  readonly uri?: string
  /** `params.taskId`, for `notifications/tasks/status`. */
  readonly task?: string
  /** `params._meta["io.modelcontextprotocol/subscriptionId"]`: where it stands. */
  readonly subscriptionId?: Span
}

/** A request of the child to its client. */
export interface Ask extends ChannelMessage {
  readonly type: 'ask'
  readonly method: string
  readonly id: Span
  readonly rawId: string
  readonly ra?: string
  readonly sure?: true
}

/** More bytes of the message `n`. Goes where its first frame went. */
export interface Chunk {
  readonly type: 'chunk'
  readonly ch: string
  readonly n: number
  readonly at: number
  readonly offset: number
  readonly ra?: string
  readonly sure?: true
  readonly last?: true
  readonly ack?: true
  readonly to?: string
}

/** A call that ended without an answer of the child. Facts as in `Failure`. */
export interface Failed {
  readonly type: 'failed'
  readonly ch: string
  readonly key: string
  readonly ra: string
  readonly code: ErrorCode
  readonly executed: Executed
  readonly exitCode?: number | null
  readonly signal?: string | null
  readonly stderr?: string
  readonly detail?: string
  /** Of a server that wants its client to sign in, or to be allowed more: what its WWW-Authenticate says of that, without where its metadata is. */
  readonly challenge?: string
}

/** The agent has taken over these calls, notifications and responses. */
export interface Receipts {
  readonly type: 'receipts'
  readonly keys: readonly string[]
}

/** The relay may send bytes of the chunked message `key` until `upto`. */
export interface UploadCredit {
  readonly type: 'upload_credit'
  readonly ch: string
  readonly key: string
  readonly upto: number
}

/** The channel's child is gone, whatever ended it. Calls that waited were failed before. */
export interface Died {
  readonly type: 'died'
  readonly ch: string
  readonly reason: 'start' | 'exit' | 'idle' | 'closed'
  readonly exitCode?: number | null
  readonly signal?: string | null
  readonly stderr?: string
  /** For the owner alone: the end of its stderr, or why it could not be started. */
  readonly lastWords?: string
}

/** The channel has been quiet for --idle-stop. The relay answers `close` when nobody listens. */
export interface Idle {
  readonly type: 'idle'
  readonly ch: string
}

/** Frames about channels, and the first and last of a link. */
export type ChannelAgentFrame =
  | Hello
  | Answer
  | Notification
  | Ask
  | Chunk
  | Failed
  | Receipts
  | UploadCredit
  | Died
  | Idle
  | Metadata
  | Drain

export type AgentFrame = ChannelAgentFrame | AgentWebFrame

export type Frame = RelayFrame | AgentFrame
