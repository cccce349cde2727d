/** What a Worker and the object of a share's sign-in say to each other. */
import type { AuthRequest } from '@cloudflare/workers-oauth-provider'

/** What a person has approved. */
export interface ApprovalOrder {
  /** URL below which everything of this sign-in is (`signInBase`). */
  readonly base: string
  /** What the client asks for, as it was checked. */
  readonly request: AuthRequest
  /** Of the person's access code. */
  readonly codeHash: Uint8Array<ArrayBuffer>
}

/** Where the browser goes with the client's code, or why the person's code proves nothing. */
export type Approval = { readonly kind: 'approved'; readonly redirectTo: string } | { readonly kind: 'used' } | { readonly kind: 'over' }
