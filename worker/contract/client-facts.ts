/** What a Share tells its owner of the clients that it serves, and how one of them is ended. Types only. */

/** One client: a session, or the clients without sessions of one principal that share a child. Times are milliseconds since 1970. */
export interface ClientFacts {
  /** What it is called in the list. It opens nothing: of a session's id it is the first half. */
  readonly id: string
  readonly kind: 'session' | 'group'
  readonly principal: string
  readonly transport: 'http' | 'sse'
  /** The revision that it has asked for, where it says so once. */
  readonly revision?: string
  /** What it says of itself when it begins. */
  readonly name?: string
  readonly version?: string
  readonly startedAtMs?: number
  /** Of the calls that this object remembers. */
  readonly lastCallAtMs?: number
  /** The agent whose server serves it now. */
  readonly agent?: string
}

/** What an owner asks about clients. `id`: one of the list. */
export type ClientOrder = { readonly op: 'clients' } | { readonly op: 'end_client'; readonly id: string }

/** What comes of it: all clients, or those that were ended. */
export interface ClientAnswer {
  readonly clients?: readonly ClientFacts[]
}
