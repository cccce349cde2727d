/** What is kept with the socket of a client's stream, so that it survives hibernation. Types alone. */
import type { Charge } from '../../contract/trust/metering.ts'
import type { RepeatFacts } from '../../contract/share-rpc.ts'

/** A place in what a child has said: behind the message of this number, or before all. */
export interface ChildPlace {
  readonly ch: string
  readonly after: number
}

/** Where a client that comes back has left off, and which time this is: what is sent again for an earlier time is told from it. */
export interface ResumePlace extends ChildPlace {
  readonly round: number
  /**
   * Of a listening stream: nothing has come that was sent again for it, but something new, with which that was asked for once more; or
   * it has begun to come, and what is new follows in its order.
   */
  readonly stage?: 'asked-again' | 'caught-up'
  /** It had caught up before its agent was cut off: what is asked for since then it may have had. */
  readonly wasCaughtUp?: true
}

/** A child's messages on one stream, in spans of KEEPALIVE_MS: behind which number each span began, and when. */
export interface UntakenSpans {
  readonly ch: string
  readonly spans: readonly (readonly [after: number, atMs: number])[]
}

/** Lists of which a client was told that they may have changed, and when, in milliseconds since 1970. */
export interface ToldChanges {
  readonly methods: readonly string[]
  readonly atMs: number
}

/** Attachment of a stream's socket. */
export interface StreamAttachment {
  readonly role: 'stream'
  readonly kind: 'call' | 'listen' | 'session' | 'subscription' | 'asking' | 'news' | 'held'
  /** The link that its client has come with, and from where. */
  readonly link: string
  readonly address?: string
  /** The channel group it belongs to, whose credit waits for what its client has not taken yet. */
  readonly group: string
  /** For calls: the agent that works on it, and the call. */
  readonly agent?: string
  readonly key?: string
  readonly session?: string
  /** Of what waits, other than a listen: whose it is. */
  readonly principal?: string
  /** Where a client that came back had left off. */
  readonly resume?: ResumePlace
  /** Of a GET stream: its client has said so itself (`Last-Event-ID`). */
  readonly isMarked?: true
  /** Of a resumed call: it was sent to the agent since, or before. */
  readonly isRunning?: true
  readonly wasSent?: true
  /** Of a Worker that waits for news of agents: one may have had its message before. */
  readonly isResend?: true
  /** Of a resumed call: it may never have been made. */
  readonly isProbe?: true
  /** Of a Worker that waits for the owner: the approval. */
  readonly approval?: string
  /** Of a Worker that asks a client, or waits for the owner: the call for which it does, by the client's own id in canonical form. */
  readonly call?: string
  /** Its client has cancelled that call. */
  readonly isCancelled?: true
  readonly asker?: string
  readonly repeat?: RepeatFacts
  /** Part of the answer has gone out: the call cannot be made again. */
  readonly hasBegun?: true
  readonly isListen?: true
  /** Of a GET stream: what its client may not have taken. */
  readonly untaken?: UntakenSpans
  /** Of a GET stream: what the relay has told it of itself, which its client may not have taken. */
  readonly changed?: ToldChanges
  /** It is the session's initialize: a client that leaves it does not know that it has a session. */
  readonly isInitialize?: true
  /** Of a call that was charged: to what, and since when it is under way. */
  readonly charged?: { readonly charges: readonly Charge[]; readonly sinceMs: number }
  /** Body bytes not yet taken, and where credit was withheld for them. Kept only while credit is withheld. */
  readonly owing?: { readonly bytes: number; readonly ch: string; readonly at: number }
}

export type StreamOpening = Omit<StreamAttachment, 'role' | 'owing' | 'untaken' | 'changed' | 'charged'>
