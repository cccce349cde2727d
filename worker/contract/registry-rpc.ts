/** What a Worker and the Registry say to each other over RPC. */
import type { ShareSettings } from './share-rpc.ts'
import type { Location } from './locations.ts'

export interface RelaySecrets {
  readonly signingKey: Uint8Array<ArrayBuffer>
  /** SHA-256 of the owner key that a claim has made. */
  readonly ownerHash: Uint8Array<ArrayBuffer> | undefined
}

/** A share in the list. */
export interface ShareRecord extends ShareSettings {
  /** Where its owner wants it to be; else it is wherever it is first asked for, which is where its agent is. */
  readonly location: Location | undefined
  /** Objects may exist for it. */
  readonly isMade: boolean
  /** Its owner has ended it, and not all of its objects have confirmed that. */
  readonly isEnding: boolean
}

export type ClaimOutcome =
  | { readonly outcome: 'code'; readonly code: string }
  | { readonly outcome: 'owner'; readonly ownerKey: string }
  | { readonly outcome: 'wrong_code' }
  | { readonly outcome: 'claimed' }
