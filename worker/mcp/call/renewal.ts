/** What becomes of a call of which the Share knows better than the Worker that made it. Types only. */
import type { CallOutcome, CallRequest } from '../../contract/share-rpc.ts'
import type { Item } from './item.ts'

/** What the Share knows better than the Worker that called. */
export type News = Extract<CallOutcome, { readonly kind: 'stale' | 'bridge' | 'native' }>

/** What to do, now that the news are known: send another request, or answer without one. */
export type Renewal =
  | { readonly kind: 'call'; readonly request: CallRequest; readonly body: Uint8Array }
  | { readonly kind: 'item'; readonly item: Item }

export type Renew = (news: News) => Promise<Renewal>
