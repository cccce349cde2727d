/** What is said of requests that go to several agents of a share, each of which has a part of the answer. Types only. */

/** A part of a call that goes to several agents. `of`: key of the call. */
export interface SpreadPart {
  readonly agent: string
  readonly of: string
}

/** A page of one agent's list, where the list of a share is made of those of several. `of`: key of the client's request. */
export interface ListPart {
  /** Names the agents that serve the same (`servedSet`). */
  readonly set: string
  readonly of: string
}

/** Agents of a share serve different names (`--serves`), so that a list is to be made of theirs. */
export interface ListsToJoin {
  readonly kind: 'join'
  /** The set of the client's own agent. */
  readonly own: string
  /** All sets, and those of which an agent is there. */
  readonly sets: readonly string[]
  readonly there: readonly string[]
  /** Digest of what the share keeps as the answer: empty when there is nothing, undefined where nothing ever is. */
  readonly listed?: string
}
