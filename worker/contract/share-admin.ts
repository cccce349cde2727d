/** What a share is told in its owner's name, and what it tells the owner of itself. Types only. */
import type { ApprovalAnswer, ApprovalCommand } from './trust/approvals.ts'
import type { UsageAnswer, UsageOrder } from './call-records.ts'
import type { EndLinkOrder, ForeignAgentFacts } from './foreign-makes.ts'
import type { KnownServer, ListingProblem, ServerAbout, ServerOrder } from './pinned-server.ts'
import type { TrustChange } from './trust/trust-rpc.ts'

export interface ShareSettings {
  readonly id: string
  readonly name: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
}

/** Orders of the owner. */
export type AdminCommand =
  /** `asksAgents`: only those are named that answer. */
  | { readonly op: 'describe'; readonly asksAgents?: boolean }
  | { readonly op: 'revoke' }
  | TrustChange
  | UsageOrder
  | ApprovalCommand
  | ServerOrder
  | EndLinkOrder

/** How the last of an agent's server processes that ended by itself did so, for its owner. */
export interface LastWords {
  readonly atMs: number
  readonly exitCode?: number
  readonly signal?: string
  /** The end of what it wrote to stderr, or why it could not be started. */
  readonly words: string
}

/** What a share tells its owner. */
export interface ShareFacts extends ShareSettings, UsageAnswer {
  readonly agents: readonly {
    readonly name: string
    readonly product: string
    readonly isolation: string
    readonly connectedAtMs: number
    /** Since it connected. */
    readonly lastWords?: LastWords
    /** Names of tools that are its own beside agents with others; absent: all. */
    readonly serves?: readonly string[]
    /** Origin of its web app. */
    readonly app?: string
    /** Of an agent of another make. */
    readonly foreign?: ForeignAgentFacts
  }[]
  readonly sessions: number
  /** For `describe`: entries of the server that are held back until the owner accepts them, as the first lane knows. */
  readonly held?: number
  /** The same of why not all of the server is listed. */
  readonly listingProblem?: ListingProblem
  /** For `server`. */
  readonly server?: KnownServer
  /** For `about`. */
  readonly about?: ServerAbout
  readonly counters: {
    /** Random for each construction of the object: another value means that it hibernated or was reset in between. */
    readonly incarnation: string
    /** Rows written by this incarnation, schema included (SQLite's total_changes()). */
    readonly total_changes: number
    readonly buffered_bytes: number
    readonly buffered_max_bytes: number
  }
  readonly approvals?: ApprovalAnswer
}
