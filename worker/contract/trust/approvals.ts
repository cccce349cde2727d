/** Calls that wait for the owner of a share: what names one, what its lanes say to each other of it, and what the owner is told. Types and names. */
import type { LaneKey } from '../lane-key.ts'

/** What a Worker tells of a call that its owner must allow first. */
export interface HeldCall {
  /** As its owner knows it (`prefixedName`). */
  readonly tool: string
  /** `toolDigest` of what the server lists as this tool. */
  readonly toolDigest: string
  /** `params.arguments` in the text that equal ones share (`canonicalJson`); empty for a call without. */
  readonly arguments: string
  /** All else of `params` that a server may act on, in the same text; absent where there is nothing else. */
  readonly otherParams?: string
  /** Of a request that brings what a server has asked for (MCP 2026-07-28, multi round-trip requests): with which call it goes on, if that was allowed. */
  readonly further?: FurtherRound
}

/** `round`: names the answer that has asked; absent while it is not known. `otherParams`: without what the request brings. */
export interface FurtherRound {
  readonly round?: string
  readonly otherParams?: string
}

/** What a call says of that. */
export interface Holdable {
  /** Its owner must allow it first, by the policies of its client. */
  readonly hold?: HeldCall | undefined
  /** It has waited for that before, and was charged then. */
  readonly wasHeld?: true
  /** It was allowed so: it never runs twice, whatever its tool says of itself. */
  readonly runsOnce?: true
}

/** The owner, who knows it by this id, has yet to decide, and nothing was sent: call again with the same key once that is done. */
export interface Held {
  readonly kind: 'held'
  readonly id: string
}

export const APPROVAL_DECISIONS = ['allow', 'deny', 'always'] as const

/** `allow`: once, within APPROVAL_MS. `always`: equal calls of the same principal, until it is taken back. */
export type ApprovalDecision = (typeof APPROVAL_DECISIONS)[number]

/** A call as it is put to the owner: whose it is, and all that an approval of it is bound to. Times are milliseconds since 1970. */
export interface ApprovalAsk extends Omit<HeldCall, 'further'> {
  /** The links of its client, the owner's own first. */
  readonly chain: readonly string[]
  readonly principal: string
  /** Name of the agent whose server has the tool. */
  readonly server: string
  /** Of `arguments` and `otherParams`. */
  readonly argumentsDigest: string
  /** State of the policies by which it is held. */
  readonly policy: string
  /** What the client says of itself, and which session it is, as the audit shows them. */
  readonly client?: string
  readonly session?: string
}

/** What a lane says to the one that keeps the approvals of the share. `key`: of the call. */
export type HoldOrder =
  /** May this call be made? If not now, `lane` is to hear when that is decided. */
  | { readonly op: 'ask'; readonly ask: ApprovalAsk; readonly key: string; readonly lane: LaneKey; readonly goesOn?: GoesOn }
  /** The call that was let through was not made after all: its approval is as it was before. */
  | { readonly op: 'release'; readonly key: string; readonly round?: string }
  /** The answer to a call has asked for more: a retry that names it goes on with that call. */
  | { readonly op: 'round'; readonly key: string; readonly round: string }
  /** To a lane that has asked: these are decided, or over. */
  | { readonly op: 'decided'; readonly ids: readonly string[] }

/** What a Worker has found out of a call that was let through. */
export type ApprovalNote = Extract<HoldOrder, { readonly op: 'release' | 'round' }>

/** An allowed call that another may go on with: the answer to it that has asked for more, and its `argumentsDigest`. */
export interface GoesOn {
  readonly round: string
  readonly argumentsDigest: string
}

export type ApprovalVerdict =
  /** `isUsed`: by this an approval was used that was not before. */
  | { readonly kind: 'go'; readonly isUsed: boolean }
  | { readonly kind: 'held' | 'denied'; readonly id: string }
  /** More cannot wait. `detail` says of what, and is safe to show. */
  | { readonly kind: 'full'; readonly detail: string }

/** A call that waits, as its owner is told of it. */
export interface PendingApproval extends Omit<ApprovalAsk, 'toolDigest' | 'argumentsDigest' | 'policy'> {
  readonly id: string
  readonly atMs: number
  readonly endsAtMs: number
}

/** What an owner has decided that still holds. `arguments`: the first of them, where equal calls are always allowed. */
export interface DecidedApproval extends Omit<PendingApproval, 'endsAtMs'> {
  readonly decision: ApprovalDecision
  /** Absent for `always`. */
  readonly endsAtMs?: number
}

/** Where one stands among those that wait. */
export type ApprovalPlace = Pick<PendingApproval, 'atMs' | 'id'>

/** Orders of the owner. */
export type ApprovalCommand =
  /** What waits, oldest first, behind a place; from the beginning without one, and then all that is decided too. */
  | { readonly op: 'approvals'; readonly after?: ApprovalPlace }
  | { readonly op: 'decide_approval'; readonly id: string; readonly decision: ApprovalDecision }
  /** Forgets a decision: the next such call is asked about anew. */
  | { readonly op: 'forget_approval'; readonly id: string }

/** What comes of them. */
export interface ApprovalAnswer {
  readonly pending?: readonly PendingApproval[]
  /** There are more that wait. */
  readonly isMore?: boolean
  readonly decided?: readonly DecidedApproval[]
  /** `unknown`: there is none of this id that the order is about. `full`: too many calls are always allowed. */
  readonly outcome?: 'unknown' | 'full'
}
