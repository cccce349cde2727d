/** What becomes of a call of which the Share knows better than the Worker that made it. Types only. */
import type { CallOutcome, CallRequest } from '../../contract/share-rpc.ts'
import type { Item } from './item.ts'
import type { CallRenewed } from '../../carry/pass-refused.ts'

/** What the Share knows better than the Worker that called. */
export type News = Extract<CallOutcome, { readonly kind: 'stale' | 'bridge' | 'native' }>

/** What to do, now that the news are known: send another request, or answer without one. */
export type Renewal =
  | { readonly kind: 'call'; readonly request: CallRequest; readonly body: Uint8Array }
  | { readonly kind: 'item'; readonly item: Item }

export type Renew = (news: News) => Promise<Renewal>

/** What is done with a call that does not go as it was begun. */
export interface Turns {
  /** Makes another request of what the Share knows better; without it such a call fails. */
  readonly renew?: Renew
  /** Judges the call once more, when what its client may do has changed; without it the relay calls for itself. */
  readonly judge?: CallRenewed
  /** Ends a call, in the server too, whose client has fallen behind while others wait for it; without it they wait for ever. */
  readonly onLag?: (() => void) | undefined
}
