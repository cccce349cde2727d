/** What a Share tells its owner of the calls that were made: which they were, and how often each link was used. Types only. */
import type { ClientAnswer, ClientOrder } from './client-facts.ts'

/** What one link has done, as far as one object of the share has seen it. */
export interface LinkUse {
  readonly id: string
  /** Requests of its clients that were let in. */
  readonly calls: number
  /** Milliseconds since 1970. */
  readonly lastUsedAtMs: number
}

/** One call that has ended. Of what it carried only what its owner has asked for. */
export interface AuditEvent {
  /** Counts the events of one object of the share, from 1. */
  readonly n: number
  /** When it came, in milliseconds since 1970; of one that outlived the object's memory, when it ended. */
  readonly at: number
  /** The link that its client has come with. */
  readonly link: string
  readonly principal: string
  /** From where its client has come, as in `Pass`. */
  readonly address?: string
  /** Its session, as it is called in the list of them. */
  readonly session?: string
  /** What its client says of itself, where it says so once: name and version. */
  readonly client?: string
  readonly method: string
  readonly tool?: string
  /** `ok`, `error` (the server's own), `cancelled`, or the code of a failure. */
  readonly outcome: string
  /** The HTTP status that belongs to that. */
  readonly status: number
  /** How long it ran; null where that is not known any more. */
  readonly ms: number | null
  /** Of the request and of what answers it. */
  readonly bytes: number
  /** How many calls it tells of, all alike; one where absent. */
  readonly count?: number
  /** What it carried, masked and cut, as JSON texts; where the share captures that. */
  readonly arguments?: string
  readonly result?: string
}

/** Calls that were refused before anything was done for them, all alike. Of whoever has too many of different kinds, principal and method are empty. */
export interface RefusedCalls extends Pick<AuditEvent, 'principal' | 'address' | 'method' | 'tool' | 'outcome'> {
  /** The link of the owner's that they come from, the first of their chain. */
  readonly whose: string
  readonly count: number
  /** When the last of them came, in milliseconds since 1970. */
  readonly at: number
}

/** What a call takes along to the Share for the owner's sake. */
export interface ToldOfCall {
  /** The relay asks by itself, in its client's name. */
  readonly isRelays?: true
  readonly refused?: readonly RefusedCalls[]
}

/** Events of one object of the share, oldest first: calls, and what Workers have refused, each in numbers of its own. */
export interface AuditPage {
  readonly events: readonly AuditEvent[]
  readonly refused: readonly AuditEvent[]
}

/** What an owner asks about what is done with a share. */
export type UsageOrder = ClientOrder | { readonly op: 'uses' } | AuditOrder

/** What comes of it. */
export interface UsageAnswer extends ClientAnswer {
  readonly uses?: readonly LinkUse[]
  readonly audit?: AuditPage
}

/** Asks for the events behind these numbers. */
export interface AuditOrder {
  readonly op: 'audit'
  readonly after: number
  readonly afterRefused: number
}
