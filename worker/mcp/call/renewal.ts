/** What becomes of a call of which the Share knows better than the Worker that made it. Types only. */
import type { ListsToJoin } from '../../contract/call-parts.ts'
import type { CallOutcome, CallRequest } from '../../contract/share-rpc.ts'
import type { Item } from './item.ts'
import type { CallRenewed } from '../../carry/pass-refused.ts'

/** What the Share knows better than the Worker that called. */
export type News = Extract<CallOutcome, { readonly kind: 'stale' | 'bridge' | 'native' }>

/** A call may be one for several agents. */
export type SpreadOffer = Extract<CallOutcome, { readonly kind: 'spread' }>

/** What a call is told that goes to several agents, or may. */
export type SeveralOffer = SpreadOffer | ListsToJoin

/** What to do, now that the news are known: send another request, or answer without one. */
export type Renewal =
  | { readonly kind: 'call'; readonly request: CallRequest; readonly body: Uint8Array }
  | { readonly kind: 'item'; readonly item: Item }

/** A call as it goes to the Share. */
export interface Sent {
  readonly request: CallRequest
  readonly body: Uint8Array
}

export type Renew = (news: News) => Promise<Renewal>

/** What is done with a call that does not go as it was begun. */
export interface Turns {
  /** Makes another request of what the Share knows better; without it such a call fails. */
  readonly renew?: Renew
  /** Calls other agents too, or does not, or lists what they list; `sent` is what the client's own is to get. Without it such a call fails. */
  readonly several?: (offer: SeveralOffer, sent: Sent) => Promise<Renewal>
  /** Judges the call once more, when what its client may do has changed; without it the relay calls for itself. */
  readonly judge?: CallRenewed
  /** Ends a call, in the server too, whose client has fallen behind while others wait for it; without it they wait for ever. */
  readonly onLag?: (() => void) | undefined
}
