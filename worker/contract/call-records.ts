/** What a Share tells its owner of the calls that were made: how often each link was used. Types only. */
import type { ClientAnswer, ClientOrder } from './client-facts.ts'

/** What one link has done, as far as one object of the share has seen it. */
export interface LinkUse {
  readonly id: string
  /** Requests of its clients that were let in. */
  readonly calls: number
  /** Milliseconds since 1970. */
  readonly lastUsedAtMs: number
}

/** What a call says of itself for the owner's sake. */
export interface ToldOfCall {
  /** The relay asks by itself, in its client's name. */
  readonly isRelays?: true
}

/** What an owner asks about what is done with a share. */
export type UsageOrder = ClientOrder | { readonly op: 'uses' }

/** What comes of it. */
export interface UsageAnswer extends ClientAnswer {
  readonly uses?: readonly LinkUse[]
}
