/** What Worker, Registry and Share say to each other about who may do what: passes, and the facts that an owner can change. */

import type { Exhausted } from './metering.ts'

/** What a verified request shows to the Share. */
export interface Pass {
  /** Ids of the links that its credential comes from, the owner's own first; more than one of a credential that its holder has narrowed. */
  readonly chain: readonly [string, ...string[]]
  /** What its holders have called the narrowed ones, for the owner's list; empty where they did not say. As long as the chain behind its first. */
  readonly names?: readonly string[]
  /** Until when each of those can hold at most, as its holder has said: milliseconds since 1970, 0 where it did not say. */
  readonly ends?: readonly number[]
  /** From where its client has come: an address of IPv4, or a network of 64 bits of IPv6; absent where nobody knows. */
  readonly address?: string
  /** State of the trust facts by which the Worker has judged the request; absent when it knows none. */
  readonly state?: string
}

/** What an owner has decided for a share, and can change. Times are milliseconds since 1970. */
export interface ShareTrust {
  /** Counts the changes of anything that is decided for this share or one of its links. */
  readonly version: number
  readonly expiresAtMs: number
  readonly isPaused: boolean
  /** The end moves while the share is used, to so many milliseconds after its last use; absent: it stays where it is. */
  readonly slidingMs?: number
  /** A policy as JSON text (`protocol/policy.ts`); absent: everything. */
  readonly policy?: string
  /** Limits as JSON text (`protocol/policy/rate-limits.ts`); absent: none. */
  readonly limits?: string
  /** The same of what may be used from each address. */
  readonly addressLimits?: string
  /** What whoever shows no credential may do, a policy as JSON text; absent: nothing. And what all of them together may use. */
  readonly anonymous?: string
  readonly anonymousLimits?: string
  /** What calls carry is kept for the owner, masked and cut. */
  readonly isCaptured?: boolean
  /** What is accepted of the share's servers, as JSON text (`protocol/policy/pins.ts`); absent: nothing is held back. In an object of its own one. */
  readonly pins?: string
  /** Where the server is, in the place of an agent's: `KeptUpstream` as JSON text; absent where agents serve. */
  readonly upstream?: string
}

/** What may be decided for a share when it is made; an empty text takes back what was decided. */
export type ShareTerms = Pick<
  ShareTrust,
  'limits' | 'addressLimits' | 'anonymous' | 'anonymousLimits' | 'isCaptured' | 'slidingMs' | 'pins' | 'upstream'
>

/** What an owner has decided for one link of a share. */
export interface LinkTrust {
  readonly id: string
  /** The share's version at this link's last change. */
  readonly version: number
  readonly kind: LinkKind
  readonly expiresAtMs: number
  readonly isRevoked: boolean
  readonly policy?: string
  readonly limits?: string
  /** Of a link that a holder has narrowed, or an agent has had made: the holder's, with which it ends. */
  readonly parent?: string
}

/** A link that a holder has narrowed, when it is first used. Its kind is its root's, and it ends with its parent at the latest. */
export interface DerivedLink {
  readonly id: string
  readonly parent: string
  readonly root: string
  readonly name: string
  /** As in `Pass.ends`. */
  readonly endMs: number
}

/** What the registry says of a share and of the links of a chain, the owner's own first. */
export interface ChainTrust {
  readonly share: ShareTrust | undefined
  readonly links: readonly (LinkTrust | undefined)[]
}

/** `person`: whoever signs in has proved to be the one whom the owner has invited. */
export type LinkKind = 'client' | 'key' | 'agent' | 'person'

/** All that bounds what a pass may do, for the Worker that judges its requests. */
export interface GrantFacts {
  /** What `Pass.state` names. */
  readonly state: string
  /** The share's and the links', as JSON texts: a request must be within each. */
  readonly policies: readonly string[]
  /** As in `ShareTrust`. */
  readonly pins?: string
  readonly upstream?: string
}

/** Why a Share lets a pass do nothing. */
export type PassRefusal = 'SHARE_EXPIRED' | 'SHARE_PAUSED' | 'LINK_REVOKED' | 'LINK_EXPIRED'

/** What the Share says to a pass that it does not let in as it is. */
export type PassVerdict =
  | { readonly kind: 'refused'; readonly code: PassRefusal }
  /** It may come again later. Only of what is charged, and of `admit`. */
  | Exhausted
  /** The facts have changed since the Worker looked: judge the request by these, and call again. */
  | { readonly kind: 'stale_grant'; readonly facts: GrantFacts }

/** What the owner has changed, on its way to each lane. */
export type TrustChange =
  | { readonly op: 'share_changed'; readonly trust: ShareTrust }
  | { readonly op: 'link_changed'; readonly trust: LinkTrust }
  /** Every link whose version is below this one is revoked; agents' too unless they are kept. Links made since live on, also when this is told late. */
  | { readonly op: 'rotated'; readonly trust: ShareTrust; readonly keepsAgents: boolean }
