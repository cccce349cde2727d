/** What Worker, Registry and Share say to each other about who may do what: the facts that an owner can change. */

/** What an owner has decided for a share, and can change. Times are milliseconds since 1970. */
export interface ShareTrust {
  /** Counts the changes of anything that is decided for this share or one of its links. */
  readonly version: number
  readonly expiresAtMs: number
  readonly isPaused: boolean
  /** A policy as JSON text (`protocol/policy.ts`); absent: everything. */
  readonly policy?: string
}

/** What an owner has decided for one link of a share. */
export interface LinkTrust {
  readonly id: string
  /** The share's version at this link's last change. */
  readonly version: number
  readonly kind: LinkKind
  readonly expiresAtMs: number
  readonly isRevoked: boolean
  readonly policy?: string
}

export type LinkKind = 'client' | 'key' | 'agent'

/** What the owner has changed, on its way to each lane. */
export type TrustChange =
  | { readonly op: 'share_changed'; readonly trust: ShareTrust }
  | { readonly op: 'link_changed'; readonly trust: LinkTrust }
  /** Every link whose version is below this one is revoked; agents' too unless they are kept. Links made since live on, also when this is told late. */
  | { readonly op: 'rotated'; readonly trust: ShareTrust; readonly keepsAgents: boolean }
