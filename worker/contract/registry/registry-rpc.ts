/** What a Worker, a Share and the Registry say to each other over RPC. */
import type { Location } from './locations.ts'
import type { LinkTrust, ShareTerms, ShareTrust } from '../trust/trust-rpc.ts'
import type { LaneKey } from '../lane-key.ts'
import type { ShareSettings } from '../share-admin.ts'

export interface RelaySecrets {
  readonly signingKey: Uint8Array<ArrayBuffer>
  /** Somebody has claimed the relay. */
  readonly isClaimed: boolean
}

/** The owner who deployed the relay: whoever has OWNER_KEY, or else the key that a claim has made. */
export const DEPLOYER = 'deployer'

/** Another owner. Times are milliseconds since 1970. */
export interface OwnerRecord {
  readonly id: string
  readonly name: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
}

export interface NewOwner extends OwnerRecord {
  /** SHA-256 of its token. */
  readonly hash: Uint8Array<ArrayBuffer>
}

/** Whose token it is. */
export type OwnerVerdict = { readonly kind: 'owner'; readonly id: string } | { readonly kind: 'expired' } | { readonly kind: 'unknown' }

/** A share in the list. */
export interface ShareRecord extends ShareSettings {
  /** Id of its owner. */
  readonly owner: string
  readonly trust: ShareTrust
  /** Names of the servers that agents have served under it, each in an object of its own; without the one that has none. */
  readonly servers: readonly string[]
  /** Where its owner wants it to be; else it is wherever it is first asked for, which is where its agent is. */
  readonly location: Location | undefined
  /** Objects may exist for it. */
  readonly isMade: boolean
  /** Its owner has ended it, and not all of its objects have confirmed that. */
  readonly isEnding: boolean
}

/** What an object is told that comes to be. The share may have ended: its owner can lengthen it for a while. */
export interface Adoption {
  readonly settings: ShareSettings
  readonly trust: ShareTrust
}

/** What a link is made with. Times are milliseconds since 1970. */
export interface NewLink extends Pick<LinkTrust, 'id' | 'kind' | 'expiresAtMs' | 'policy' | 'limits'> {
  readonly name: string
  readonly createdAtMs: number
  /** End of the credential itself: no link outlives it, and it cannot be moved. */
  readonly ceilingMs: number
  /** The agent's link whose holder has had this one made: it ends with that. */
  readonly maker?: string
}

/** A link in the list of its share. */
export interface LinkRecord extends NewLink, LinkTrust {}

/**
 * What came of making a share: the relay keeps no more (`full`), nor for this owner (`owner_full`), has no room left (`no_room`), or
 * the owner was removed meanwhile.
 */
export type ShareAddition = 'added' | 'full' | 'owner_full' | 'no_room' | 'no_owner'

/**
 * What came of noting a server of a share: it is `new`, or was there; the share has as many as it may have (`full`), or its owner has just removed
 * this one, of which its object has yet to hear (`ending`).
 */
export type ServerAddition =
  | { readonly kind: 'new' | 'known'; readonly trust: ShareTrust; readonly location: Location | undefined }
  | { readonly kind: 'full' | 'ending' }

/** What came of making a link: its share has as many as it may have (`full`), the relay has no room left, or the share is gone. */
export type LinkAddition = LinkRecord | 'full' | 'no_room' | 'no_share'

/** A person in the list of its share; revoked ones too, for as long as they are remembered. */
export interface PersonRecord extends LinkRecord {
  /** It has not used its access code yet. */
  readonly isPending: boolean
}

/** Whose access code it is, or why it proves nothing: never made or used before, or the person's link is over. */
export type CodeVerdict = { readonly kind: 'person'; readonly link: string } | { readonly kind: 'used' } | { readonly kind: 'over' }

/** What an owner changes of a share; what is absent stays. */
export interface ShareChange extends Omit<ShareTerms, 'slidingMs' | 'pins'> {
  readonly name?: string
  readonly expiresAtMs?: number
  /** With a new end: how far away it is. */
  readonly lifeMs?: number
  /** Whether the end moves while the share is used. */
  readonly isSliding?: boolean
  readonly isPaused?: boolean
  readonly policy?: string
  /** `null`: pinning is off. */
  readonly pins?: string | null
}

/** What an owner changes of a link; what is absent stays. */
export interface LinkChange {
  readonly name?: string
  readonly expiresAtMs?: number
  readonly isRevoked?: true
  readonly policy?: string
  readonly limits?: string
}

/** What an order has changed, and the lanes that have yet to hear of it: the registry tells them again. */
export interface Changed<Value> {
  readonly value: Value
  readonly unreached: readonly LaneKey[]
}

export type ClaimOutcome =
  | { readonly outcome: 'code'; readonly code: string }
  | { readonly outcome: 'owner'; readonly ownerKey: string }
  | { readonly outcome: 'wrong_code' }
  | { readonly outcome: 'claimed' }
